"""One text for one JSON value: sorted keys, no spaces, UTF-8."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def canonical_text(value: Any) -> str:  # noqa: ANN401 - JSON of any shape
    """The canonical JSON text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(value: Any) -> str:  # noqa: ANN401 - JSON of any shape
    """Hex SHA-256 of the canonical text."""
    return hashlib.sha256(canonical_text(value).encode("utf-8", "surrogatepass")).hexdigest()


def strict_loads(text: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """Parse JSON; ValueError on keys that stand twice and on numbers that are not integers."""
    return json.loads(
        text, object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_number(text: str) -> Any:  # noqa: ANN401 - never returns
    raise ValueError(f"not an integer: {text}")
