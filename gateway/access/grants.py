"""Dated grants from a reviewed YAML file: reading, and which are active for whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from gateway.access.lines import Place, compose
from gateway.access.model import Grant, TableScope
from gateway.catalog.model import Problem
from gateway.identity.principal import Principal
from gateway.names import TableName

KINDS = ("data_access", "masking_exception")
_REQUIRED = {"id", "kind", "grantee", "product", "purpose", "valid_from", "valid_until"} | {
    "approved_by",
    "approved_at",
    "reason",
}
_OPTIONAL = {"scope", "waives", "approved_as"}
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_GRANTEE = re.compile(r"(user|group):[^\s\"\\]+")
_EPOCH = datetime.fromtimestamp(0, UTC)


class GrantsError(ValueError):
    """The grants file may not be used: no grant of it is, until it is mended."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def load_grants(path: Path) -> tuple[Grant, ...]:
    """Read ``grants.yaml``; GrantsError lists every finding with line and column."""
    problems: list[Problem] = []
    root = compose(path, problems.append)
    grants: list[Grant] = []
    if root is not None:
        listed = root.mapping({"grants"}).get("grants")
        items = listed.items() if listed else []
        grants = [_grant(item) for item in items]
        _check_unique(grants, items)
    if problems:
        raise GrantsError(problems)
    return tuple(grants)


def _check_unique(grants: list[Grant], items: list[Place]) -> None:
    seen: set[str] = set()
    for grant, item in zip(grants, items, strict=True):
        if grant.id in seen:
            item.problem("duplicate_id", f"grant {grant.id} stands twice")
        seen.add(grant.id)


def _grant(item: Place) -> Grant:
    found = item.mapping(_REQUIRED, _OPTIONAL)
    texts = {key: found[key].text() for key in _REQUIRED if key in found}
    times = {
        key: _time(found[key]) if key in found else _EPOCH
        for key in ("valid_from", "valid_until", "approved_at")
    }
    grant = Grant(
        id=texts.get("id", ""),
        kind=texts.get("kind", ""),
        grantee=texts.get("grantee", ""),
        product=texts.get("product", ""),
        purpose=texts.get("purpose", ""),
        approved_by=texts.get("approved_by", ""),
        reason=texts.get("reason", ""),
        scope=_scope(found["scope"]) if "scope" in found else None,
        waives=found["waives"].texts() if "waives" in found else (),
        approved_as=found["approved_as"].text() if "approved_as" in found else "steward",
        **times,
    )
    _check(grant, item, found)
    return grant


def _check(grant: Grant, item: Place, found: dict[str, Place]) -> None:
    def wrong(key: str, message: str) -> None:
        found.get(key, item).problem("invalid", message)

    if not _ID.fullmatch(grant.id):
        wrong("id", "id is lower-case letters, digits and hyphens")
    if grant.kind not in KINDS:
        wrong("kind", f"kind is one of {', '.join(KINDS)}")
    if not _GRANTEE.fullmatch(grant.grantee):
        wrong("grantee", "grantee is user:<id> or group:<name>")
    if grant.valid_until <= grant.valid_from:
        wrong("valid_until", "valid_until lies after valid_from")
    for key in ("product", "purpose", "approved_by", "reason"):
        if not getattr(grant, key).strip():
            wrong(key, f"{key} is not empty")
    exception = grant.kind == "masking_exception"
    if exception != bool(grant.waives) or (exception and grant.scope is None):
        wrong("waives", "a masking_exception, and only it, names the rules it waives and a scope")
    if grant.approved_as not in {"steward", "platform"}:
        wrong("approved_as", "approved_as is steward or platform")


def _time(place: Place) -> datetime:
    try:
        moment = datetime.fromisoformat(place.text())
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except ValueError:
        pass
    place.problem("invalid", 'expected a time in quotes such as "2026-11-20T11:00:00Z"')
    return _EPOCH


def _scope(place: Place) -> dict[TableName, TableScope]:
    tables = place.mapping({"tables"}).get("tables")
    scope: dict[TableName, TableScope] = {}
    for name, entry in (tables.entries() if tables else {}).items():
        try:
            scope[TableName.parse(name)] = _table_scope(entry)
        except ValueError as error:
            entry.problem("invalid", str(error))
    return scope


def _table_scope(place: Place) -> TableScope:
    found = place.mapping(set(), {"columns", "rows", "masks"})
    return TableScope(
        columns=found["columns"].texts() if "columns" in found else None,
        rows=found["rows"].plain() if "rows" in found else None,
        masks=found["masks"].plain() if "masks" in found else None,
    )


def holds(grant: Grant, principal: Principal) -> bool:
    """True if the grant is this principal's, personally or through a group."""
    kind, _, name = grant.grantee.partition(":")
    return name == principal.id if kind == "user" else name in principal.groups


def valid(grant: Grant, now: datetime) -> bool:
    """True between ``valid_from`` (included) and ``valid_until`` (excluded)."""
    return grant.valid_from <= now < grant.valid_until


def active_grants(
    grants: Iterable[Grant], principal: Principal, purpose: str, now: datetime
) -> tuple[Grant, ...]:
    """The grants of any kind this principal may stand on for this purpose now."""
    return tuple(
        grant
        for grant in grants
        if grant.purpose == purpose and holds(grant, principal) and valid(grant, now)
    )
