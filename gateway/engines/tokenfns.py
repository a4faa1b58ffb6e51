"""Token functions of the embedded engine: canonical text in, tokens out, keys in closures."""

from __future__ import annotations

import array
import sys
from collections.abc import Callable
from dataclasses import replace

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from duckdb.func import PythonUDFType

from gateway.tokens import base32
from gateway.tokens.codec import FINGERPRINT_MESSAGE, Mac
from gateway.tokens.model import TokenFunction
from gateway.tokens.selftest import engine_failures

ArrowFunction = Callable[[pa.Array], pa.Array]

_TEXT_BYTES, _SHORT_BYTES = 15, 10
_CHARS_PER_FIVE = 8
_NUMBER_MASKS = {"i63": 2**63 - 1, "i53": 2**53 - 1}


def arrow_function(function: TokenFunction) -> ArrowFunction:
    """Return the function over Arrow text; NULL stays NULL, repeated values are computed once."""
    digest = Mac(function.key.secret).digest
    finish = _finisher(function)

    def compute(values: pa.Array) -> pa.Array:
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        encoded = values.dictionary_encode()
        distinct = encoded.dictionary.cast(pa.large_binary()).to_pylist()
        tokens = finish(list(map(digest, distinct)))
        return tokens.take(encoded.indices)

    return compute


def register(connection: duckdb.DuckDBPyConnection, function: TokenFunction) -> None:
    """Give one database the function under its name. Only its closure knows the key."""
    connection.create_function(
        function.name,
        arrow_function(function),
        ["VARCHAR"],
        function.returns,
        type=PythonUDFType.ARROW,
    )


def selftest() -> bool:
    """Whether functions registered in a DuckDB database give all known answers."""
    connection = duckdb.connect(":memory:")

    def answers(function: TokenFunction, canonical: list[str]) -> list[str | int]:
        name = f"mg_{len(used)}"
        used.append(name)
        register(connection, replace(function, name=name))
        asked = pa.table({"x": pa.array(canonical, pa.string())})
        connection.register("asked", asked)
        rows = connection.execute(f'SELECT "{name}"(x) FROM asked').fetchall()  # noqa: S608
        return [row[0] for row in rows]

    used: list[str] = []
    failed = engine_failures(answers)
    connection.close()
    return not failed


def holds(function: TokenFunction) -> bool:
    """Whether the production code answers with the key's own fingerprint."""
    hashed = arrow_function(replace(function, shape="hash"))(pa.array([FINGERPRINT_MESSAGE]))
    text: str = hashed[0].as_py()
    return text.startswith(function.key.fingerprint)


def _finisher(function: TokenFunction) -> Callable[[list[bytes]], pa.Array]:
    label = f"{function.code}{function.key.version}"
    match function.shape:
        case "text":
            return lambda macs: _joined(f"{label}_", _base32(macs, _TEXT_BYTES), "")
        case "short":
            return lambda macs: _joined(f"{label}_", _base32(macs, _SHORT_BYTES), "")
        case "email":
            end = f"@{label}.invalid"
            return lambda macs: _joined("", pc.ascii_lower(_base32(macs, _SHORT_BYTES)), end)
        case "hash":
            return lambda macs: pa.array([mac.hex() for mac in macs], pa.string())
        case "i63" | "i53":
            mask = _NUMBER_MASKS[function.shape]
            return lambda macs: _numbers(macs, mask)
    raise ValueError(f"unknown token shape {function.shape}")


def _base32(macs: list[bytes], size: int) -> pa.Array:
    """Encode the first ``size`` bytes of all in one run: no padding at multiples of five."""
    width = size // 5 * _CHARS_PER_FIVE
    characters = base32.encode(b"".join(mac[:size] for mac in macs))
    offsets = array.array("i", range(0, width * (len(macs) + 1), width))
    return pa.StringArray.from_buffers(len(macs), pa.py_buffer(offsets), pa.py_buffer(characters))


def _joined(before: str, middle: pa.Array, after: str) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(before), middle, pa.scalar(after), "")


def _numbers(macs: list[bytes], mask: int) -> pa.Array:
    words = array.array("q", b"".join(mac[:8] for mac in macs))
    if sys.byteorder == "little":
        words.byteswap()
    whole = pa.Array.from_buffers(pa.int64(), len(macs), [None, pa.py_buffer(words)])
    return pc.bit_wise_and(whole, pa.scalar(mask, pa.int64()))
