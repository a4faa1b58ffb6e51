"""The laboratory: one domain whose tags pull every mask, operator and obligation."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Column, Domain, Product, Table, TokenDomain
from gateway.datatypes import DataType
from gateway.identity.principal import Principal
from gateway.names import TableName
from gateway.policy.model import DecisionRequest

DATA = Path(__file__).parent / "data"
LAB = DATA / "lab"
NOW = datetime(2026, 11, 20, 10, 15, tzinfo=UTC)
NAME = TableName("lake", "lab", "t")

TYPES = {
    "v": "varchar",
    "v5": "varchar(5)",
    "v80": "varchar(80)",
    "b": "boolean",
    "i": "integer",
    "l": "bigint",
    "d": "decimal(12,2)",
    "d19": "decimal(19,0)",
    "f": "double",
    "r": "real",
    "day": "date",
    "ts": "timestamp(3)",
    "tz": "timestamp(3) with time zone",
    "u": "uuid",
    "arr": "array(varchar)",
}
TOKENS = TokenDomain("lab", "lab", "text", "i63", "raw", (), ())
TOKENIZED = frozenset({"v", "v80", "l", "d19"})

CONFIG = json.loads((LAB / "domains/lab/config.json").read_text(encoding="utf-8"))
SHARED = json.loads((LAB / "global/config.json").read_text(encoding="utf-8"))

FITTING = {
    "v": "m-global-hash m-first4 m-last4 m-partial m-partial-first m-mail m-regex m-alnum m-token "
    "m-keyed m-local m-const m-const-2 m-fixed m-null g-token g-alnum",
    "v5": "m-first4 m-last4 m-partial m-alnum m-null m-const m-const-2",
    "v80": "m-global-hash m-token m-keyed m-local m-fixed m-alnum",
    "b": "m-fixed m-null",
    "i": "m-bucket-10 m-bucket-16 m-const-int m-fixed m-null",
    "l": "m-bucket-10 m-bucket-16 m-token m-const-int m-null g-token",
    "d": "m-bucket-10 m-bucket-16 m-fixed g-null",
    "d19": "m-token m-bucket-10 m-bucket-16",
    "f": "m-bucket-10 m-bucket-16 m-null",
    "r": "m-null m-fixed",
    "day": "m-month m-year m-day m-quarter g-year m-fixed",
    "ts": "m-month m-year m-hour m-day m-quarter g-year",
    "tz": "m-hour m-day m-month m-quarter m-null",
    "u": "m-null",
    "arr": "m-null g-null",
}
GOOD_FILTERS = (*(n for n in CONFIG["filters"] if not n.startswith("f-bad")), "g-eq", "g-same")
GOOD_OBLIGATIONS = ("o-group", "o-rows", "o-filter", "o-audit", "o-notice", *SHARED["obligations"])
ODD_TAGS = (
    "closed",
    "secret",
    "silent",
    "no-standing",
    "o-unknown",
    "o-bad",
    "f-bad-type",
    "f-bad-column",
    "f-bad-empty",
    "toxic",
    "boom",
)


def table(
    tags: tuple[str, ...] = (),
    columns: dict[str, tuple[str, ...]] | None = None,
    *,
    name: TableName = NAME,
    only: bool = False,
    domain: str = "lab",
) -> Table:
    """A table of the laboratory; ``columns`` gives tags, ``only`` leaves the others out."""
    tagged = columns or {}
    names = [n for n in TYPES if not only or n in tagged]
    made = tuple(
        Column(
            n,
            DataType.parse(TYPES[n]),
            number + 1,
            tags=tagged.get(n, ()),
            token_domain="lab" if n in TOKENIZED else None,
        )
        for number, n in enumerate(names)
    )
    return Table(name, domain, made, tags=tags, product="p")


def snapshot(*tables: Table, visibility: str = "hidden") -> CatalogSnapshot:
    """A mesh of these tables, one product in each domain."""
    product = Product("g-1", "p", "P", "o", "active", visibility, "")
    domains = {
        t.domain: Domain(t.domain, "lake", products=(product,), token_domains=(TOKENS,))
        for t in tables
    }
    return CatalogSnapshot("c1", domains, {t.name: t for t in tables})


def grant(id_: str = "ag-1", **changes: object) -> Grant:
    """An active grant of ``u`` for purpose fraud."""
    values: dict[str, object] = {
        "id": id_,
        "kind": "data_access",
        "grantee": "user:u",
        "product": "p",
        "purpose": "fraud",
        "valid_from": NOW - timedelta(days=1),
        "valid_until": NOW + timedelta(days=30),
        "approved_at": NOW - timedelta(days=2),
    }
    return Grant(**(values | changes))  # type: ignore[arg-type]


def person(*groups: str, **attributes: object) -> Principal:
    """Principal ``u``; attribute ``level`` is 3 unless given."""
    values = {"level": 3} | attributes
    return Principal(
        "u", groups=frozenset(groups), attributes={k: v for k, v in values.items() if v is not None}
    )


def request(
    *tables: Table,
    who: Principal | None = None,
    purpose: str = "unspecified",
    grants: tuple[Grant, ...] = (),
    visibility: str = "hidden",
    **more: object,
) -> DecisionRequest:
    """A request of a member of the laboratory."""
    return DecisionRequest(
        principal=who or person("lab"),
        purpose=purpose,
        tables=tables,
        snapshot=snapshot(*tables, visibility=visibility),
        grants=grants,
        now=NOW,
        **more,  # type: ignore[arg-type]
    )


def random_request(chance: random.Random) -> DecisionRequest:
    """One to three tables with random tags; about two of three are allowed."""
    odd = chance.random() < 0.3
    tables = tuple(_random_table(chance, number, odd=odd) for number in range(chance.randint(1, 3)))
    groups = ["lab"] if chance.random() < 0.85 else []
    grants = (grant(), grant("ag-2", grantee="group:auditors")) if chance.random() < 0.4 else ()
    regions = tuple(chance.sample(["EU", "US", "APAC", "Ä ö"], chance.randint(0, 3)))
    who = person(
        *groups,
        *(["auditors"] if chance.random() < 0.3 else []),
        level=chance.choice([1, 2, 3, 4]),
        regions=regions if chance.random() < 0.8 else None,
    )
    purpose = "fraud" if grants and chance.random() < 0.8 else "unspecified"
    return request(*tables, who=who, purpose=purpose, grants=grants)


def _random_table(chance: random.Random, number: int, *, odd: bool) -> Table:
    tags = set(chance.sample(GOOD_FILTERS, chance.choice([0, 1, 1, 2, 3])))
    tags |= set(chance.sample(GOOD_OBLIGATIONS, chance.choice([0, 0, 1, 2])))
    tags |= {"by-region"} if chance.random() < 0.2 else set()
    tags |= {"capped"} if chance.random() < 0.1 else set()
    tags |= {"files"} if chance.random() < 0.1 else set()
    if odd and chance.random() < 0.6:
        tags.add(chance.choice(ODD_TAGS))
    columns: dict[str, tuple[str, ...]] = {}
    for name, fitting in FITTING.items():
        if chance.random() < 0.5:
            choice = fitting.split()
            columns[name] = tuple(chance.sample(choice, min(len(choice), chance.choice([1, 1, 2]))))
    if odd and chance.random() < 0.3:
        columns["u"] = (chance.choice(["hidden", "m-bad-kind", "m-bad-param", "m-token"]),)
    return table(tuple(sorted(tags)), columns, name=TableName("lake", "lab", f"t{number}"))
