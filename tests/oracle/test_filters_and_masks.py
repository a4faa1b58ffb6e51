"""Random row filters, masks and hidden columns through ``govern``, against plain Python.

One decision holds them all at once. The governed text runs twice: over raw rows, so that the
text alone must filter, and over what the engine's own scan lets pass.
"""

from __future__ import annotations

import hashlib
import math
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engines.database import lock, open_database
from gateway.engines.duckdb import scan_job
from gateway.engines.iceberg import Tables
from gateway.engines.job import WorkerConfig
from gateway.engines.scan import GovernedScan
from gateway.policy.model import ColumnDecision, Decision, Mask, TableDecision
from gateway.sql.govern import govern
from gateway.sql.limits import allow_recursion
from gateway.sql.model import Defaults
from gateway.sql.parse import parse
from gateway.sql.resolve import resolve
from tests.oracle.embedded import allow_all
from tests.unit.engines.test_rowfilter import (
    ROWS,
    TABLE,
    TREES,
    TRINO,
    batch_of,
    condition,
    truth,
)

SALT = "0a1b" * 8
Shown = Callable[[Any], Any]


def _alnum(text: str) -> str:
    return re.sub("[0-9]", "n", re.sub("[^0-9(),.@-]", "x", text))


def _partial(n: int, side: str) -> Shown:
    def shown(text: str) -> str:
        if len(text) <= n + 3:
            return "*" * len(text)
        stars = "*" * (len(text) - n)
        return text[:n] + stars if side == "first" else stars + text[-n:]

    return shown


def _email(text: str) -> str:
    local, at, host = text.partition("@")
    if not (at and local and host) or "@" in host:
        return "***"
    return "***@" + "".join(c.lower() if c.isascii() else c for c in host)


def _bucket(width: int) -> Shown:
    def shown(value: Any) -> Any:
        if isinstance(value, float):
            return float(math.floor(value / width)) * width if abs(value) < 1e15 else value
        low = value // width * width if isinstance(value, int) else None
        return low if low is not None else (value / width).to_integral_value("ROUND_FLOOR") * width

    return shown


def _cut(unit: str) -> Shown:
    def shown(value: Any) -> Any:
        month = {"year": 1, "quarter": value.month - (value.month - 1) % 3}.get(unit, value.month)
        day = value.day if unit in {"day", "hour"} else 1
        if not isinstance(value, datetime):
            return value.replace(month=month, day=day)
        hour = value.hour if unit == "hour" else 0
        return value.replace(month=month, day=day, hour=hour, minute=0, second=0, microsecond=0)

    return shown


def _hash(salt: bytes) -> Shown:
    return lambda text: hashlib.sha256(salt + text.encode()).hexdigest()


Masked = tuple[Mask, Shown]
_NOTHING: Masked = (Mask("replace-with-null"), lambda _: None)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
_CUTS: list[Masked] = [
    (Mask("truncate-to-year"), _cut("year")),
    (Mask("truncate-to-month"), _cut("month")),
    (Mask("date-trunc", (("unit", "quarter"),)), _cut("quarter")),
    (Mask("date-trunc", (("unit", "day"),)), _cut("day")),
]
_HOUR: Masked = (Mask("date-trunc", (("unit", "hour"),)), _cut("hour"))
_BUCKETS: list[Masked] = [
    (Mask("bucket", (("width", width),)), _bucket(width)) for width in (1, 10, 1000)
]
_FIXED = Mask("mask-to-fixed-value")


def _constant(written: Any, value: Any) -> Masked:
    return Mask("constant", (("value", written),)), lambda _: value


