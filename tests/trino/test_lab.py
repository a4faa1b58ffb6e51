"""The lab is what it says: the demo's tables on a real Trino, shared with pyiceberg."""

from __future__ import annotations


def test_trino_reads_the_demo(bare):
    assert bare.execute("SELECT count(*) FROM lake.claims.claims").fetchone()[0] > 0


def test_pyiceberg_reads_what_trino_wrote(lake, bare, scratch):
    bare.execute(f"CREATE TABLE lake.{scratch}.t AS SELECT 7 AS n").fetchall()
    table = lake.load_table((scratch, "t"))
    assert table.scan().to_arrow().to_pylist() == [{"n": 7}]


def test_an_own_database(database):
    assert database.execute("SELECT current_database()").fetchone() == ("meshgate",)
