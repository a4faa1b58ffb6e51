"""Every mistake has its code, its line and its column, and closes its domain alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.catalog.load import load_catalog
from tests.unit.catalog import lake

# (code, file, text replaced, by what; "¶" marks where the problem must point, what is said)
CASES = [
    ("syntax", "claims", "tags: [phi]", "tags: [phi]¶]", "did not find"),
    ("duplicate-key", "claims", "owners: [", "owners: [x]\n¶owners: [", "stands in line 3 too"),
    ("alias", "claims", "owners: [", "owners: ¶&people [", "anchors and aliases"),
    ("alias", "claims", "tags: [phi]", "tags: ¶*phi", "anchors and aliases"),
    ("alias", "claims", "tags: [phi]", "tags: ¶!!set [phi]", "tags are refused"),
    ("retyped-scalar", "claims", "tags: [phi]", "tags: [¶no]", "YAML reads no as bool"),
    ("retyped-scalar", "claims", "tags: [phi]", "tags: [¶0123]", "YAML reads 0123 as int"),
    ("retyped-scalar", "claims", "tags: [phi]", "tags: [¶12:30]", "YAML reads 12:30 as int"),
    ("retyped-scalar", "claims", "tags: [phi]", "tags: [¶2026-01-01]", "as timestamp"),
    ("retyped-scalar", "claims", "tags: [phi]", "tags: [¶2.10]", 'write "2.10"'),
    ("retyped-scalar", "claims", "tags: [phi]", "tags: [¶7]", 'write "7"'),
    ("retyped-scalar", "claims", "tags: [phi]", "tags: [¶~]", "YAML reads ~ as null"),
    ("unknown-key", "claims", "tags: [phi]", "¶tagz: [phi]", "did you mean tags?"),
    ("unknown-key", "claims", "  - {name: claims}", "  - {name: claims, ¶zzz: x}", "known: name"),
    ("missing-key", "claims", "owners: [group:claims-owners]\n", "", "owners is required"),
    ("missing-key", "claims", "  - {name: claims}", "  - ¶{}", "name is required"),
    ("missing-key", "weather", "domain: weather\n", "domain:¶\n", "domain is required"),
    ("missing-key", "claims", "key: claims\n", "key:¶\n", "key is required"),
    ("missing-key", "members", "shape: text", "shape:¶", "shape is required"),
    ("wrong-type", "claims", "tags: [phi]", "tags: ¶phi", "expected a list"),
    ("wrong-type", "claims", "tags: [phi]", "tags: [¶{a: b}]", "expected text"),
    ("wrong-type", "claims", "{field_id: 1}", "{field_id: ¶x}", "expected a whole number"),
    ("wrong-type", "claims", "{field_id: 1}", "{stored_canonical: ¶x}", "expected true or false"),
    ("wrong-type", "claims", "catalog:\n", "catalog: ¶x\nzzz:\n", "expected a map"),
    ("bad-value", "claims", "schema_version: 1", "schema_version: ¶2", "schema_version 1"),
    ("bad-value", "claims", "described", "¶public", "hidden, listed, described"),
    ("bad-value", "claims", "PT24H", "¶24h", "PT24H"),
    ("bad-value", "claims", "type: sql", "type: ¶hive", "none of sql, rest"),
    ("bad-value", "claims", "driver: sqlite", "driver: ¶mysql", "sqlite, postgresql"),
    ("bad-value", "claims", "warehouse: w", "warehouse: ¶s3://w", "file:///"),
    ("bad-name", "claims", "domain: claims", "domain: ¶claimz", "stands in claims.yaml"),
    ("bad-name", "claims", "  - {name: claims}", "  - {name: ¶Claims}", "[a-z][a-z0-9_]*"),
    ("bad-name", "claims", "claim_id: {", "¶claim-id: {", "[a-z][a-z0-9_]*"),
    ("bad-name", "claims", "name: lake", "name: ¶system", "system is reserved"),
    ("bad-name", "claims", "name: lake", "name: ¶gov", "gov is reserved"),
    ("bad-name", "claims", "name: lake", "name: ¶meshgate", "meshgate is reserved"),
    ("bad-name", "claims", "- name: claims.claims", "- name: ¶claims", "schema.table"),
    ("unknown-table", "claims", "table: claims.claims}]", "table: ¶claims.x}]", "not declared"),
    ("unknown-table", "claims", "{name: claims.notes,", "{name: ¶other.notes,", "schemas"),
    ("unknown-token-domain", "claims", "token_domain: member", "token_domain: ¶membr", '"membr"'),
    ("duplicate-key", "claims", "{name: claims.notes,", "{name: ¶claims.claims,", "twice"),
    ("bad-name", "members", "code: mbr", "code: ¶M1", "[a-z]{2,8}"),
    ("bad-name", "members", "  member:\n", f"  ¶{'m' * 33}:\n", "{0,31}"),
    ("bad-value", "members", "shape: text", "shape: ¶long", "text, short, email"),
    ("bad-value", "members", "method: ht1", "method: ¶ff1", "ht1"),
    ("bad-value", "members", "numeric: i63", "numeric: ¶i31", "i63, i53, refuse"),
    ("bad-value", "members", "upper_alnum", "¶upper", "upper_alnum"),
    ("bad-value", "members", '"UNKNOWN"', '¶"unknown"', "never comes out of upper_alnum"),
    ("bad-value", "members", "trino: files", "trino: ¶fast", "index_subquery"),
    ("bad-value", "members", "v: 1,", "v: ¶100,", "versions are 1 to 99"),
    ("bad-value", "members", '"2027-12-31"', '¶"2027-02-30"', "2027-12-31"),
    ("literal-secret", "members", "{env: MEMBER_KEY}", "¶c2VjcmV0", "never as its value"),
    ("literal-secret", "members", "{env: MEMBER_KEY}", "¶{value: x}", "never as its value"),
    ("literal-secret", "members", "{env: MEMBER_KEY}", "¶{env: a, file: b}", "never as its value"),
    ("missing-key", "members", "    code: mbr\n", "", "code is required"),
    (
        "unknown-key",
        "members",
        "    pushdown:",
        "    ¶min_distinct: 5\n    pushdown:",
        "min_distinct",
    ),
]


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return lake.build(tmp_path / "mesh")


def _spoil(mesh: Path, file: str, old: str, new: str) -> tuple[int, int] | None:
    """Write the mistake; give where "¶" marked it."""
    path = mesh / f"{file}.yaml"
    text = path.read_text()
    assert old in text
    before, mark, after = text.replace(old, new, 1).partition("¶")
    path.write_text(before + after)
    lines = before.split("\n")
    return (len(lines), len(lines[-1]) + 1) if mark else None


@pytest.mark.parametrize(
    ("code", "file", "old", "new", "said"), CASES, ids=[f"{c[0]}:{c[3][:24]!r}" for c in CASES]
)
def test_a_mistake_is_reported_where_it_stands(
    mesh: Path, code: str, file: str, old: str, new: str, said: str
):
    before = load_catalog(mesh).tables
    place = _spoil(mesh, file, old, new)
    snapshot = load_catalog(mesh)
    found = [problem for problem in snapshot.problems if problem.code == code]
    assert found, [str(problem) for problem in snapshot.problems]
    assert place is None or place in [(problem.line, problem.column) for problem in found]
    assert any(said in problem.message for problem in found)
    assert all(problem.file == str(mesh / f"{file}.yaml") for problem in snapshot.problems)
    assert file not in snapshot.domains
    assert snapshot.tables == {n: t for n, t in before.items() if t.domain != file}


# Mistakes that only Iceberg can show: the table alone is left out, or only reported.
AGAINST_ICEBERG = [
    ("field-moved", "claim_id: {field_id: 1}", "¶claim_id: {field_id: 9}", {"claims"}),
    ("unknown-column", "amount:", "¶amounts:", {"claims"}),
    ("unknown-column", "column: claim_id}", "column: ¶claims_id}", set()),
    ("unknown-table", "{name: claims.notes,", "{name: ¶claims.remarks,", {"notes"}),
]


@pytest.mark.parametrize(("code", "old", "new", "gone"), AGAINST_ICEBERG)
def test_a_difference_from_iceberg_leaves_out_the_table_alone(
    mesh: Path, code: str, old: str, new: str, gone: set[str]
):
    before = {table.table for table in load_catalog(mesh).tables}
    place = _spoil(mesh, "claims", old, new)
    snapshot = load_catalog(mesh)
    (problem,) = snapshot.problems
    assert (problem.code, (problem.line, problem.column)) == (code, place)
    assert str(problem).startswith(f"{mesh}/claims.yaml:{problem.line}:{problem.column}: {code}: ")
    assert {table.table for table in snapshot.tables} == before - gone
    assert "claims" in snapshot.domains


def test_a_secret_written_out_is_not_repeated(mesh: Path):
    _spoil(mesh, "members", "{env: MEMBER_KEY}", "hunter2hunter2")
    assert "hunter2" not in str(load_catalog(mesh).problems)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("state: accept", "state: active", "one version is active, found 2"),
        ("state: active", "state: retired", "one version is active, found 0"),
        ("v: 2", "v: 1", "stands twice"),
        ('["UNKNOWN"]', "[" + ", ".join(f'"N{i}"' for i in range(21)) + "]", "at most 20"),
    ],
)
def test_token_versions_are_checked(mesh: Path, old: str, new: str, said: str):
    _spoil(mesh, "members", old, new)
    snapshot = load_catalog(mesh)
    assert [said in problem.message for problem in snapshot.problems] == [True]
    assert "members" not in snapshot.domains


def test_an_unreadable_file_closes_its_domain(mesh: Path):
    (mesh / "weather.yaml").unlink()
    (mesh / "weather.yaml").mkdir()
    snapshot = load_catalog(mesh)
    assert [problem.code for problem in snapshot.problems] == ["unreadable"]
    assert list(snapshot.domains) == ["claims", "members"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00",
        b"\xff\xfe",
        b"[" * 100_000,
        b"{a: " * 50_000,
        b"- - - -",
        b"a: 1\n---\nb: 2\n",
        b"#" * 1_000_001,
        b"? [a]\n: 1\n",
        b"%YAML 9.9\n---\na: 1\n",
        b"text",
        b"schema_version: 1\ndomain: odd\ntables: [{columns: {a: {}}}]\n",
    ],
)
def test_content_that_is_no_domain_is_a_problem_never_an_exception(mesh: Path, content: bytes):
    before = load_catalog(mesh).tables
    (mesh / "odd.yaml").write_bytes(content)
    snapshot = load_catalog(mesh)
    assert snapshot.problems
    assert all(problem.file.endswith("odd.yaml") for problem in snapshot.problems)
    assert snapshot.tables == before
