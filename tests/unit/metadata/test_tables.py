from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.catalog.model import CatalogSnapshot, Domain
from gateway.metadata.facts import OwnQuery, SessionFacts
from gateway.metadata.shapes import arrow_type
from gateway.metadata.tables import is_metadata, metadata_tables
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName
from tests.unit.metadata.mesh import allowed, column, table, visible

FACTS = SessionFacts("alice", "q9", base_uri="http://gw")


def rows(name: str, facts: SessionFacts = FACTS) -> list[dict[str, object]]:
    return metadata_tables(visible(), facts)[TableName.parse(name)].rows.to_pylist()


def heads(name: str) -> list[str]:
    found = metadata_tables(visible(), FACTS)[TableName.parse(name)].table
    return [c.name for c in found.columns if not c.hidden]


def of(found: list[dict[str, object]], **wanted: object) -> list[dict[str, object]]:
    return [row for row in found if all(row[key] == value for key, value in wanted.items())]


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("lake.information_schema.tables", True),
        ("lake.information_schema.nothing", True),
        ("system.jdbc.tables", True),
        ("system.other.thing", True),
        ("lake.claims.claim", False),
        ("lake.jdbc.tables", False),
    ],
)
def test_metadata_is_told_from_data_by_name(name, answer):
    assert is_metadata(TableName.parse(name)) is answer


@pytest.mark.parametrize(
    "name",
    ["hidden.information_schema.tables", "lake.information_schema.nothing", "lake.jdbc.tables"],
)
def test_there_is_no_metadata_of_what_is_not_visible(name):
    assert TableName.parse(name) not in metadata_tables(visible(), FACTS)


def test_every_table_can_be_built_with_its_declared_types():
    found = metadata_tables(visible(), FACTS)
    assert len(found) == len(list(found)) == 3 * 8 + 13 + 3 + 2
    for name, one in found.items():
        built = one.rows
        assert built.column_names == [c.name for c in one.table.columns], name
        assert list(built.schema.types) == [arrow_type(c.type) for c in one.table.columns], name
        assert one.decision.effect == "allow"
        assert [c.name for c in one.decision.columns] == built.column_names


def test_the_star_of_columns_is_trinos():
    assert heads("lake.information_schema.columns") == [
        "table_catalog",
        "table_schema",
        "table_name",
        "column_name",
        "ordinal_position",
        "column_default",
        "is_nullable",
        "data_type",
    ]
    assert heads("lake.information_schema.tables")[-1] == "table_type"


def test_columns_are_those_that_can_be_read_renumbered():
    found = of(rows("lake.information_schema.columns"), table_name="claim")
    shown = [(r["column_name"], r["ordinal_position"], r["data_type"]) for r in found]
    assert shown == [
        ("claim_id", 1, "bigint"),
        ("email", 2, "varchar"),
        ("paid", 3, "decimal(12,2)"),
        ("seen", 4, "timestamp(6) with time zone"),
    ]
    assert found[0]["is_nullable"] == "NO"
    assert found[1]["is_nullable"] == "YES"
    assert found[0]["comment"] == found[0]["column_comment"] == "the claim's number"


def test_tables_list_data_views_and_the_information_schema_itself():
    lake = rows("lake.information_schema.tables")
    assert [r["table_name"] for r in of(lake, table_schema="claims")] == ["claim", "region"]
    assert of(lake, table_name="claim")[0]["table_type"] == "BASE TABLE"
    assert of(lake, table_name="claim")[0]["table_comment"] == "Claims, one row each"
    assert len(of(lake, table_schema="information_schema")) == 8
    assert {r["table_catalog"] for r in lake} == {"lake"}
    assert of(rows("air.information_schema.tables"), table_name="flight")[0]["table_type"] == "VIEW"
    assert [r["table_name"] for r in rows("air.information_schema.views")] == ["flight"]


def test_schemata_are_those_of_the_catalog():
    assert [r["schema_name"] for r in rows("lake.information_schema.schemata")] == [
        "claims",
        "information_schema",
    ]


