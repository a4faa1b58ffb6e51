"""HT1 on Trino: the same tokens as in Python and on the embedded engine, and no wrong ones.

The key table every server of the lab reads stands in the database ``keys``. A test that spoils
keys makes a table of its own in a schema beside it and sends the production statements there.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
import trino

from gateway.catalog.load import load_catalog
from gateway.catalog.model import CatalogSnapshot, Column, TokenDomain, TokenVersion
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.policy.model import Mask
from gateway.sql.masks import Place, masked
from gateway.sql.tokencheck import (
    ServiceQuery,
    absent_values,
    known_answers,
    trino_failures,
)
from gateway.tokens.codec import Mac, token
from gateway.tokens.keys import KeyRing
from gateway.tokens.keytable import ids_of, rows_of, sync
from gateway.tokens.selftest import KAT, known_keys

CATALOGS = Path(__file__).parents[2] / "catalogs"
KEY_TABLE = '"gov"."gw"."keys"'
TEXTS = 20_000


@pytest.fixture(scope="module")
def snapshot(lab) -> Iterator[CatalogSnapshot]:
    """The demo's catalog over the lab's data."""
    before = os.environ.get("MESHGATE_DATA")
    os.environ["MESHGATE_DATA"] = lab.data
    yield load_catalog(CATALOGS)
    os.environ.pop("MESHGATE_DATA")
    if before is not None:
        os.environ["MESHGATE_DATA"] = before


@pytest.fixture(scope="module")
def ring(snapshot: CatalogSnapshot) -> KeyRing:
    """The demo's keys."""
    found = KeyRing.load(snapshot, CATALOGS)
    assert not found.problems
    return found


@pytest.fixture(scope="module")
def provided(lab, ring: KeyRing) -> KeyRing:
    """The demo's keys, each with its row in the key table."""
    done = sync(lab.database("keys"), rows_of(ring))
    assert done.differing == ()
    return ring


def _query(cursor: trino.dbapi.Cursor, schema: str = "gw") -> ServiceQuery:
    """Run the gateway's own statements, keys read from ``gov.<schema>.keys``."""

    async def query(sql: str) -> Sequence[Sequence[object]]:
        try:
            return cursor.execute(sql.replace(KEY_TABLE, f'"gov"."{schema}"."keys"')).fetchall()
        except trino.exceptions.TrinoQueryError as error:
            raise MeshgateError("TOKEN_KEY_UNAVAILABLE", str(error.error_name)) from None

    return query


@pytest.mark.usefixtures("provided")
async def test_all_vectors_by_the_production_templates(bare) -> None:
    query = _query(bare)
    vectors = 0
    for check in (*known_answers(), *absent_values()):
        rows = [tuple(row) for row in await query(check.sql)]
        assert rows == list(check.expected), check.name
        vectors += len(rows)
    assert vectors == 14 + 6


async def test_the_demos_keys_pass(bare, provided, snapshot) -> None:
    domains = snapshot.token_domains.values()
    assert {domain.name for domain in domains} >= {"member", "ssn"}
    assert dict(await trino_failures(_query(bare), domains, provided)) == {}


CASES = {
    "wrong": "UPDATE {s}.keys SET k = repeat('a', 64) WHERE id = 'ssn:v1'",
    "missing": "DELETE FROM {s}.keys WHERE id = 'ssn:v1'",
    "null": "UPDATE {s}.keys SET k = NULL WHERE id = 'ssn:v1'",
    "upper case": "UPDATE {s}.keys SET k = upper(k) WHERE id = 'ssn:v1'",
    "doubled": "INSERT INTO {s}.keys SELECT * FROM {s}.keys WHERE id = 'ssn:v1'",
    "hash key missing": "DELETE FROM {s}.keys WHERE id = 'ssn:v1:hash'",
}


@contextmanager
def _spoiled(address: str, name: str, change: str) -> Iterator[str]:
    """A copy of the key table without its primary key, changed."""
    schema = "x_keys_" + name.replace(" ", "_")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"CREATE TABLE {schema}.keys AS SELECT * FROM gw.keys")
        connection.execute(change.format(s=schema))
        yield schema
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize("case", sorted(CASES))
async def test_a_bad_key_row_refuses_its_domain(lab, bare, provided, snapshot, case) -> None:
    with _spoiled(lab.database("keys"), case, CASES[case]) as schema:
        query = _query(bare, schema)
        failures = await trino_failures(query, snapshot.token_domains.values(), provided)
    assert set(failures) == {"ssn"}, case


