from __future__ import annotations

import pytest

from gateway.errors import MeshgateError
from gateway.metadata import show
from gateway.metadata.properties import SESSION_PROPERTIES
from gateway.names import TableName
from gateway.session import Session
from gateway.sql.model import Defaults, Kind, Position, Statement, TableRef
from tests.unit.metadata.mesh import CLAIM, FLIGHT, NOTES, allowed, denied, visible

HERE = Defaults("lake", "claims")


def answer(kind: Kind, defaults: Defaults = HERE, session: Session | None = None, **words: str):
    statement = Statement(kind, "digest", defaults, words=words)
    return show.answer(statement, visible(), session or Session())


def rows(*arguments: object, **words: object) -> list[tuple[object, ...]]:
    found = answer(*arguments, **words).rows
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True))


def heads(kind: Kind, **words: str) -> list[str]:
    found = answer(kind, **words)
    assert [c.name for c in found.columns] == found.rows.column_names
    return found.rows.column_names


@pytest.mark.parametrize(
    ("kind", "headings"),
    [
        (Kind.SHOW_CATALOGS, ["Catalog"]),
        (Kind.SHOW_SCHEMAS, ["Schema"]),
        (Kind.SHOW_TABLES, ["Table"]),
        (Kind.SHOW_COLUMNS, ["Column", "Type", "Extra", "Comment"]),
        (Kind.SHOW_CREATE, ["Create Table"]),
        (
            Kind.SHOW_FUNCTIONS,
            [
                *("Function", "Return Type", "Argument Types", "Function Type"),
                *("Deterministic", "Description"),
            ],
        ),
        (Kind.SHOW_SESSION, ["Name", "Value", "Default", "Type", "Description"]),
    ],
)
def test_headings_are_trinos(kind, headings):
    assert heads(kind, table="claim") == headings


def test_catalogs_and_schemas_are_the_visible_ones():
    assert rows(Kind.SHOW_CATALOGS) == [("air",), ("lake",), ("system",)]
    assert rows(Kind.SHOW_SCHEMAS) == [("claims",), ("information_schema",)]
    assert rows(Kind.SHOW_SCHEMAS, catalog="air") == [("information_schema",), ("ops",)]


def test_tables_of_data_and_of_metadata():
    assert rows(Kind.SHOW_TABLES) == [("claim",), ("region",)]
    found = rows(Kind.SHOW_TABLES, schema="information_schema")
    assert ("columns",) in found
    assert rows(Kind.SHOW_TABLES, catalog="system", schema="runtime") == [("nodes",), ("queries",)]


@pytest.mark.parametrize(
    ("pattern", "escape", "found"),
    [
        ("c%", None, ["claim"]),
        ("regio_", None, ["region"]),
        ("%", None, ["claim", "region"]),
        ("claim!%", "!", []),
        (r"regi\_n", "\\", []),
        ("CLAIM", None, []),
        ("", None, []),
        ("c.*", None, []),
    ],
)
def test_like(pattern, escape, found):
    words = {"like": pattern} | ({"escape": escape} if escape else {})
    assert [name for (name,) in rows(Kind.SHOW_TABLES, **words)] == found


@pytest.mark.parametrize(("pattern", "escape"), [("a!b", "!"), ("a!", "!"), ("a", "!!")])
def test_a_bad_escape_is_trinos_error(pattern, escape):
    with pytest.raises(MeshgateError) as caught:
        answer(Kind.SHOW_TABLES, like=pattern, escape=escape)
    assert caught.value.name == "INVALID_FUNCTION_ARGUMENT"


def test_columns_are_those_of_the_star():
    assert rows(Kind.SHOW_COLUMNS, table="claim") == [
        ("claim_id", "bigint", "", "the claim's number"),
        ("email", "varchar", "", ""),
        ("paid", "decimal(12,2)", "", ""),
        ("seen", "timestamp(6) with time zone", "", ""),
    ]
    assert len(rows(Kind.SHOW_COLUMNS, table="claim", like="%a%")) == 3


def test_columns_of_a_metadata_table():
    found = rows(Kind.SHOW_COLUMNS, schema="information_schema", table="tables")
    assert [name for name, *_ in found] == [
        *("table_catalog", "table_schema", "table_name", "table_type"),
    ]


def test_create_table_shows_what_its_reader_sees():
    ((text,),) = rows(Kind.SHOW_CREATE, table="claim")
    assert text == (
        "CREATE TABLE lake.claims.claim (\n"
        "   claim_id bigint NOT NULL COMMENT 'the claim''s number',\n"
        "   email varchar,\n"
        "   paid decimal(12,2),\n"
        "   seen timestamp(6) with time zone\n"
        ")\nCOMMENT 'Claims, one row each'"
    )


