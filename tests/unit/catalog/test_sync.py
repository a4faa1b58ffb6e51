"""``meshgate catalog sync``: ids are written where they are missing, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.catalog.load import load_catalog
from gateway.catalog.nodes import compose
from gateway.catalog.sync import SyncError, sync
from gateway.cli.catalog import app
from gateway.names import TableName
from tests.unit.catalog import lake

IDS = {"s.t": {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}}
BEFORE = """\
# a comment
tables:
  - name: s.t   # with ünïcode ✓ before columns
    columns:
      a:            # nothing yet
      b: {}  # empty
      "c": {tags: [x]}
      d:
        # said of d
        tags: [y]
        classification: restricted
      e: {field_id: 5, tags: [z]}
  - {name: s.u, columns: {a: , b: {tags: [q]}}}
  - {name: s.t, columns: {a: , b: {tags: [q]}, c, "d": {}}}
  - name: s.v
"""
AFTER = """\
# a comment
tables:
  - name: s.t   # with ünïcode ✓ before columns
    columns:
      a: {field_id: 1}            # nothing yet
      b: {field_id: 2}  # empty
      "c": {field_id: 3, tags: [x]}
      d:
        # said of d
        field_id: 4
        tags: [y]
        classification: restricted
      e: {field_id: 5, tags: [z]}
  - {name: s.u, columns: {a: , b: {tags: [q]}}}
  - {name: s.t, columns: {a: {field_id: 1} , b: {field_id: 2, tags: [q]}, c: {field_id: 3}, \
"d": {field_id: 4}}}
  - name: s.v
"""


def test_each_form_gets_its_id_and_the_rest_stays():
    changed, written = sync(BEFORE.encode(), IDS.get)
    assert changed.decode() == AFTER
    assert [(one.line, one.column) for one in written][:4] == [
        (5, "s.t.a"), (6, "s.t.b"), (7, "s.t.c"), (8, "s.t.d"),
    ]  # fmt: skip
    assert sync(changed, IDS.get) == (changed, ())


def test_an_id_that_differs_stays_for_somebody_to_look_at():
    text = b"tables: [{name: s.t, columns: {a: {field_id: 9}}}]"
    assert sync(text, IDS.get) == (text, ())


@pytest.mark.parametrize(
    "text", ["tables: [", "", "a: *b", "tables: [{name: s.t, columns: {a: x}}]"]
)
def test_what_is_not_understood_is_left_to_people(text: str):
    with pytest.raises(SyncError):
        sync(text.encode(), IDS.get)


_words = st.sampled_from(["", " # said", "\r", "  ", "\n", "\n# é\n"])


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(
    ["", " {}", " {tags: [x]}", "\n        tags: [x]", " {field_id: 7}", " {\n tags: [x]}"]
), _words), unique_by=lambda column: column[0]))  # fmt: skip
def test_any_layout_reads_back_as_it_was_but_for_ids(columns: list[tuple[str, str, str]]):
    """The function itself compares the trees; a wrong place would raise."""
    lines = "".join(f"      {name}:{form}{more}\n" for name, form, more in columns)
    text = f"tables:\n  - name: s.t\n    columns:\n{lines or '      {}'}".encode()
    problems: list[object] = []
    assume(compose(text, lambda *problem: problems.append(problem)) and not problems)
    changed, written = sync(text, IDS.get)
    assert len(written) == sum("field_id" not in form for _, form, _ in columns)
    assert changed.count(b"field_id") == len(columns)


def test_the_command_completes_the_files(tmp_path: Path):
    mesh = lake.build(tmp_path)
    file = mesh / "claims.yaml"
    file.chmod(0o640)
    bare = lake.CLAIMS.replace(" {field_id: 1}", "").replace("field_id: 2, ", "")
    file.write_text(bare)
    dry = CliRunner().invoke(app, ["sync", str(mesh), "--dry-run"])
    assert (dry.exit_code, file.read_text()) == (1, bare)
    result = CliRunner().invoke(app, ["sync", str(mesh)])
    assert result.exit_code == 0
    assert f"{file}:30: claims.claims.claim_id is field 1" in result.stdout
    assert file.read_text() == lake.CLAIMS.replace("amount:", "amount: {field_id: 3}")
    assert file.stat().st_mode & 0o777 == 0o640
    table = load_catalog(mesh).tables[TableName("lake", "claims", "claims")]
    assert [column.field_id for column in table.columns] == [1, 2, 3]
    again = CliRunner().invoke(app, ["sync", str(mesh), "--dry-run"])
    assert (again.exit_code, again.stdout) == (0, "every declared column has its field id\n")
    assert list(mesh.glob(".*")) == []
