"""Request headers as a session, by Trino's rules."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote_plus, unquote_to_bytes

import zstandard

from gateway.errors import MeshgateError
from gateway.protocol.properties import checked, time_zone
from gateway.session import Session

MAX_PREPARED_TEXT = 1 << 20
_ZSTD = "$zstd:"
_MAX_PREPARED_HEADERS = 64 << 10
_MAX_SHORT, _MAX_TAGS = 1000, 50
_CLAIMED = ("client-info", "trace-token", "source")
_NAME = re.compile(r"[!-~]+")
_NO_TRANSACTION = "NONE"
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class BadRequestError(Exception):
    """The request is malformed: HTTP 400 with this text."""


@dataclass(frozen=True, slots=True)
class Headers:
    """The headers of one request; names lower case, repeated lines kept apart."""

    lines: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, raw: Iterable[tuple[bytes, bytes]]) -> Headers:
        """Collect an ASGI scope's header pairs."""
        found: dict[str, tuple[str, ...]] = {}
        for name, value in raw:
            key = name.decode("latin-1").lower()
            found[key] = (*found.get(key, ()), value.decode("latin-1").strip())
        return cls(MappingProxyType(found))

    def one(self, name: str) -> str | None:
        """The last non-empty value of a header, if any."""
        return next((line for line in reversed(self.lines.get(name, ())) if line), None)

    def single(self, name: str) -> str | None:
        """The value of a header that may say one thing only; raises BadRequestError."""
        if len({line for line in self.lines.get(name, ()) if line}) > 1:
            raise BadRequestError(f"header {name.title()} stands twice, with two values")
        return self.one(name)

    def trino(self, name: str) -> str | None:
        """The same for ``X-Trino-<name>``."""
        return self.one(f"x-trino-{name}")

    def items(self, name: str) -> list[str]:
        """The parts of a comma list in ``X-Trino-<name>``, over all its lines."""
        lines = self.lines.get(f"x-trino-{name}", ())
        return [part.strip() for line in lines for part in line.split(",") if part.strip()]


@dataclass(frozen=True, slots=True)
class ClientSession:
    """A session with what only the protocol needs.

    ``problem`` is an error to answer with status 200 (unknown property, zone);
    ``transactions`` tells whether the client can carry a transaction id;
    ``role`` is what it claims under catalog ``system``.
    """

    session: Session
    problem: MeshgateError | None = None
    transactions: bool = False
    role: str | None = None


def read_session(headers: Headers, peer: str) -> ClientSession:
    """Validate the session headers of one request.

    Raises:
        BadRequestError: malformed lists, ``Schema`` without ``Catalog``, a malformed id.

    """
    catalog, schema = headers.trino("catalog"), headers.trino("schema")
    if schema and not catalog:
        raise BadRequestError("Schema is set but catalog is not")
    problem: MeshgateError | None = None
    try:
        properties = _properties(headers)
        zone = time_zone(headers.trino("time-zone") or "UTC")
    except MeshgateError as error:
        properties, zone, problem = {}, "UTC", error
    except ValueError as error:
        properties, zone = {}, "UTC"
        problem = MeshgateError("INVALID_SESSION_PROPERTY", f"time zone not supported: use {error}")
    transaction, transactions = _transaction(headers)
    session = Session(
        catalog=_short(catalog, "Catalog").lower() if catalog else None,
        schema=_short(schema, "Schema").lower() if schema else None,
        time_zone=properties.get("time_zone_id") or zone,
        language=_language(headers.trino("language")),
        properties=MappingProxyType(properties),
        prepared=MappingProxyType(_prepared(headers)),
        transaction_id=transaction,
        capabilities=frozenset(item.upper() for item in headers.items("client-capabilities")),
        client_tags=tuple(tag[:_MAX_SHORT] for tag in headers.items("client-tags"))[:_MAX_TAGS],
        source=(headers.trino("source") or "")[:_MAX_SHORT],
        peer_address=peer,
        claimed=MappingProxyType(_claimed(headers)),
    )
    return ClientSession(session, problem, transactions, _role(headers))


