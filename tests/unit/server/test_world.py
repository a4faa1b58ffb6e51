"""Worlds: what one file describes, and what is said about a file that describes none."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.names import TableName
from gateway.server.world import WorldError, load_world

WORLDS = Path(__file__).parents[2] / "worlds"
GOOD = """
world: tiny
policies: rules
principals:
  ann: {groups: [a], attributes: {clearance: 2}}
grants:
  - id: g-1
    grantee: user:ann
    product: things
    purpose: care
    valid_until: "2027-01-01T00:00:00Z"
    scope: {lake.s.things: {columns: [id], rows: {type: field, operator: eq, field: id, value: 1}}}
domains:
  d:
    catalog: lake
    stewards: [group:d]
    contacts: [{role: steward, contact: "mailto:d@example.org"}]
    products: {things: {visibility: listed}}
    token_domains: {member: {code: mbr, version: 3}}
    tables:
      s.things:
        product: things
        tags: [t]
        columns:
          id: bigint
          who: {type: varchar(40), token_domain: member, tags: [pii], required: true}
"""


def load(tmp_path: Path, text: str):
    (tmp_path / "rules").mkdir(exist_ok=True)
    path = tmp_path / "world.yaml"
    path.write_text(text, encoding="utf-8")
    return load_world(path)


def test_a_world_is_a_whole_mesh(tmp_path):
    world = load(tmp_path, GOOD)
    table = world.snapshot.tables[TableName("lake", "s", "things")]
    who = table.column("who")
    assert who is not None
    assert (who.type.text(), who.required, who.tags) == ("varchar(40)", True, ("pii",))
    assert table.metadata_location is None
    assert world.snapshot.token_domains["member"].active.v == 3
    assert world.snapshot.domains["d"].products[0].tables == (table.name,)
    assert world.snapshot.domains["d"].steward_contact == "mailto:d@example.org"
    ann = world.directory.principal("ann")
    assert ann is not None
    assert ann.groups == {"a"}
    assert world.directory.principal("bob") is None
    grant = world.grants[0]
    assert grant.scope is not None
    assert grant.scope[table.name].columns == ("id",)
    assert grant.valid_from < world.now < grant.valid_until
    assert world.policies == tmp_path / "rules"


@pytest.mark.parametrize("name", ["shop", "mesh", "types", "tpch", "drawn", "corpora"])
def test_the_worlds_of_the_tests_load(name):
    world = load_world(WORLDS / f"{name}.yaml")
    assert world.name == name
    assert world.snapshot.tables


def test_a_change_of_the_file_is_another_version(tmp_path):
    first = load(tmp_path, GOOD).snapshot.version
    assert first == load(tmp_path, GOOD).snapshot.version
    assert first != load(tmp_path, GOOD + "\n# more\n").snapshot.version


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("world: tiny", "world: 1", "put it in quotes"),
        ("world: tiny", "", "world is missing"),
        ("policies: rules", "policies: none", "is no folder"),
        ("id: bigint", "id: money", "not a Trino type"),
        ("id: bigint", "ID: bigint", "bad-name"),
        ("id: bigint", "id: {type: bigint, colour: red}", "unknown key colour"),
        ("product: things\n        tags", "product: nothing\n        tags", "unknown-product"),
        ("token_domain: member", "token_domain: nobody", "unknown-token-domain"),
        ("s.things:\n        product", "things:\n        product", "bad-name"),
        ("visibility: listed", "visibility: seen", "visibility is one of"),
        ("version: 3", "version: 300", "version is 1 to 99"),
        ("code: mbr, ", "", "code is missing"),
        ("clearance: 2", "clearance: 2.5", "put it in quotes"),
        ("groups: [a]", "group: [a]", "unknown key"),
        ('"2027-01-01T00:00:00Z"', "2027-01-01", "put it in quotes"),
        ('"2027-01-01T00:00:00Z"', '"2027-01-01"', "expected a time"),
        ("lake.s.things: {columns", "things: {columns", "not a catalog.schema.table"),
        ("    catalog: lake\n", "", "catalog is missing"),
        ("domains:", "domains: [", "yaml"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, said):
    assert old in GOOD
    with pytest.raises(WorldError) as raised:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert said in str(raised.value)
    assert "world.yaml:" in str(raised.value)


def test_all_findings_come_at_once(tmp_path):
    text = GOOD.replace("id: bigint", "id: money").replace("visibility: listed", "visibility: x")
    with pytest.raises(WorldError) as raised:
        load(tmp_path, text)
    assert len(str(raised.value).splitlines()) >= 2


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(WorldError, match="cannot be read"):
        load_world(tmp_path / "none.yaml")