async def test_a_view_that_doubles_rows_refuses_all(lab, bare, provided, snapshot) -> None:
    change = "CREATE VIEW {s}.more AS SELECT * FROM {s}.keys UNION ALL SELECT * FROM {s}.keys"
    with _spoiled(lab.database("keys"), "view", change) as schema:
        twice = _query(bare, schema)

        async def query(sql: str) -> Sequence[Sequence[object]]:
            return await twice(sql.replace(KEY_TABLE, f'"gov"."{schema}"."more"'))

        failures = await trino_failures(query, snapshot.token_domains.values(), provided)
    assert set(failures) == set(snapshot.token_domains)


async def test_no_key_table_refuses_all(bare, provided, snapshot) -> None:
    failures = await trino_failures(
        _query(bare, "x_keys_absent"), snapshot.token_domains.values(), provided
    )
    assert set(failures) == set(snapshot.token_domains)


def _texts() -> list[str]:
    """Texts over all of Unicode, half of them mostly what canonicalizers look at."""
    drawn = random.Random(476)
    near = "aAzZ09 \t\r\n-.@()\u0131\u0130\u00df\u017f\u212a\u00e9\u00c9\u00a0\u0661"
    points = (*range(1, 0xD800), *range(0xE000, 0x110000))
    found = []
    for at in range(TEXTS):
        size = drawn.randrange(13)
        signs = near if at % 2 else None
        found.append(
            "".join(
                drawn.choice(signs) if signs else chr(drawn.choice(points)) for _ in range(size)
            )
        )
    return found


@pytest.mark.usefixtures("provided")
def test_tokens_of_unicode_texts_are_pythons(bare, lake, scratch) -> None:
    texts = _texts()
    data = pa.table({"n": pa.array(range(len(texts)), pa.int64()), "x": pa.array(texts)})
    lake.create_table((scratch, "texts"), data.schema).append(data)
    code, key, _ = known_keys()[("member", 1)]
    mac = Mac(key.secret)
    for canonicalizer in ("raw", "digits", "upper_alnum", "email"):
        domain = TokenDomain(
            f"{KAT}member", code, "text", "i63", canonicalizer, ("K",),
            (TokenVersion(1, "active", {}),),
        )  # fmt: skip
        column = Column("x", DataType("varchar"), 2, token_domain="kat")
        written = masked(Mask("token"), column, Place("trino", "$g", {"kat": domain}, ""))
        rows = bare.execute(
            f'SELECT "$g"."n", {written} FROM lake.{scratch}.texts AS "$g" ORDER BY 1'
        ).fetchall()
        expected = [
            token(mac, text, canonicalizer=canonicalizer, null_values=("K",), shape="text",
                  code=code, version=1)
            for text in texts
        ]  # fmt: skip
        differing = [
            t for t, (_, said), want in zip(texts, rows, expected, strict=True) if said != want
        ]
        assert differing == [], (canonicalizer, differing[:5])
        assert sum(want is not None for want in expected) > TEXTS // 10


def test_rows_are_added_once_and_retired_by_deleting(lab, ring, snapshot) -> None:
    base = lab.postgres
    with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS x_keytable")
        connection.execute("CREATE DATABASE x_keytable")
        try:
            address = f"{base}/x_keytable"
            first = sync(address, rows_of(ring))
            assert set(first.added) == ids_of(snapshot)
            again = sync(address, rows_of(ring))
            assert (again.added, again.removed, again.differing) == ((), (), ())
            with psycopg.connect(address) as inside:
                inside.execute("UPDATE gw.keys SET k = repeat('b', 64) WHERE id = 'member:v1'")
                inside.execute("INSERT INTO gw.keys VALUES ('old:v1', 'c', 'd')")
            changed = sync(address, rows_of(ring), keep=ids_of(snapshot))
            assert (changed.removed, changed.differing) == (("old:v1",), ("member:v1",))
            assert changed.present == len(first.added)
            with psycopg.connect(address) as inside:
                held = inside.execute("SELECT k FROM gw.keys WHERE id = 'member:v1'").fetchone()
            assert held == ("b" * 64,)
        finally:
            connection.execute("DROP DATABASE x_keytable WITH (FORCE)")
