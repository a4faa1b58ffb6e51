"""The demo's tables as Iceberg: written once, with their history, and their keys."""

from __future__ import annotations

import json
import shutil
import stat
from contextlib import closing
from pathlib import Path

import pyarrow.compute as pc
import pytest

from gateway.catalog.load import load_catalog
from gateway.catalog.stores import locations
from gateway.demo import lake
from gateway.demo.load import load_demo, load_tpch
from gateway.secrets import read_secret

CATALOGS = Path(__file__).parents[3] / "catalogs"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("demo") / "data"
    load_demo(directory, progress=False)
    return directory


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    return shutil.copytree(data, tmp_path / "copy")


def test_the_checked_in_domains_fit_the_data(data: Path):
    snapshot = load_catalog(CATALOGS, {"MESHGATE_DATA": str(data)})
    assert [str(problem) for problem in snapshot.problems] == []
    assert sorted(snapshot.domains) == [
        "call_center",
        "claims",
        "fleet",
        "members",
        "operations",
        "places",
        "providers",
        "tpch",
    ]
    present = {".".join(name) for name in locations(lake.connection(data))}
    assert {f"{name.schema}.{name.table}" for name in snapshot.tables} == present
    assert {p.visibility for d in snapshot.domains.values() for p in d.products} == {
        "hidden",
        "listed",
        "described",
    }


def test_every_identifying_column_is_tagged(data: Path):
    snapshot = load_catalog(CATALOGS, {"MESHGATE_DATA": str(data)})
    bound = {
        f"{t.name.schema}.{c.name}": (c.token_domain, c.tags)
        for t in snapshot.tables.values()
        for c in t.columns
        if c.token_domain
    }
    assert bound == {
        "members.member_id": ("member", ("pii.id",)),
        "members.ssn": ("ssn", ("pii.ssn",)),
        "claims.member_id": ("member", ("pii.id",)),
        "call_center.member_id": ("member", ("pii.id",)),
        "call_center.caller_ssn": ("ssn", ("pii.ssn",)),
    }


def test_keys_are_private_and_stay(data: Path, copy: Path):
    assert stat.S_IMODE((data / "keys.json").stat().st_mode) == 0o400
    snapshot = load_catalog(CATALOGS, {"MESHGATE_DATA": str(data)})
    keys = {read_secret(t.active.key, Path("/")) for t in snapshot.token_domains.values()}
    assert {len(bytes.fromhex(key.decode())) for key in keys} == {32}
    assert len(keys) == 2
    before = (copy / "keys.json").read_bytes()
    load_demo(copy, sets=("flights",), progress=False)
    assert (copy / "keys.json").read_bytes() == before


def test_claims_have_months_an_evolved_column_a_tag_and_a_correction(data: Path):
    with closing(lake.open_lake(data)) as catalog:
        claims = catalog.load_table("claims.claims")
    now = claims.scan().to_arrow()
    assert now.num_rows == 120_000
    assert len(claims.inspect.partitions()) == 24
    assert now["channel"].null_count == 104_751
    corrected = pc.and_(
        pc.equal(now["provider_id"], "P-00017"),
        pc.less(pc.strftime(now["service_date"], "%Y-%m"), "2024-07"),
    )
    assert set(now.filter(corrected)["status"].to_pylist()) == {"denied"}
    tagged = claims.snapshot_by_name("month_close")
    assert tagged is not None
    before = claims.scan(snapshot_id=tagged.snapshot_id).to_arrow()
    assert before.num_rows == 120_000
    assert pc.sum(before["paid"]).as_py() > pc.sum(now["paid"]).as_py()


def test_what_is_there_is_not_written_again(data: Path):
    before = locations(lake.connection(data))
    load_demo(data, progress=False)
    assert locations(lake.connection(data)) == before


@pytest.mark.parametrize("spoil", ["marker", "cut short", "table", "hash"])
def test_what_is_incomplete_is_written_again(copy: Path, spoil: str):
    load_demo(copy, sets=("flights",), progress=False)
    before = locations(lake.connection(copy))
    marker = copy / "flights.json"
    if spoil == "marker":
        marker.unlink()
    elif spoil == "cut short":
        marker.write_text("{")
    elif spoil == "hash":
        marker.write_text(marker.read_text().replace('"rows": [16]', '"rows": [17]'))
    else:
        with closing(lake.open_lake(copy)) as catalog:
            catalog.drop_table("fleet.airlines")
    load_demo(copy, sets=("flights",), progress=False)
    after = locations(lake.connection(copy))
    assert after.keys() == before.keys()
    assert all(after[name] != before[name] for name in after if name[0] in {"fleet", "places"})
    assert after["claims", "claims"] == before["claims", "claims"]


def test_a_copied_directory_is_written_again_and_its_original_left_alone(data: Path, copy: Path):
    """Iceberg's files name each other by absolute path."""
    before = sorted(data.rglob("*"))
    load_demo(copy, sets=("flights",), progress=False)
    found = locations(lake.connection(copy))
    assert found["fleet", "planes"].startswith(f"file://{copy}/")
    assert sorted(data.rglob("*")) == before


def test_tpch_of_another_scale_replaces_the_first(tmp_path: Path):
    load_tpch(tmp_path, 0.001, progress=False)
    with closing(lake.open_lake(tmp_path)) as catalog:
        small = catalog.load_table("tpch.orders").scan().to_arrow().num_rows
    assert json.loads((tmp_path / "tpch.json").read_text())["scale"] == 0.001
    load_tpch(tmp_path, 0.002, progress=False)
    with closing(lake.open_lake(tmp_path)) as catalog:
        assert catalog.load_table("tpch.orders").scan().to_arrow().num_rows == 2 * small == 3_000


def test_any_ordinary_folder_name_will_do(tmp_path: Path):
    folder = tmp_path / "a b" / "grün"
    load_tpch(folder, 0.001, progress=False)
    load_tpch(folder, 0.001, progress=False)
    assert (folder / "warehouse" / "tpch" / "orders").is_dir()
    snapshot = load_catalog(CATALOGS, {"MESHGATE_DATA": str(folder)})
    assert {name.schema for name in snapshot.tables} == {"tpch"}


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b"])
def test_a_folder_name_iceberg_cannot_use_is_refused(tmp_path: Path, name: str):
    with pytest.raises(ValueError, match="choose another folder"):
        load_tpch(tmp_path / name, 0.001, progress=False)
    snapshot = load_catalog(CATALOGS, {"MESHGATE_DATA": str(tmp_path / name)})
    assert {problem.code for problem in snapshot.problems} == {"bad-value"}
    assert not snapshot.domains


def test_an_unknown_set_is_named(tmp_path: Path):
    with pytest.raises(ValueError, match="no data set trains; there are health, flights, tpch"):
        load_demo(tmp_path, sets=("trains",), progress=False)