def test_jdbc_lists_span_all_catalogs():
    assert [r["table_cat"] for r in rows("system.jdbc.catalogs")] == ["air", "lake", "system"]
    assert {"table_schem": "ops", "table_catalog": "air"} in rows("system.jdbc.schemas")
    found = rows("system.jdbc.tables")
    assert of(found, table_name="flight")[0]["table_type"] == "VIEW"
    assert of(found, table_cat="lake", table_name="claim")[0]["remarks"] is None
    assert [r["table_type"] for r in rows("system.jdbc.table_types")] == ["TABLE", "VIEW"]


def test_jdbc_columns_describe_types_as_trino_does():
    found = {r["column_name"]: r for r in of(rows("system.jdbc.columns"), table_name="claim")}

    def shown(name: str) -> tuple[object, ...]:
        row = found[name]
        return tuple(
            row[key]
            for key in (
                *("data_type", "type_name", "column_size", "decimal_digits", "num_prec_radix"),
                *("char_octet_length", "is_nullable", "nullable", "buffer_length"),
            )
        )

    assert shown("claim_id") == (-5, "bigint", 19, None, 10, None, "NO", 2, 0)
    assert shown("email") == (12, "varchar", 2147483647, None, None, 2147483647, "YES", 2, 0)
    assert shown("paid") == (3, "decimal(12,2)", 12, 2, 10, None, "YES", 2, 0)
    zoned = (2014, "timestamp(6) with time zone", 62, 6, None, None, "YES", 2, 0)
    assert shown("seen") == zoned
    assert [r["ordinal_position"] for r in found.values()] == [1, 2, 3, 4]


def test_jdbc_types_tell_what_can_be_searched():
    found = {r["type_name"]: r for r in rows("system.jdbc.types")}
    assert found["bigint"]["data_type"] == -5
    assert found["bigint"]["searchable"] == 3
    assert found["array"]["data_type"] == 2003
    assert found["map"]["data_type"] == 2000
    assert found["double"]["num_prec_radix"] == 2


def test_every_visible_relation_has_one_comment_row():
    found = of(rows("system.metadata.table_comments"), catalog_name="lake", schema_name="claims")
    assert [(r["table_name"], r["comment"]) for r in found] == [
        ("claim", "Claims, one row each"),
        ("region", None),
    ]


def test_own_queries_are_listed_with_their_text():
    own = OwnQuery("q1", "FINISHED", "SELECT 1", created=datetime(2026, 1, 2, tzinfo=UTC))
    facts = SessionFacts("alice", "q9", own_queries=(own,))
    found = rows("system.runtime.queries", facts)
    assert [(r["query_id"], r["user"], r["query"]) for r in found] == [("q1", "alice", "SELECT 1")]
    assert rows("system.runtime.queries") == []


def test_there_is_one_node():
    assert [(r["http_uri"], r["node_version"]) for r in rows("system.runtime.nodes")] == [
        ("http://gw", "476")
    ]


def test_rows_are_built_once_for_one_catalog():
    found = metadata_tables(visible(), FACTS)
    one = found[TableName.parse("system.jdbc.columns")]
    assert one.rows is one.rows


def test_a_thousand_tables_of_thirty_columns_are_listed():
    names = [TableName("lake", "big", f"t{n:04}") for n in range(1000)]
    columns = [column(f"c{n:02}", "varchar", n) for n in range(30)]
    tables = {name: table(name, "big", *columns) for name in names}
    snapshot = CatalogSnapshot("c", {"big": Domain("big", "lake", schemas=("big",))}, tables)
    readable = [c.name for c in columns]
    decisions = {name: allowed(name, *readable) for name in names}
    found = metadata_tables(VisibleCatalog.build(decisions, snapshot), FACTS)
    count = found[TableName.parse("lake.information_schema.columns")].rows.num_rows
    assert count > 30_000
