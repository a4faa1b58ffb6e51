"""Listed ⇔ selectable, end to end: what each person's listings name is what a query returns."""

from __future__ import annotations

import pytest

from tests.conformance.wire import Wire

# Every table of the mesh that holds data, whether the person may know of it or not.
DATA = ["claims.claim", "vault.secret", "x_cli.base", "x_cli.kinds", "x_cli.sealed"]
SEEN = {
    "alice": ["claims.claim", "x_cli.base", "x_cli.kinds"],
    "bob": ["claims.claim", "x_cli.base", "x_cli.kinds"],
    "carol": [],
}


def listed(wire: Wire) -> dict[tuple[str, ...], list[str]]:
    """Columns by table, from the widest listing."""
    found: dict[tuple[str, ...], list[str]] = {}
    reply = wire.run(
        "SELECT table_cat, table_schem, table_name, column_name FROM system.jdbc.columns "
        "ORDER BY 1, 2, 3, ordinal_position"
    )
    assert reply.error is None
    for *name, column in reply.rows:
        found.setdefault(tuple(name), []).append(column)
    return found


@pytest.mark.parametrize("who", SEEN)
def test_each_table_that_is_listed_can_be_selected_with_those_columns(gateway, who):
    wire = gateway.connect(who)
    found = listed(wire)
    assert len(found) >= 26
    for name, columns in found.items():
        reply = wire.run("SELECT * FROM " + ".".join(f'"{part}"' for part in name) + " LIMIT 1")
        assert reply.error is None, name
        assert [column for column, _ in reply.columns] == columns, name


@pytest.mark.parametrize("who", SEEN)
def test_each_table_of_data_is_listed_exactly_if_it_can_be_selected(gateway, who):
    wire = gateway.connect(who)
    names = {f"{schema}.{table}" for catalog, schema, table in listed(wire) if catalog == "lake"}
    for name in DATA:
        reply = wire.run(f"SELECT count(*) FROM lake.{name}")
        assert (reply.error is None) == (name in names) == (name in SEEN[who])


@pytest.mark.parametrize("who", SEEN)
def test_other_listings_agree_with_the_widest(gateway, who):
    wire = gateway.connect(who)
    widest = {name for name in listed(wire) if name[0] != "system"}
    for sql in (
        "SELECT table_cat, table_schem, table_name FROM system.jdbc.tables",
        "SELECT catalog_name, schema_name, table_name FROM system.metadata.table_comments",
        "SELECT table_catalog, table_schema, table_name FROM lake.information_schema.tables",
        "SELECT table_catalog, table_schema, table_name FROM lake.information_schema.columns",
    ):
        reply = wire.run(sql)
        if who == "carol" and "lake." in sql:
            assert reply.outcome == "CATALOG_NOT_FOUND"
            continue
        assert {tuple(row) for row in reply.rows if row[0] != "system"} == widest, sql


@pytest.mark.parametrize("who", SEEN)
def test_hidden_and_absent_read_alike_in_every_statement(gateway, who):
    """Byte for byte, but for the name."""
    wire = gateway.connect(who)
    for statement in (
        "SELECT * FROM lake.{}",
        "DESCRIBE lake.{}",
        "SHOW CREATE TABLE lake.{}",
        "EXPLAIN SELECT * FROM lake.{}",
        "EXECUTE IMMEDIATE 'SELECT * FROM lake.{}'",
    ):
        hidden = wire.run(statement.format("vault.secret")).error
        absent = wire.run(statement.format("vaulx.secret")).error
        assert hidden is not None, statement
        assert str(hidden).replace("vault", "vaulx") == str(absent), statement
    explain = "EXPLAIN ACCESS SELECT 1 FROM lake.{}"
    (hidden,), (absent,) = (
        wire.run(explain.format(f"{s}.secret")).rows for s in ("vault", "vaulx")
    )
    assert str(hidden).replace("vault", "vaulx") == str(absent)
    assert "not found" in absent


@pytest.mark.parametrize("statement", ["SHOW TABLES FROM lake.{}", "USE lake.{}"])
def test_a_hidden_schema_reads_like_an_absent_one(gateway, statement):
    wire = gateway.connect("bob")
    hidden, absent = (wire.run(statement.format(name)).error for name in ("vault", "vaulx"))
    assert str(hidden).replace("vault", "vaulx") == str(absent)


def test_one_persons_listing_is_never_anothers(gateway):
    """The same statement, in turn, on a gateway that keeps what it built."""
    sql = "SELECT column_name FROM information_schema.columns WHERE table_name = 'base' ORDER BY 1"
    wires = {who: gateway.connect(who) for who in ("alice", "bob")}
    for _ in range(3):
        found = {who: [row[0] for row in wire.run(sql).rows] for who, wire in wires.items()}
        assert "member_id" in found["alice"]
        assert "member_id" not in found["bob"]
        assert len(found["bob"]) == len(found["alice"]) - 1