MASKS: dict[str, list[Masked]] = {
    "flag": [_NOTHING, (_FIXED, lambda _: False), _constant(written=True, value=True)],
    "i": [_NOTHING, (_FIXED, lambda _: 0), _constant(-5, -5), *_BUCKETS],
    "n": [_NOTHING, (_FIXED, lambda _: 0), _constant(2**40, 2**40), *_BUCKETS],
    "d": [_NOTHING, (_FIXED, lambda _: 0.0), _constant("1.5", 1.5)],
    "r": [_NOTHING, (_FIXED, lambda _: 0.0)],
    "dec": [
        _NOTHING,
        (_FIXED, lambda _: Decimal("0.00")),
        _constant("-1.25", Decimal("-1.25")),
        *_BUCKETS,
    ],
    "s": [
        _NOTHING,
        (_FIXED, lambda _: "XXXXXXXX"),
        _constant("it's", "it's"),
        (Mask("mask-alphanum"), _alnum),
        (Mask("show-first-4"), lambda x: x[:4] + _alnum(x[4:])),
        (Mask("show-last-4"), lambda x: x if len(x) <= 4 else _alnum(x[:-4]) + x[-4:]),
        (Mask("partial", (("n", 1), ("side", "first"))), _partial(1, "first")),
        (Mask("partial", (("n", 2), ("side", "last"))), _partial(2, "last")),
        (Mask("email-domain"), _email),
        (
            Mask("regex", (("pattern", "[ab]+"), ("replacement", "'"))),
            lambda x: re.sub("[ab]+", "'", x),
        ),
        (Mask("sha-256-global"), _hash(b"")),
        (Mask("sha-256-query-local"), _hash(bytes.fromhex(SALT))),
    ],
    "day": [_NOTHING, (_FIXED, lambda _: date(1970, 1, 1)), *_CUTS],
    "ts": [_NOTHING, (_FIXED, lambda _: _EPOCH), _HOUR, *_CUTS],
    "tz": [_NOTHING, (_FIXED, lambda _: _EPOCH.replace(tzinfo=UTC)), _HOUR, *_CUTS],
    "u": [_NOTHING],
    "t": [_NOTHING],
}
_LOWEST = {"i": -(2**31), "n": -(2**63)}

CHOICES = st.fixed_dictionaries(
    {name: st.integers(-2, len(found) - 1) for name, found in MASKS.items()}
)
"""By column: a mask's place in ``MASKS``, -1 for none, -2 for a hidden column."""


def shown(name: str, choice: int, value: Any) -> Any:
    """What somebody sees of one value."""
    if choice == -1:
        return value
    mask, oracle = MASKS[name][choice]
    if mask == _FIXED:
        return oracle(value)
    if value is None:
        return None
    found = oracle(value)
    # A bucket that would begin below the type's range shows nothing.
    return None if name in _LOWEST and found is not None and found < _LOWEST[name] else found


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    made = open_database(WorkerConfig(1 << 30, 1, "", 0))
    lock(made, "Asia/Tokyo")
    allow_recursion()  # Hypothesis minds if a test raises the limit
    yield made
    made.close()


@given(tree=st.none() | TREES, rows=ROWS, choices=CHOICES)
def test_governed_rows_equal_python(
    database: duckdb.DuckDBPyConnection,
    tree: tuple[Any, ...] | None,
    rows: list[dict[str, Any]],
    choices: dict[str, int],
) -> None:
    names = [name for name, choice in choices.items() if choice > -2]
    if not names:
        return
    expected = [
        tuple(_same(shown(name, choices[name], row[name])) for name in names)
        for row in rows
        if tree is None or truth(tree, row) is True
    ]
    decision = _decision(choices, condition(tree) if tree else None)
    statement = parse("SELECT * FROM t", Defaults("lake", "s"))
    resolved = resolve(statement, decision, {TABLE.name: TABLE})
    assert govern(resolved, "trino", {}, SALT).engine == "trino"
    made = govern(resolved, "duckdb", {}, SALT)
    assert [(o.name, o.type) for o in made.outputs] == [
        (c.name, c.type) for c in TABLE.columns if c.name in names
    ]
    data = pa.Table.from_batches([batch_of(rows).select(list(TRINO))])
    job = scan_job(made.scans[0], {TABLE.name: data})
    for source in (data, GovernedScan(job, Tables(), threading.Event())):
        database.register(job.name, source)
        found = database.sql(made.sql).to_arrow_reader(10_000).read_all()
        database.unregister(job.name)
        columns = [found.column(name).to_pylist() for name in names]
        got = [tuple(map(_same, row)) for row in zip(*columns, strict=True)]
        assert got == expected


def _decision(choices: dict[str, int], row_filter: Any) -> Decision:
    columns = tuple(
        ColumnDecision(name, "deny")
        if choice == -2
        else ColumnDecision(name, "allow")
        if choice == -1
        else ColumnDecision(name, "mask", MASKS[name][choice][0])
        for name, choice in choices.items()
    )
    table = TableDecision(TABLE.name, "allow", columns, row_filter)
    return replace(allow_all({}), tables={TABLE.name: table})


def _same(value: Any) -> Any:
    """Values as they compare: instants in UTC, reals as Python holds them."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, uuid.UUID):
        return str(value)
    return repr(value) if isinstance(value, float) else value
