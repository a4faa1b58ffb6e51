from __future__ import annotations

import pytest

from gateway.sql.absent import schema_error, table_error
from gateway.sql.parse import parse
from tests.unit.sql.front import DEFAULTS


@pytest.mark.parametrize(
    ("catalogs", "schemas", "error"),
    [
        ([], [], "CATALOG_NOT_FOUND line 1:15: Catalog 'lake' not found"),
        (["lake"], [], "SCHEMA_NOT_FOUND line 1:15: Schema 'hr' does not exist"),
        (["lake"], [("x", "hr")], "SCHEMA_NOT_FOUND line 1:15: Schema 'hr' does not exist"),
        (
            ["lake"],
            [("lake", "hr")],
            "TABLE_NOT_FOUND line 1:15: Table 'lake.hr.nope' does not exist",
        ),
    ],
)
def test_missing_tables_are_named_as_trino_names_them(catalogs, schemas, error):
    ref = parse("SELECT * FROM HR.Nope", DEFAULTS).tables[0]
    found = table_error(ref, catalogs, schemas)
    assert f"{found.name} {found}" == error
    assert (found.line, found.column) == (1, 15)


def test_missing_schemas():
    assert schema_error("a", "b", []).name == "CATALOG_NOT_FOUND"
    assert str(schema_error("a", "b", ["a"])) == "Schema 'b' does not exist"
