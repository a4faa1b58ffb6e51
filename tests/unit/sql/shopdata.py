"""A few rows of world shop, raw and governed by hand, and DuckDB databases of both."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from gateway.catalog.model import Table
from gateway.names import TableName
from gateway.sql.spelling import spell
from gateway.tokens.codec import Mac, canonical, derive_key, render
from gateway.tokens.names import udf_name

KEY = bytes(range(32))
MAC = Mac(derive_key(KEY, "customer", 1))
Rows = list[tuple[Any, ...]]
ORDERS = TableName("lake", "sales", "orders")
ITEMS = TableName("lake", "sales", "items")
PRODUCTS = TableName("lake", "sales", "products")
CUSTOMERS = TableName("hr", "people", "customers")


def _order(number: int, customer: str | None, region: str | None, total: str | None) -> Any:
    return (
        number,
        customer,
        region,
        ["new", "paid", "returned"][number % 3],
        None if total is None else Decimal(total),
        date(2026, 1 + number % 3, 1 + number),
        datetime(2026, 2, 1, number, 30),  # noqa: DTZ001 - a local time
        f"call {customer}",
        0.5 * number,
    )


RAW: dict[TableName, Rows] = {
    ORDERS: [
        _order(1, "c-1", "EU", "10.00"),
        _order(2, "C1", "EU", "1500.00"),
        _order(3, "c-2", "US", "20.50"),
        _order(4, "UNKNOWN", "EU", None),
        _order(5, None, "EU", "0.00"),
        _order(6, "c-3", None, "99.99"),
        _order(7, "c-2", "EU", "5000.00"),
        _order(8, "c-9", "APAC", "1.00"),
        _order(9, "", "eu", "7.00"),
    ],
    ITEMS: [
        (
            number,
            line,
            f"s{line}",
            number + line,
            Decimal("2.50") * line,
            ["a", "b"][:line],
            {},
            None,
        )
        for number in (1, 2, 3, 7, 9)
        for line in (1, 2)
    ],
    PRODUCTS: [
        ("s1", "chair", 1.5, Decimal("10.00")),
        ("s2", "table", 2.5, Decimal("25.00")),
        ("s3", "lamp", None, None),
    ],
    CUSTOMERS: [
        ("c1", "Anna", "anna@Example.org", date(1980, 5, 17), "EU", 5),
        ("c-2", "Bo", "no mail", date(1990, 7, 1), "US", 6),
        ("c3", None, None, None, None, None),
    ],
}


def _token(value: str | None) -> Any:
    meant = canonical(value, "upper_alnum", ("UNKNOWN", "0"))
    return None if meant is None else render(MAC.digest(meant.encode()), "text", "cus", 1)


def _first(value: str | None) -> str | None:
    if value is None:
        return None
    return value[:1] + "*" * (len(value) - 1) if len(value) > 4 else "*" * len(value)


def _mail(value: str | None) -> str | None:
    if value is None:
        return None
    return "***@" + value.split("@")[1].lower() if "@" in value else "***"


def governed_rows(principal: str) -> dict[TableName, Rows]:
    """What this principal may see, worked out in Python; None stands for a hidden column."""
    orders = [
        (i, _token(c), region, status, total, placed, shipped, None, None)
        for i, c, region, status, total, placed, shipped, _, _ in RAW[ORDERS]
        if (region == "EU" if principal == "eu_analyst" else _audited(status, total))
    ]
    people = [
        (_token(i), _first(name), _mail(mail), born and date(born.year, 1, 1), region, None)
        for i, name, mail, born, region, _ in RAW[CUSTOMERS]
    ]
    return {**RAW, ORDERS: orders, CUSTOMERS: people}


def _audited(status: str, total: Decimal | None) -> bool:
    return status.startswith("re") or (total is not None and total >= 1000)


def database(rows: dict[TableName, Rows], tables: Iterable[Table]) -> duckdb.DuckDBPyConnection:
    """A database with ``catalog.schema.table`` for each table and the token function."""
    con = duckdb.connect()
    for table in tables:
        name = table.name
        con.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {name.catalog}")
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {name.catalog}.{name.schema}")
        columns = ", ".join(f'"{c.name}" {spell(c.type, "duckdb")}' for c in table.columns)
        con.execute(f"CREATE TABLE {name.quoted()} ({columns})")
        marks = ", ".join("?" for _ in table.columns)
        for row in rows[name]:
            con.execute(f"INSERT INTO {name.quoted()} VALUES ({marks})", list(row))
    con.create_function(
        udf_name("customer", 1, "text"),
        lambda value: str(render(MAC.digest(value.encode()), "text", "cus", 1)),
        ["VARCHAR"],
        "VARCHAR",
    )
    con.execute("USE lake.sales")
    return con


_SCAN = re.compile(r'"([a-z_]+)\.([a-z_]+)\.([a-z_]+):\d+"')
_FULL = '"system"."builtin".'


def answer(con: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a text, sorted. Scan names mean raw tables: the scan's own filter is off."""
    plain = _SCAN.sub(r'"\1"."\2"."\3"', sql).replace(_FULL, "")
    return sorted(con.execute(plain).fetchall(), key=repr)
