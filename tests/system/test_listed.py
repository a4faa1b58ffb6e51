"""Listed ⇔ selectable through the pipeline: every world, person, purpose, table and column."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.model import Table
from gateway.errors import MeshgateError
from gateway.identity.principal import Principal
from gateway.names import TableName
from gateway.query.plan import Plan
from gateway.query.service import QueryService
from gateway.server.planning import Mesh
from gateway.server.world import load_world
from gateway.session import Session
from gateway.sql.limits import allow_recursion

WORLDS = sorted((Path(__file__).parents[1] / "worlds").glob("*.yaml"))
ABSENT = {"CATALOG_NOT_FOUND", "SCHEMA_NOT_FOUND", "TABLE_NOT_FOUND"}
_RUNNER = asyncio.Runner()
allow_recursion()  # as planning does: a property must not see the limit change under it


@dataclass(frozen=True, slots=True)
class Viewer:
    """One person in one world, under one purpose."""

    world: Path
    id: str
    purpose: str | None

    @property
    def service(self) -> QueryService:
        return loaded(self.world)[1]

    @property
    def principal(self) -> Principal:
        found = loaded(self.world)[0].directory.principal(self.id)
        assert found is not None
        return found

    def plan(self, sql: str) -> Plan | MeshgateError:
        """The plan of a statement, or why there is none."""
        stated = {"meshgate.purpose": self.purpose} if self.purpose else {}
        session = Session(properties=MappingProxyType(stated))
        try:
            return _RUNNER.run(self.service.plan(sql, session, self.principal, "listed"))
        except MeshgateError as error:
            return error

    def rows(self, sql: str) -> list[dict[str, object]]:
        """The rows behind a metadata query or a SHOW; none where it is refused."""
        plan = self.plan(sql)
        if isinstance(plan, MeshgateError):
            assert plan.name in {
                *ABSENT,
                "CONFIGURATION_UNAVAILABLE",
            }  # holders of a failing domain
            return []
        if plan.answer is not None:
            return plan.answer.rows.to_pylist()
        (source,) = plan.sources.values()
        return source.to_pylist()


@cache
def loaded(world: Path) -> tuple[Mesh, QueryService]:
    mesh = Mesh.of_world(load_world(world))
    return mesh, mesh.service("duckdb", mesh.policy())


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    for world in WORLDS:
        loaded(world)[1].close()


@cache
def viewers() -> list[Viewer]:
    """Everybody, under each purpose that they may state and none."""
    found = []
    for world in WORLDS:
        mesh, service = loaded(world)
        for person in mesh.directory.entries:
            for purpose in (None, *service._policy.purposes):
                viewer = Viewer(world, person, purpose)
                refused = viewer.plan("SELECT 1 FROM system.jdbc.catalogs")
                if not isinstance(refused, MeshgateError):
                    found.append(viewer)
    return found


@cache
def listings(viewer: Viewer) -> Mapping[str, Mapping[TableName, tuple[str, ...]]]:
    """What each surface lists: tables with their columns, in order."""
    catalogs = {name.catalog for name in loaded(viewer.world)[0].snapshot.tables}
    surfaces: dict[str, dict[TableName, tuple[str, ...]]] = {"jdbc": {}, "schema": {}}
    for row in viewer.rows("SELECT * FROM system.jdbc.columns"):
        _add(surfaces["jdbc"], row["table_cat"], row["table_schem"], row)
    for catalog in catalogs:
        for row in viewer.rows(f'SELECT * FROM "{catalog}".information_schema.columns'):
            _add(surfaces["schema"], row["table_catalog"], row["table_schema"], row)
    return surfaces


def _add(found: dict[TableName, tuple[str, ...]], catalog, schema, row) -> None:
    name = TableName(catalog, schema, row["table_name"])
    found[name] = (*found.get(name, ()), row["column_name"])


def quoted(name: TableName) -> str:
    return ".".join(f'"{part}"' for part in (name.catalog, name.schema, name.table))


def told(error: MeshgateError) -> str:
    return f"{error.name} {error.code.code} {error.message} {error.line}:{error.column}"


_OBLIGED = ("requires a filter on", "allows it only in")


def unanswered(error: MeshgateError, table: Table) -> bool:
    """Whether it is said of what may be listed: Trino lists broken views, too."""
    if table.view and error.name in {"VIEW_IS_STALE", "INVALID_VIEW"}:
        return True
    if error.name == "PERMISSION_DENIED":
        return any(words in error.message for words in _OBLIGED)
    return error.name == "NOT_SUPPORTED"


@st.composite
def questions(draw) -> tuple[Viewer, Table, str]:
    """A viewer, a table of that world and a column of it, or one that does not exist."""
    viewer = draw(st.sampled_from(viewers()))
    table = draw(st.sampled_from(list(loaded(viewer.world)[0].snapshot.tables.values())))
    column = draw(st.sampled_from([*(c.name for c in table.columns), "no_such_column"]))
    return viewer, table, column


@given(questions())
def test_a_table_is_listed_exactly_if_it_can_be_selected(question):
    viewer, table, _ = question
    name = table.name
    listed = {surface: found.get(name) for surface, found in listings(viewer).items()}
    shown = viewer.rows(f'SHOW TABLES FROM "{name.catalog}"."{name.schema}"')
    named = viewer.rows("SELECT * FROM system.jdbc.tables")
    described = viewer.plan(f"DESCRIBE {quoted(name)}")
    star = viewer.plan(f"SELECT * FROM {quoted(name)}")
    if listed["jdbc"] is None:
        assert isinstance(star, MeshgateError)
        assert listed["schema"] is None
        assert isinstance(described, MeshgateError)
    else:
        assert isinstance(star, Plan) or unanswered(star, table), star
        assert listed["schema"] == listed["jdbc"]
        assert isinstance(described, Plan)
        assert tuple(described.answer.rows["Column"].to_pylist()) == listed["jdbc"]
        if isinstance(star, Plan):
            assert tuple(column.name for column in star.columns) == listed["jdbc"]
    assert (name.table in {row["Table"] for row in shown}) == (listed["jdbc"] is not None)
    jdbc = {(r["table_cat"], r["table_schem"], r["table_name"]) for r in named}
    assert ((name.catalog, name.schema, name.table) in jdbc) == (listed["jdbc"] is not None)


@given(questions())
def test_a_column_is_listed_exactly_if_it_can_be_selected(question):
    viewer, table, column = question
    listed = listings(viewer)["jdbc"].get(table.name)
    plan = viewer.plan(f'SELECT t."{column}" FROM {quoted(table.name)} AS t')
    if listed is not None and column in listed:
        assert isinstance(plan, Plan) or unanswered(plan, table), plan
    else:
        assert isinstance(plan, MeshgateError)
    if listed is not None and column not in listed:
        unknown = "x" * len(column)
        other = viewer.plan(f'SELECT t."{unknown}" FROM {quoted(table.name)} AS t')
        assert isinstance(other, MeshgateError)
        discloses = plan.name == "PERMISSION_DENIED" and column != "no_such_column"
        assert discloses or told(plan) == told(other).replace(unknown, column)


@given(questions())
def test_what_is_not_listed_reads_as_absent_or_says_why_it_is_refused(question):
    viewer, table, _ = question
    name = table.name
    if name in listings(viewer)["jdbc"]:
        return
    mesh = loaded(viewer.world)[0]
    unknown = TableName(name.catalog, name.schema, "x" * len(name.table))
    shapes = ("SELECT 1 FROM {}", "SELECT * FROM {} AS t WHERE t.a = 1", "EXPLAIN TABLE {}")
    for shape in shapes:
        hidden, absent = (
            viewer.plan(shape.format(quoted(name))),
            viewer.plan(shape.format(quoted(unknown))),
        )
        assert isinstance(hidden, MeshgateError)
        assert isinstance(absent, MeshgateError)
        if hidden.name == "PERMISSION_DENIED":
            product = mesh.snapshot.product_of(table)
            assert product is not None
            assert product.visibility in {"described", "listed"}
            assert hidden.message.startswith(f"Access Denied: Cannot select from table {name}: ")
        else:
            assert hidden.name in {*ABSENT, "CONFIGURATION_UNAVAILABLE"}
            assert told(hidden) == told(absent).replace(unknown.table, name.table)


def test_all_kinds_of_answers_are_among_the_questions():
    """The properties mean something: some see all, some a part, some nothing."""
    shares = set()
    for viewer in viewers():
        found, every = listings(viewer)["jdbc"], loaded(viewer.world)[0].snapshot.tables
        for table in every.values():
            seen = len(found.get(table.name, ()))
            shares.add("none" if not seen else "all" if seen == len(table.columns) else "some")
    assert shares == {"none", "some", "all"}
    assert len(viewers()) >= 12
