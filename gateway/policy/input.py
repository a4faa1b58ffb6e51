"""The question put to a package, and the rules I01-I05 every question keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from gateway.access.model import Grant
from gateway.catalog.model import Column, Product, Table
from gateway.policy.model import DecisionRequest

SCHEMA = 1
MAX_TABLES = 200
_MAX_INTEGER = 2**53 - 1
_FORBIDDEN = frozenset('"\\') | {chr(code) for code in range(0x20)}
_SUBJECT_KINDS = frozenset({"user", "service"})
_CHANNELS = frozenset({"gateway", "direct", "api"})


class InputError(ValueError):
    """A question that may not be asked. ``code`` is I01 to I05."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def common(
    request: DecisionRequest, attributes: frozenset[str], zone: str = "UTC"
) -> dict[str, Any]:
    """The part of the input all tables share. Raises InputError.

    Of the principal's attributes only those in ``attributes`` (what loaded packages
    name) are shown.
    """
    principal = request.principal
    shown = {
        name: principal.attributes[name] for name in sorted(attributes & set(principal.attributes))
    }
    local = request.now.astimezone(_zone(zone))
    document = {
        "schema": SCHEMA,
        "channel": request.channel,
        "purpose": request.purpose,
        "subject": {
            "id": principal.id,
            "kind": principal.kind,
            "groups": sorted(principal.groups),
            "attributes": {name: _plain(value) for name, value in shown.items()},
        },
        "time": {
            "date": local.date().isoformat(),
            "hour": local.hour,
            "weekday": local.isoweekday(),
        },
    }
    _vocabulary(document)
    guard(document, "input")
    return document


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _vocabulary(document: Mapping[str, Any]) -> None:
    if document["subject"]["kind"] not in _SUBJECT_KINDS:
        raise InputError("I04", "input.subject.kind is user or service")
    if document["channel"] not in _CHANNELS:
        raise InputError("I04", "input.channel is gateway, direct or api")
    if not document["subject"]["id"] or not document["purpose"]:
        raise InputError("I04", "input.subject.id and input.purpose are not empty")


def _plain(value: Any) -> Any:  # noqa: ANN401 - an attribute as JSON
    return list(value) if isinstance(value, list | tuple | set | frozenset) else value


def table_item(table: Table, product: Product | None, grants: Iterable[Grant]) -> dict[str, Any]:
    """The part of the input about one table: all its columns, whatever the query uses."""
    listed = [_grant(grant) for grant in grants]
    guard(listed, "input.grants")
    return {"table": _described(table, product), "grants": listed}


@lru_cache(maxsize=8192)
def _described(table: Table, product: Product | None) -> Mapping[str, Any]:
    """The table's part, checked; the same for every question of a snapshot. Not to be changed."""
    described: dict[str, Any] = {
        "fqn": str(table.name),
        "kind": table.kind,
        "domain": table.domain,
        "tags": sorted(table.tags),
        "columns": [_column(column) for column in table.columns],
    }
    if product is not None:
        described["product"] = {
            "guid": product.guid,
            "key": product.key,
            "status": product.status,
            "required_security_group": product.required_security_group,
        }
    guard(described, "input.table")
    return described


def _column(column: Column) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": column.name,
        "field_id": column.field_id,
        "type": column.type.text(),
        "required": column.required,
        "tags": sorted(column.tags),
    }
    if column.classification is not None:
        shown["classification"] = column.classification
    return shown


def _grant(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.id,
        "kind": grant.kind,
        "product": grant.product,
        "purpose": grant.purpose,
        "valid_until": grant.valid_until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def guard(value: Any, where: str) -> None:  # noqa: ANN401 - JSON of any shape
    """Keep rules I01 to I04 of any JSON value; raises InputError with the place."""
    for place, leaf in _leaves(value, where):
        if leaf is None:
            raise InputError("I01", f"{place} is null")
        if isinstance(leaf, bool):
            continue
        if isinstance(leaf, float) or (isinstance(leaf, int) and abs(leaf) > _MAX_INTEGER):
            raise InputError("I02", f"{place} is not a whole number within 2^53-1")
        if isinstance(leaf, str):
            if _FORBIDDEN.intersection(leaf) or not _encodable(leaf):
                raise InputError("I03", f"{place} holds a quote, backslash or control character")
        elif not isinstance(leaf, int):
            raise InputError("I04", f"{place} has a type policies do not know")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _leaves(value: Any, where: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    if isinstance(value, dict):
        for key, child in value.items():
            yield f"a key of {where}", key if isinstance(key, str) else ()
            yield from _leaves(child, f"{where}.{key}")
    elif isinstance(value, list):
        kinds = {type(child) for child in value if not isinstance(child, dict | list)}
        if len(kinds) > 1 and type(None) not in kinds:
            yield where, ()
        for index, child in enumerate(value):
            yield from _leaves(child, f"{where}[{index}]")
    else:
        yield where, value


def require(references: Iterable[tuple[str, str]], document: Mapping[str, Any]) -> None:
    """Rule I05: what a package names below attributes or product must be there.

    ``references`` are pairs such as ``("subject.attributes", "regions")``.
    """
    for parent, name in sorted(references):
        found: Any = document
        for step in parent.split("."):
            found = found.get(step, {}) if isinstance(found, dict) else {}
        if name not in found:
            raise InputError("I05", f"input.{parent}.{name} is missing")
