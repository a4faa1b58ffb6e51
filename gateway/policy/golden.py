"""Golden decisions: an input as a package sees it, and the merged decision it leads to.

A file holds ``{"title", "input", "expected"}`` and, where tokens or visibility matter,
``"context": {"visibility", "token_domains": {column: {code, shape, numeric}}}``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gateway.access.model import Grant
from gateway.catalog.model import CatalogSnapshot, Column, Domain, Product, Table, TokenDomain
from gateway.datatypes import DataType
from gateway.identity.principal import Principal
from gateway.names import TableName
from gateway.policy.canonical import strict_loads
from gateway.policy.document import to_document
from gateway.policy.model import Decision, DecisionRequest


@dataclass(frozen=True, slots=True)
class Golden:
    """One recorded decision."""

    file: str
    title: str
    request: DecisionRequest
    expected: Mapping[str, Any]

    def difference(self, decision: Decision) -> str | None:
        """None if the decision is the recorded one, else the first place that differs."""
        return _differs("decision", self.expected, to_document(decision, identified=False))


def load_goldens(directory: Path) -> tuple[Golden, ...]:
    """Every golden file below a policy folder, sorted; ValueError names a bad one."""
    paths = sorted(directory.glob("domains/*/golden/*.json"))
    return tuple(read_golden(path, str(path.relative_to(directory))) for path in paths)


def read_golden(path: Path, name: str) -> Golden:
    """Read one file; ValueError says what is wrong with it."""
    try:
        return golden_of(strict_loads(path.read_text(encoding="utf-8")), name)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{name}: not a golden decision: {error!r}") from None


def golden_of(document: Mapping[str, Any], name: str) -> Golden:
    """The golden decision of a file's content."""
    return Golden(name, document["title"], request_of(document), document.get("expected", {}))


def write_expected(path: Path, decision: Decision) -> None:
    """Record the decision as the expected one."""
    document = strict_loads(path.read_text(encoding="utf-8"))
    document["expected"] = to_document(decision, identified=False)
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def request_of(document: Mapping[str, Any]) -> DecisionRequest:
    """The request whose input is the file's."""
    given, context = document["input"], document.get("context", {})
    subject, time = given["subject"], given["time"]
    table, product = _table(given["table"], context)
    name = table.name
    domain = Domain(
        name=table.domain,
        catalog=name.catalog,
        products=(product,) if product else (),
        token_domains=tuple(_token_domains(context)),
    )
    now = datetime.fromisoformat(f"{time['date']}T{time['hour']:02}:00:00+00:00")
    return DecisionRequest(
        principal=Principal(
            id=subject["id"],
            kind=subject["kind"],
            groups=frozenset(subject["groups"]),
            attributes=MappingProxyType(
                {
                    k: tuple(v) if isinstance(v, list) else v
                    for k, v in subject["attributes"].items()
                }
            ),
        ),
        purpose=given["purpose"],
        tables=(table,),
        snapshot=CatalogSnapshot("golden", {table.domain: domain}, {name: table}),
        grants=tuple(_grant(raw, subject["id"], now) for raw in given["grants"]),
        now=now,
        channel=given["channel"],
    )


def _table(raw: Mapping[str, Any], context: Mapping[str, Any]) -> tuple[Table, Product | None]:
    tokens = context.get("token_domains", {})
    described = raw.get("product")
    product = None
    if described:
        product = Product(
            guid=described["guid"],
            key=described["key"],
            display_name=described["key"],
            owner="",
            status=described["status"],
            visibility=context.get("visibility", "hidden"),
            required_security_group=described["required_security_group"],
        )
    columns = tuple(
        Column(
            name=column["name"],
            type=DataType.parse(column["type"]),
            field_id=column["field_id"],
            required=column["required"],
            tags=tuple(column["tags"]),
            classification=column.get("classification"),
            token_domain=column["name"] if column["name"] in tokens else None,
        )
        for column in raw["columns"]
    )
    table = Table(
        name=TableName.parse(raw["fqn"]),
        domain=raw["domain"],
        columns=columns,
        tags=tuple(raw["tags"]),
        product=product.key if product else None,
        kind=raw["kind"],
    )
    return table, product


def _token_domains(context: Mapping[str, Any]) -> list[TokenDomain]:
    return [
        TokenDomain(column, raw["code"], raw["shape"], raw["numeric"], "raw", (), ())
        for column, raw in sorted(context.get("token_domains", {}).items())
    ]


def _grant(raw: Mapping[str, Any], holder: str, now: datetime) -> Grant:
    return Grant(
        id=raw["id"],
        kind=raw["kind"],
        grantee=f"user:{holder}",
        product=raw["product"],
        purpose=raw["purpose"],
        valid_from=now - timedelta(days=1),
        valid_until=datetime.fromisoformat(raw["valid_until"]).astimezone(UTC),
        approved_at=now - timedelta(days=1),
    )


def _differs(place: str, wanted: Any, got: Any) -> str | None:  # noqa: ANN401 - JSON
    if isinstance(wanted, dict) and isinstance(got, dict):
        return _differing_keys(place, wanted, got)
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        pairs = enumerate(zip(wanted, got, strict=True))
        found = (_differs(f"{place}[{n}]", a, b) for n, (a, b) in pairs)
        return next((place for place in found if place), None)
    if type(wanted) is type(got) and wanted == got:
        return None
    return f"{place}: expected {json.dumps(wanted)}, got {json.dumps(got)}"


def _differing_keys(place: str, wanted: dict[str, Any], got: dict[str, Any]) -> str | None:
    for key in sorted(wanted.keys() | got.keys()):
        if key not in wanted or key not in got:
            return f"{place}.{key} is {'not expected' if key in got else 'missing'}"
        found = _differs(f"{place}.{key}", wanted[key], got[key])
        if found:
            return found
    return None
