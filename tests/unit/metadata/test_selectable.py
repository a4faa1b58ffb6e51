"""Listed ⇔ selectable: every surface equals what the resolver would select."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MeshgateError
from gateway.metadata import show
from gateway.metadata.facts import SessionFacts
from gateway.metadata.tables import metadata_tables
from gateway.metadata.visible import VisibleCatalog
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, Mask, TableDecision
from gateway.session import Session
from gateway.sql.model import Defaults, Kind, Statement
from gateway.sql.parse import parse
from gateway.sql.resolve import resolve
from tests.unit.metadata.mesh import decision, snapshot

TABLES = snapshot().tables
STARS = {name: parse(f"SELECT * FROM {name}", Defaults()) for name in TABLES}
FACTS = SessionFacts("alice", "q1")
EFFECTS = st.sampled_from(["allow", "mask", "deny"])


@st.composite
def decisions(draw) -> dict[TableName, TableDecision]:
    """Any decision about any of the mesh's tables."""
    return {
        name: TableDecision(
            name,
            draw(st.sampled_from(["allow", "allow", "deny"])),
            tuple(_column(column.name, draw(EFFECTS)) for column in table.columns),
            discoverable=draw(st.booleans()),
            unavailable=draw(st.integers(0, 9)) == 0,
        )
        for name, table in TABLES.items()
    }


def _column(name: str, effect: str) -> ColumnDecision:
    return ColumnDecision(name, effect, Mask("replace-with-null") if effect == "mask" else None)


def selected(found: TableDecision) -> list[str] | None:
    """What ``SELECT *`` returns, None where it is refused."""
    if found.effect != "allow" or found.unavailable:
        return None
    try:
        query = resolve(STARS[found.table], decision(found), {found.table: TABLES[found.table]})
    except MeshgateError:
        return None
    return [output.name for output in query.outputs]


def by_information_schema(seen: VisibleCatalog, name: TableName) -> list[str] | None:
    catalog = TableName(name.catalog, "information_schema", "columns")
    tables = metadata_tables(seen, FACTS)
    if catalog not in tables:
        return None
    rows = tables[catalog].rows.to_pylist()
    mine = [r for r in rows if (r["table_schema"], r["table_name"]) == (name.schema, name.table)]
    assert [r["ordinal_position"] for r in mine] == list(range(1, len(mine) + 1))
    return [r["column_name"] for r in mine] or None


def by_jdbc(seen: VisibleCatalog, name: TableName) -> list[str] | None:
    rows = metadata_tables(seen, FACTS)[TableName("system", "jdbc", "columns")].rows.to_pylist()
    whole = (name.catalog, name.schema, name.table)
    mine = [r for r in rows if (r["table_cat"], r["table_schem"], r["table_name"]) == whole]
    return [r["column_name"] for r in mine] or None


def by_describe(seen: VisibleCatalog, name: TableName) -> list[str] | None:
    words = {"catalog": name.catalog, "schema": name.schema, "table": name.table}
    statement = Statement(Kind.SHOW_COLUMNS, "d", Defaults(), words=words)
    try:
        return show.answer(statement, seen, Session()).rows["Column"].to_pylist()
    except MeshgateError:
        return None


def by_tables(seen: VisibleCatalog, name: TableName) -> bool:
    tables = metadata_tables(seen, FACTS)
    found = []
    for surface, keys in (
        ("system.jdbc.tables", ("table_cat", "table_schem", "table_name")),
        ("system.metadata.table_comments", ("catalog_name", "schema_name", "table_name")),
    ):
        rows = tables[TableName.parse(surface)].rows.to_pylist()
        found.append(str(name) in {".".join(r[key] for key in keys) for r in rows})
    words = {"catalog": name.catalog, "schema": name.schema}
    statement = Statement(Kind.SHOW_TABLES, "d", Defaults(), words=words)
    try:
        found.append(
            name.table in show.answer(statement, seen, Session()).rows["Table"].to_pylist()
        )
    except MeshgateError:
        found.append(False)
    assert len(set(found)) == 1
    return found[0]


@given(decisions())
def test_every_surface_lists_exactly_what_can_be_selected(found):
    seen = VisibleCatalog.build(found, snapshot())
    for name, about in found.items():
        star = selected(about)
        assert by_information_schema(seen, name) == star
        assert by_jdbc(seen, name) == star
        assert by_describe(seen, name) == star
        assert by_tables(seen, name) == (star is not None)
        assert (name.catalog in seen.catalogs) == any(
            selected(other) is not None
            for key, other in found.items()
            if key.catalog == name.catalog
        )
