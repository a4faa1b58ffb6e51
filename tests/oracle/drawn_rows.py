"""The rows of world ``drawn``, and what each person should see of them: views written by hand.

Rows that somebody may not see hold what would betray them: texts no cast accepts, zeros to
divide by, values of their own.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa

KEY = bytes(range(7, 39))
SALT = hmac.new(b"", b"lab", "sha256").digest()

SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "orders": {
        "id": pa.int64(),
        "cust": pa.string(),
        "region": pa.string(),
        "status": pa.string(),
        "code": pa.string(),
        "total": pa.decimal128(12, 2),
        "qty": pa.int32(),
        "placed": pa.date32(),
        "shipped": pa.timestamp("us"),
        "flag": pa.bool_(),
        "ratio": pa.float64(),
        "note": pa.string(),
    },
    "items": {
        "order_id": pa.int64(),
        "line": pa.int32(),
        "sku": pa.string(),
        "qty": pa.int32(),
        "price": pa.decimal128(10, 2),
        "code": pa.string(),
        "made": pa.timestamp("us"),
    },
    "people": {
        "id": pa.string(),
        "name": pa.string(),
        "email": pa.string(),
        "born": pa.date32(),
        "region": pa.string(),
        "score": pa.int32(),
        "card": pa.int64(),
    },
    "areas": {
        "region": pa.string(),
        "boss": pa.string(),
        "level": pa.int32(),
        "since": pa.date32(),
    },
}


def _at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _on(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _d(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


_NAN = float("nan")
# fmt: off
_ORDERS = [
    (1, "c-1", "EU", "open", "12", "10.00", 3, "2026-01-31", "2026-02-01T10:30", True, 0.5, "box"),
    (2, "C1", "EU", "paid", "7", "1500.00", 4,
     "2026-02-28", "2026-03-01T00:00:00.25", False, -1.25, "fax 12"),
    (3, "c-2", "US", "open", "junk", "20.50", 0, "2025-12-31", None, True, 2.0, "ring (555) 010"),
    (4, "UNKNOWN", "EU", "lost", "-3", None, 9, None, "1969-12-31T23:59:59.5", None, 0.25, None),
    (5, None, "EU", "open", None, "0.00", None, "2024-02-29", "2026-02-01T10:30", False, None, ""),
    (6, "c-3", None, "paid", "0x1", "99.99", 0, "2026-01-31", "2026-02-01T11:00", True, 1e300, "x"),
    (7, "c-2", "EU", None, "12", "5000.00", -5, "2026-06-30", None, True, _NAN, "box"),
    (8, "c-9", "APAC", "lost", "", "100.00", 0, "1969-07-20",
     "2026-01-01T00:00", False, 0.25, "caf\u00e9 x"),
    (9, "", "eu", "open", "9999999999999", "-7.25", 12,
     "2026-01-01", "2025-12-31T23:00", None, 0.5, "box"),
    (10, "c-3", "US", "paid", "5", "250.75", 1, "2026-03-15", "2026-04-01T08:15", True, -0.0, "x"),
    (11, "c-1", "EU", "open", "12", "10.00", 3, "2026-01-31", "2026-02-01T10:30", True, 0.5, "box"),
    (11, "c-1", "EU", "open", "12", "10.00", 3, "2026-01-31", "2026-02-01T10:30", True, 0.5, "box"),
    (None, "c-4", "EU", "paid", "1", "33.33", 2,
     "2026-05-05", "2026-05-06T07:08:09", False, 4.0, "Alex"),
]
_ITEMS = [
    (1, 1, "A1", 2, "2.50", "10", "2026-01-01 00:00:00"),
    (1, 2, "B2", 4, "15.00", "20", "2026-01-02 12:34:56.789"),
    (2, 1, "A1", 2, "2.50", "30", "2026-01-01 00:00:00"),
    (3, 1, "A77", 1, "99.99", "44", None),
    (3, 3, "C3", 0, "7.77", "none", "2026-03-03 03:03:03"),
    (7, 1, None, 5, None, None, "2026-01-01 00:00:00"),
    (7, 2, "A1", None, "12.00", "50", "2025-06-30 23:59:59.999999"),
    (10, 1, "a1", 3, "5.01", "broken", "2026-01-05 00:00:00"),
    (None, 1, "B2", 7, "15.00", "60", None),
    (99, 2, "A5", 0, "-1.00", "70", "2026-01-06 06:00:00"),
    (11, 2, "B2", 4, "15.00", "20", "2026-01-02 12:34:56.789"),
    (11, 2, "B2", 4, "15.00", "20", "2026-01-02 12:34:56.789"),
]
_PEOPLE = [
    ("c1", "Anna Lee", "anna@Example.org", "1980-05-17", "EU", 55, 1001),
    ("c-2", "Bo", "no mail", "1990-07-01", "US", 6, 0),
    ("c3", None, None, None, None, None, None),
    ("C-4", "Zo\u00eb 12", "zoe1@mail2.test", "2001-12-31", "EU", -3, 1002),
    ("c-5", "Anna Lee", "a@b@c", "1980-05-17", "APAC", 55, 1001),
    ("UNKNOWN", "Nobody", "@none", "1970-01-01", "US", 0, -9),
    ("c-9", "Ute", "ute@example.org", "1999-03-03", "APAC", 100, 1003),
]
_AREAS = [
    ("EU", "Anna Lee", 1, "2019-01-01"),
    ("US", "Bo", 2, "2020-05-31"),
    ("APAC", None, None, "2020-06-01"),
    (None, "Ute", 3, None),
    ("EU", "Bo", 2, "2021-01-01"),
]
# fmt: on


def raw_tables() -> dict[str, pa.Table]:
    """All rows, as Arrow tables by name."""
    rows: dict[str, list[Any]] = {
        "orders": _ORDERS,
        "items": _ITEMS,
        "people": _PEOPLE,
        "areas": _AREAS,
    }
    return {name: _table(name, found) for name, found in rows.items()}


def _table(name: str, rows: list[tuple[Any, ...]]) -> pa.Table:
    columns = list(zip(*rows, strict=True))
    arrays = [
        pa.array([_value(v, kind) for v in column], kind)
        for column, kind in zip(columns, SCHEMAS[name].values(), strict=True)
    ]
    return pa.table(arrays, names=list(SCHEMAS[name]))


def _value(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_decimal(kind):
        return _d(value)
    if pa.types.is_date(kind):
        return _on(value)
    return _at(value) if pa.types.is_timestamp(kind) else value


# What each person sees: per table the readable columns in order, masked ones with their
# expression, and the rows. A table that is missing here does not exist for that person.
View = tuple[dict[str, str], str]


def _plain(table: str, *hidden: str, rows: str = "true", **masked: str) -> View:
    columns = {name: masked.get(name, name) for name in SCHEMAS[table] if name not in hidden}
    return columns, rows


_ALNUM = "regexp_replace(regexp_replace({}, '[^-0-9(),.@]', 'x', 'g'), '[0-9]', 'n', 'g')"
_ONE_AT = "regexp_full_match(email, '[^@]+@[^@]+')"
_NAME = "CASE WHEN length(name) > {n} THEN {some} ELSE repeat('*', length(name)) END"

VIEWS: dict[str, dict[str, View]] = {
    "whole": {table: _plain(table) for table in SCHEMAS},
    "europe": {
        "orders": _plain(
            "orders", "ratio", rows="region = 'EU'", cust="tok(cust)", note=_ALNUM.format("note")
        ),
        "items": _plain("items"),
        "people": _plain(
            "people",
            "score",
            rows="region = 'EU' OR region = 'US'",
            id="tok(id)",
            name=_NAME.format(n=4, some="left(name, 1) || repeat('*', length(name) - 1)"),
            email=(
                f"CASE WHEN {_ONE_AT} THEN '***@' || lower(split_part(email, '@', 2)) "
                "WHEN email IS NOT NULL THEN '***' END"
            ),
            born="make_date(year(born), 1, 1)",
            card="tok63(card)",
        ),
        "areas": _plain("areas"),
    },
    "large": {
        "orders": _plain(
            "orders",
            rows="region = 'US' OR total >= 100",
            total="CAST(floor(total / 100) * 100 AS DECIMAL(12,2))",
            placed="make_date(year(placed), month(placed), 1)",
            shipped="CAST(strftime(shipped, '%Y-%m-%d %H:00:00') AS TIMESTAMP)",
            status="CASE WHEN status IS NULL THEN NULL ELSE 'kept' END",
            cust="keyed(cust)",
        ),
        "items": _plain(
            "items",
            rows="left(sku, 1) = 'A'",
            price="CAST(floor(price / 10) * 10 AS DECIMAL(10,2))",
            code=(
                "CASE WHEN length(code) <= 4 THEN code ELSE "
                + _ALNUM.format("left(code, length(code) - 4)")
                + " || right(code, 4) END"
            ),
        ),
        "people": _plain(
            "people",
            rows="email LIKE '%@%'",
            name="left(name, 4) || " + _ALNUM.format("substr(name, 5)"),
            id="salted(id)",
            email="regexp_replace(email, '[0-9]+', '#', 'g')",
            born="make_date(year(born), 3 * quarter(born) - 2, 1)",
        ),
        "areas": _plain("areas", "boss"),
    },
    "blank": {
        "orders": _plain(
            "orders",
            rows="status <> 'open' OR qty >= 5",
            total="CAST(NULL AS DECIMAL(12,2))",
            flag="false",
            ratio="CAST(0 AS DOUBLE)",
            note="plain_hash(note)",
            region="CAST(NULL AS VARCHAR)",
            qty="CAST(floor(qty / 5) * 5 AS INTEGER)",
        ),
        "items": _plain(
            "items",
            rows="code IS NOT NULL",
            order_id="CAST(0 AS BIGINT)",
            qty="CASE WHEN qty IS NULL THEN NULL ELSE 7 END",
            made="TIMESTAMP '1970-01-01 00:00:00'",
            price="CASE WHEN price IS NULL THEN NULL ELSE CAST(2.50 AS DECIMAL(10,2)) END",
        ),
        "areas": _plain(
            "areas",
            region="'XXXXXXXX'",
            level="CASE WHEN level IS NULL THEN NULL ELSE 3 END",
            since="DATE '1970-01-01'",
        ),
    },
    "edge": {
        "orders": _plain(
            "orders",
            "code",
            "qty",
            "total",
            rows="status <> 'lost' AND (note IS NULL OR right(note, 1) = 'x' OR ratio > 0.25)",
            cust="tok(cust)",
            shipped="CAST(strftime(shipped, '%Y-01-01 00:00:00') AS TIMESTAMP)",
        ),
        "items": _plain(
            "items",
            "price",
            rows="price > 5 AND line <= 2",
            sku=(
                "CASE WHEN length(sku) > 5 THEN repeat('*', length(sku) - 2) || right(sku, 2) "
                "ELSE repeat('*', length(sku)) END"
            ),
            made="CAST(CAST(made AS DATE) AS TIMESTAMP)",
        ),
        "people": _plain(
            "people",
            "card",
            rows="region <> 'EU'",
            id="tok(id)",
            email=_ALNUM.format("email"),
            name="CAST(NULL AS VARCHAR)",
            score="CAST(floor(score / 10) * 10 AS INTEGER)",
        ),
        "areas": _plain("areas", rows="since < DATE '2020-06-01'"),
    },
}


def seen_by(person: str) -> dict[str, pa.Table]:
    """The rows this person should see, worked out by DuckDB from the views above."""
    con = duckdb.connect(config={"threads": 1})
    for name, function in _FUNCTIONS.items():
        kind = "BIGINT" if name == "tok63" else "VARCHAR"
        con.create_function(name, _or_null(function), [kind], kind, null_handling="special")
    raw = raw_tables()
    found: dict[str, pa.Table] = {}
    for table, (columns, rows) in VIEWS[person].items():
        con.register("raw", raw[table])
        listed = ", ".join(f'{text} AS "{name}"' for name, text in columns.items())
        made = con.sql(f"SELECT {listed} FROM raw WHERE {rows}").to_arrow_table()
        wanted = pa.schema([(name, SCHEMAS[table][name]) for name in columns])
        found[table] = made.cast(wanted)
        con.unregister("raw")
    con.close()
    return found


def _or_null(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else function(value)


def _subkey(use: str) -> bytes:
    """HKDF-SHA256 of one block, in hex."""
    inner = hmac.new(b"fedgw/ht1", KEY, "sha256").digest()
    info = f"{use}|customer|v1".encode()
    return hmac.new(inner, info + b"\x01", "sha256").hexdigest().encode()


def key_rows() -> dict[str, str]:
    """The token keys of the world as rows of a key table."""
    return {
        "customer:v1": _subkey("token").decode(),
        "customer:v1:hash": _subkey("hash").decode(),
    }


def _mac(use: str, text: str) -> bytes:
    return hmac.new(_subkey(use), text.encode(), "sha256").digest()


def _token(value: str) -> str | None:
    plain = "".join(c for c in value if c.isascii() and c.isalnum()).upper()
    if plain in {"", "UNKNOWN", "0"}:
        return None
    return "cus1_" + b32encode(_mac("token", plain)[:15]).decode()


def _number(value: int) -> int | None:
    if value == 0:
        return None
    return int.from_bytes(_mac("token", str(value))[:8], "big") & (2**63 - 1)


_FUNCTIONS = {
    "tok": _token,
    "tok63": _number,
    "keyed": lambda x: _mac("hash", x).hex(),
    "salted": lambda x: hashlib.sha256(SALT + x.encode()).hexdigest(),
    "plain_hash": lambda x: hashlib.sha256(x.encode()).hexdigest(),
}
