"""The grants file: what it says, and every finding with its line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.access.grants import GrantsError, active_grants, load_grants
from gateway.access.model import TableScope
from gateway.identity.principal import Principal
from gateway.names import TableName

GOOD = """grants:
  - id: ag-1
    kind: data_access
    grantee: user:u
    product: claims
    purpose: fraud
    valid_from: "2026-01-01T00:00:00Z"
    valid_until: "2027-01-01T02:00:00+02:00"
    approved_by: stewards
    approved_at: "2025-12-31T10:00:00Z"
    reason: because
"""
SCOPE = """    scope:
      tables:
        lake.claims.claims:
          columns: [a, b]
          rows: {type: field, operator: eq, field: a, value: 5}
          masks: {b: {kind: token, params: {}}}
        lake.claims.lines: {}
"""


def load(tmp_path: Path, text: str):
    path = tmp_path / "grants.yaml"
    path.write_text(text, encoding="utf-8")
    return load_grants(path)


def problems(tmp_path: Path, text: str) -> list[tuple[int, str]]:
    with pytest.raises(GrantsError) as raised:
        load(tmp_path, text)
    return [(problem.line, problem.code) for problem in raised.value.problems]


def test_a_grant_is_read(tmp_path: Path) -> None:
    (grant,) = load(tmp_path, GOOD + SCOPE)
    assert (grant.id, grant.grantee, grant.product) == ("ag-1", "user:u", "claims")
    assert grant.valid_until == datetime(2027, 1, 1, tzinfo=UTC)
    assert grant.scope == {
        TableName("lake", "claims", "claims"): TableScope(
            ("a", "b"),
            {"type": "field", "operator": "eq", "field": "a", "value": 5},
            {"b": {"kind": "token", "params": {}}},
        ),
        TableName("lake", "claims", "lines"): TableScope(),
    }


def test_the_demos_grants_are_sound() -> None:
    found = load_grants(Path(__file__).parents[3] / "catalogs/grants.yaml")
    assert {grant.id for grant in found} == {"ag-1042", "ag-1043", "ag-1044"}


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("ag-1", "AG 1", (2, "invalid")),
        ("data_access", "everything", (3, "invalid")),
        ("user:u", "u", (4, "invalid")),
        ("claims", "''", (5, "invalid")),
        ("fraud", "no", (6, "wrong_type")),
        ('"2026-01-01T00:00:00Z"', "2026-01-01", (7, "wrong_type")),
        ('"2026-01-01T00:00:00Z"', '"2026-01-01T00:00:00"', (7, "invalid")),
        ('"2027-01-01T02:00:00+02:00"', '"2025-01-01T00:00:00Z"', (8, "invalid")),
        ("    reason: because\n", "", (2, "missing_key")),
        ("reason: because", "reason: because\n    colour: red", (12, "unknown_key")),
        ("reason: because", "reason: because\n    waives: [x]", (12, "invalid")),
        ("data_access", "masking_exception", (2, "invalid")),
        ("reason: because", "reason: because\n    approved_as: king", (12, "invalid")),
        ("reason: because", "reason: because\n    scope: {tables: {short: {}}}", (12, "invalid")),
        ("reason: because", "reason: because\n    reason: again", (12, "duplicate_key")),
        ("grants:", "grant:", (2, "unknown_key")),
    ],
)
def test_findings_name_the_line(tmp_path: Path, old: str, new: str, wanted) -> None:
    assert wanted in problems(tmp_path, GOOD.replace(old, new, 1))


def test_whole_file_findings(tmp_path: Path) -> None:
    assert problems(tmp_path, "") == [(1, "empty")]
    assert problems(tmp_path, "a: b\ngrants: [") == [(2, "yaml")]
    assert problems(tmp_path, "grants: {}") == [(1, "wrong_type")]
    assert problems(tmp_path, "[]")[0] == (1, "wrong_type")
    twice = GOOD + GOOD.removeprefix("grants:\n")
    assert problems(tmp_path, twice) == [(12, "duplicate_id")]
    with pytest.raises(GrantsError, match="unreadable"):
        load_grants(tmp_path / "absent.yaml")


def test_active_grants(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD)
    inside, before = datetime(2026, 6, 1, tzinfo=UTC), datetime(2025, 12, 31, tzinfo=UTC)
    who = Principal("u")
    assert active_grants(found, who, "fraud", inside) == found
    assert active_grants(found, who, "care", inside) == ()
    assert active_grants(found, who, "fraud", before) == ()
    assert active_grants(found, who, "fraud", datetime(2027, 1, 1, tzinfo=UTC)) == ()
    assert active_grants(found, Principal("v"), "fraud", inside) == ()
    by_group = load(tmp_path, GOOD.replace("user:u", "group:g"))
    member = Principal("v", groups=frozenset({"g"}))
    assert active_grants(by_group, member, "fraud", inside) == by_group
    assert active_grants(by_group, Principal("g"), "fraud", inside) == ()
