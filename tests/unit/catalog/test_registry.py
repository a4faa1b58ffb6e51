"""The registry follows files and tables, and keeps its head while someone is saving."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.types import StringType

from gateway.catalog.load import load_catalog
from gateway.catalog.registry import CatalogRegistry
from gateway.catalog.stores import open_catalog
from gateway.names import TableName
from tests.unit.catalog import lake

NOTES = TableName("lake", "claims", "notes")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def mesh(tmp_path: Path) -> Path:
    return lake.build(tmp_path / "mesh")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(mesh: Path, clock: Clock) -> CatalogRegistry:
    return CatalogRegistry(mesh, clock=clock)


def test_nothing_changed_keeps_the_same_snapshot(registry: CatalogRegistry):
    before = registry.current
    assert registry.refresh() is False
    assert registry.current is before


def test_a_saved_file_takes_effect_and_old_readers_keep_theirs(
    mesh: Path, registry: CatalogRegistry
):
    before = registry.current
    path = mesh / "claims.yaml"
    path.write_text(path.read_text().replace("tags: [phi]", "tags: [phi, secret]"))
    assert registry.refresh() is True
    claims = TableName("lake", "claims", "claims")
    assert registry.current.tables[claims].tags == ("phi", "secret")
    assert before.tables[claims].tags == ("phi",)
    assert registry.current.version != before.version
    assert registry.current == load_catalog(mesh)


def test_a_new_file_is_a_new_domain(mesh: Path, registry: CatalogRegistry):
    (mesh / "extra.yaml").write_text(lake.HEAD.format(name="extra"))
    assert registry.refresh() is True
    assert "extra" in registry.current.domains


def test_a_broken_file_closes_its_domain_only_when_seen_twice_a_second_apart(
    mesh: Path, registry: CatalogRegistry, clock: Clock
):
    before = registry.current
    (mesh / "claims.yaml").write_text("{")
    assert registry.refresh() is False
    clock.now += 0.9
    assert registry.refresh() is False
    assert registry.current is before
    clock.now += 0.1
    assert registry.refresh() is True
    assert list(registry.current.domains) == ["members", "weather"]
    assert [problem.code for problem in registry.current.problems] == ["syntax"]
    others = {n: t for n, t in before.tables.items() if t.domain != "claims"}
    assert registry.current.tables == others


def test_a_file_that_is_whole_again_never_closed(
    mesh: Path, registry: CatalogRegistry, clock: Clock
):
    before, path = registry.current, mesh / "claims.yaml"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    assert registry.refresh() is False
    path.write_text(text)
    clock.now += 5
    assert registry.refresh() is False
    assert registry.current is before
    # The first suspicion is forgotten: the next one counts from its own start.
    path.write_text("{")
    assert registry.refresh() is False


def test_a_repaired_file_opens_its_domain_at_once(
    mesh: Path, registry: CatalogRegistry, clock: Clock
):
    before, path = registry.current, mesh / "claims.yaml"
    text = path.read_text()
    path.write_text("{")
    registry.refresh()
    clock.now += 1
    registry.refresh()
    path.write_text(text)
    assert registry.refresh() is True
    assert registry.current == before


def test_other_domains_change_while_one_is_suspected(mesh: Path, registry: CatalogRegistry):
    (mesh / "claims.yaml").write_text("{")
    (mesh / "extra.yaml").write_text(lake.HEAD.format(name="extra"))
    assert registry.refresh() is True
    assert list(registry.current.domains) == ["claims", "extra", "members", "weather"]


def test_a_file_broken_from_the_start_is_closed_from_the_start(mesh: Path):
    (mesh / "claims.yaml").write_text("{")
    assert "claims" not in CatalogRegistry(mesh).current.domains


def test_a_removed_file_closes_its_domain_after_the_second_look(
    mesh: Path, registry: CatalogRegistry, clock: Clock
):
    (mesh / "weather.yaml").unlink()
    assert registry.refresh() is False
    clock.now += 1
    assert registry.refresh() is True
    assert list(registry.current.domains) == ["claims", "members"]
    assert registry.current.problems == ()


def test_a_new_column_is_seen_and_changes_the_version(mesh: Path, registry: CatalogRegistry):
    before = registry.current
    with (
        closing(open_catalog(lake.connection(mesh), write=True)) as catalog,
        catalog.load_table("claims.notes").update_schema() as update,
    ):
        update.add_column("author", StringType())
    assert registry.refresh() is True
    assert [column.name for column in registry.current.tables[NOTES].columns] == ["note", "author"]
    assert registry.current.version != before.version


def test_new_rows_move_the_table_but_not_the_version(mesh: Path, registry: CatalogRegistry):
    before = registry.current
    with closing(open_catalog(lake.connection(mesh), write=True)) as catalog:
        catalog.load_table("claims.notes").append(pa.table({"note": ["hello"]}))
    assert registry.refresh() is True
    old, new = before.tables[NOTES], registry.current.tables[NOTES]
    assert old.metadata_location != new.metadata_location
    assert registry.current.version == before.version
    assert old.columns == new.columns


def test_a_column_made_anew_under_its_name_quarantines_at_once(
    mesh: Path, registry: CatalogRegistry
):
    with closing(open_catalog(lake.connection(mesh), write=True)) as catalog:
        table = catalog.load_table("claims.claims")
        with table.update_schema(allow_incompatible_changes=True) as update:
            update.delete_column("Member_ID")
        with table.update_schema() as update:
            update.add_column("member_id", StringType())
    assert registry.refresh() is True
    assert TableName("lake", "claims", "claims") not in registry.current.tables
    assert NOTES in registry.current.tables
    assert [problem.code for problem in registry.current.problems] == ["field-moved"]


async def test_watching_finds_the_change_by_itself(mesh: Path, registry: CatalogRegistry):
    watching = asyncio.create_task(registry.watch(every_seconds=0.01))
    (mesh / "extra.yaml").write_text(lake.HEAD.format(name="extra"))
    for _ in range(1000):
        await asyncio.sleep(0.01)
        if "extra" in registry.current.domains:
            break
    assert "extra" in registry.current.domains
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


def test_reload_takes_unchanged_tables_from_the_last_snapshot(
    mesh: Path, registry: CatalogRegistry
):
    before = registry.current
    path = mesh / "weather.yaml"
    path.write_text(path.read_text() + "# a remark\n")
    assert registry.refresh() is True
    same = [n for n, t in before.tables.items() if registry.current.tables[n] is t]
    assert {name.schema for name in same} == {"claims", "members"}