def encode_prepared(text: str) -> str:
    """A prepared statement as its header carries it: compressed where that saves much."""
    raw = text.encode()
    if len(raw) < 2048:  # noqa: PLR2004 - Trino's own threshold
        return text
    packed = base64.urlsafe_b64encode(zstandard.ZstdCompressor().compress(raw)).decode()
    return _ZSTD + packed if len(packed) + len(_ZSTD) + 512 <= len(raw) else text


def decode_prepared(text: str) -> str:
    """The statement in a prepared-statement header; bounded, whatever it unpacks to.

    Raises:
        BadRequestError: not readable, or too long.

    """
    if not text.startswith(_ZSTD):
        return text
    try:
        packed = base64.b64decode(text.removeprefix(_ZSTD), altchars=b"-_", validate=True)
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 23).stream_reader(packed)
        raw = reader.read(MAX_PREPARED_TEXT + 1)
        if len(raw) > MAX_PREPARED_TEXT:
            raise BadRequestError("a prepared statement is longer than 1 MiB")
        if not raw:
            raise BadRequestError("a compressed prepared statement is empty")
        return raw.decode()
    except (zstandard.ZstdError, binascii.Error, ValueError):
        raise BadRequestError("a compressed prepared statement cannot be read") from None


def _properties(headers: Headers) -> dict[str, str]:
    return {name: checked(name, value) for name, value in _pairs(headers, "session").items()}


def _prepared(headers: Headers) -> dict[str, str]:
    lines = headers.lines.get("x-trino-prepared-statement", ())
    if sum(map(len, lines)) > _MAX_PREPARED_HEADERS:
        raise BadRequestError(
            "prepared statements in the headers exceed 64 KiB; deallocate some, or send the text "
            "with EXECUTE IMMEDIATE"
        )
    found: dict[str, str] = {}
    size = 0
    for name, packed in _pairs(headers, "prepared-statement").items():
        text = decode_prepared(packed)
        size += len(text)
        if size > MAX_PREPARED_TEXT:
            raise BadRequestError("prepared statements are longer than 1 MiB; deallocate some")
        found[unquote_plus(name)] = text
    return found


def _pairs(headers: Headers, name: str) -> dict[str, str]:
    """``key=value`` items, values URL-decoded; the last of equal keys wins."""
    found: dict[str, str] = {}
    for item in headers.items(name):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not _NAME.fullmatch(key):
            raise BadRequestError(f"header X-Trino-{name.title()} must hold name=value pairs")
        found[key] = _decoded(value, name)
    return found


def _decoded(value: str, name: str) -> str:
    try:
        return unquote_to_bytes(value.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        raise BadRequestError(f"header X-Trino-{name.title()} is not UTF-8") from None


def _transaction(headers: Headers) -> tuple[str | None, bool]:
    text = headers.trino("transaction-id")
    if text is None or text.upper() == _NO_TRANSACTION:
        return None, text is not None
    if not _UUID.fullmatch(text):
        raise BadRequestError("header X-Trino-Transaction-Id is not a transaction id")
    return text.lower(), True


def _role(headers: Headers) -> str | None:
    """``system=ROLE{name}``; roles of other catalogs mean nothing here."""
    for key, value in _pairs(headers, "role").items():
        if key == "system" and (found := re.fullmatch(r'ROLE\{"?([^"}]*)"?\}', value)):
            return found[1]
    return None


def _claimed(headers: Headers) -> dict[str, str]:
    said = {name.replace("-", "_"): headers.trino(name) for name in _CLAIMED}
    said["user_agent"] = headers.one("user-agent")
    said["tags"] = ",".join(headers.items("client-tags")) or None
    return {name: value[:_MAX_SHORT] for name, value in said.items() if value}


def _language(text: str | None) -> str:
    return (
        text if text and re.fullmatch(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{2,8})*", text) else "en-US"
    )


def _short(text: str, name: str) -> str:
    if len(text) > _MAX_SHORT:
        raise BadRequestError(f"header X-Trino-{name} is too long")
    return text
