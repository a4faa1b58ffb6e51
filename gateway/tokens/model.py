"""A derived key and a function under it."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.tokens.codec import fingerprint


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One derived key. ``use`` is ``token`` or ``hash``; its ``repr`` shows the fingerprint."""

    domain: str
    version: int
    use: str
    secret: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """12 hex digits that name the key."""
        return fingerprint(self.secret)

    def __repr__(self) -> str:
        return f"TokenKey({self.domain}:v{self.version}:{self.use}, {self.fingerprint})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class TokenFunction:
    """One function governed text may call: what it computes, under which key."""

    name: str
    shape: str
    code: str
    key: TokenKey

    @property
    def returns(self) -> str:
        """DuckDB type of the result."""
        return "BIGINT" if self.shape in {"i63", "i53"} else "VARCHAR"