def test_functions_are_those_a_statement_may_call():
    found = {name: row for name, *row in rows(Kind.SHOW_FUNCTIONS)}
    assert found["lower"][2:4] == ["scalar", True]
    assert found["random"][3] is False
    assert found["sum"][2] == "aggregate"
    assert "fail" not in found
    assert [n for n, *_ in rows(Kind.SHOW_FUNCTIONS, like="array_a%")] == ["array_agg"]
    assert list(found) == sorted(found)


def test_overloads_have_a_row_each_with_trinos_types():
    found = [(name, returns, takes) for name, returns, takes, *_ in rows(Kind.SHOW_FUNCTIONS)]
    assert ("lower", "varchar(x)", "varchar(x)") in found
    assert len([one for one in found if one[0] == "date_trunc"]) > 1
    assert ("concat", "varchar", "varchar, varchar...") in found
    assert ("element_at", "T", "array(T), bigint") in found
    assert not any("unknown" in takes for _, _, takes in found)


def test_session_shows_values_and_defaults():
    session = Session(properties={"meshgate.warnings": "off"})
    found = {name: row for name, *row in rows(Kind.SHOW_SESSION, HERE, session)}
    assert found["meshgate.warnings"][:2] == ["off", "full"]
    assert sorted(found) == list(found) == [p.name for p in SESSION_PROPERTIES]


def error(kind: Kind, defaults: Defaults = HERE, **words: str) -> MeshgateError:
    with pytest.raises(MeshgateError) as caught:
        answer(kind, defaults, **words)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "words", "name"),
    [
        (Kind.SHOW_SCHEMAS, {"catalog": "hidden"}, "CATALOG_NOT_FOUND"),
        (Kind.SHOW_TABLES, {"catalog": "hidden"}, "CATALOG_NOT_FOUND"),
        (Kind.SHOW_TABLES, {"schema": "hidden"}, "SCHEMA_NOT_FOUND"),
        (Kind.SHOW_COLUMNS, {"table": "notes"}, "TABLE_NOT_FOUND"),
        (Kind.SHOW_COLUMNS, {"table": "nope"}, "TABLE_NOT_FOUND"),
        (Kind.SHOW_COLUMNS, {"schema": "nope", "table": "claim"}, "SCHEMA_NOT_FOUND"),
        (Kind.SHOW_CREATE, {"table": "notes"}, "TABLE_NOT_FOUND"),
        (Kind.SHOW_CREATE, {"table": "claim", "what": "view"}, "NOT_SUPPORTED"),
        (Kind.SHOW_CREATE, {"table": "claim", "what": "schema"}, "NOT_SUPPORTED"),
        (Kind.COMMIT, {}, "NOT_SUPPORTED"),
    ],
)
def test_refusals(kind, words, name):
    assert error(kind, **words).name == name


def test_hidden_and_absent_tables_read_alike():
    hidden, absent = (error(Kind.SHOW_COLUMNS, table=name) for name in ("notes", "other"))
    assert hidden.message.replace("notes", "other") == absent.message


def test_nothing_is_guessed_without_a_default():
    none = Defaults()
    assert error(Kind.SHOW_SCHEMAS, none).name == "MISSING_CATALOG_NAME"
    assert error(Kind.SHOW_TABLES, none).name == "MISSING_SCHEMA_NAME"
    assert error(Kind.SHOW_COLUMNS, none, table="claim").name == "MISSING_CATALOG_NAME"
    assert error(Kind.SHOW_COLUMNS, Defaults("lake"), table="x").name == "MISSING_SCHEMA_NAME"


def test_a_view_keeps_its_definition():
    refused = error(Kind.SHOW_CREATE, catalog="air", schema="ops", table="flight", what="view")
    assert "owners" in refused.message


def test_the_reference_of_the_statement_keeps_its_position():
    ref = TableRef(NOTES, ("notes",), Position(3, 9))
    statement = Statement(Kind.SHOW_COLUMNS, "d", HERE, tables=(ref,))
    with pytest.raises(MeshgateError, match="line 3:9"):
        show.answer(statement, visible(), Session())


def test_a_failed_policy_is_told_to_its_holders():
    seen = visible(denied(CLAIM, unavailable=True), allowed(FLIGHT, "number"))
    for kind, words in ((Kind.SHOW_COLUMNS, {"table": "nope"}), (Kind.SHOW_TABLES, {})):
        statement = Statement(kind, "d", HERE, words=words)
        with pytest.raises(MeshgateError) as caught:
            show.answer(statement, seen, Session())
        assert caught.value.name == "CONFIGURATION_UNAVAILABLE"


def test_absent_metadata_tables_read_like_absent_tables():
    name = TableName("lake", "information_schema", "nope")
    found = show.absent(TableRef(name, ("nope",), Position(1, 15)), visible())
    assert found.message == "line 1:15: Table 'lake.information_schema.nope' does not exist"
