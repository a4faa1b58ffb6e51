"""Every real client through the gateway to the locked Trino reads what its person may natively."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy import text as statement_text

from tests.conformance.test_java import Drivers, Row, drivers, statement, text  # noqa: F401
from tests.parts import JDBC_VERSIONS, cli_jar, require
from tests.realparts.addresses import Addresses
from tests.realparts.ports import port_of
from tests.serving import Gateway

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("clients")]
PEOPLE = ("ana", "clara", "olga")
SQL = (
    "SELECT claim_id, member_id, service_date, region, billed FROM lake.claims.claims "
    "WHERE claim_id < 5000100 ORDER BY claim_id"
)
WHO = pytest.mark.parametrize("who", PEOPLE)
_SECONDS = 120


@pytest.fixture(scope="session")
def gateway(governed: Addresses) -> Gateway:
    """The lab's gateway, as the clients of the conformance suite know one."""
    return Gateway(port_of(governed.gateway), Path(governed.root), 0)


@pytest.fixture(scope="session")
def native(governed: Addresses) -> dict[str, list[Row]]:
    """What each person reads when logged in at Trino, which then filters and masks itself."""
    found = {}
    for who in PEOPLE:
        with governed.connect_direct(who) as connection:
            found[who] = _texts(connection.cursor().execute(SQL).fetchall())
    return found


def _texts(rows) -> list[Row]:
    return [tuple(map(text, row)) for row in rows]


def test_people_differ(native):
    assert all(native.values())
    assert len({tuple(rows) for rows in native.values()}) == len(PEOPLE)


@WHO
def test_python(governed, native, who):
    with governed.connect(who) as connection:
        assert _texts(connection.cursor().execute(SQL).fetchall()) == native[who]


@WHO
def test_sqlalchemy(gateway, native, who):
    engine = create_engine(f"trino://{who}@127.0.0.1:{gateway.port}/lake")
    try:
        with engine.connect() as connection:
            assert _texts(connection.execute(statement_text(SQL))) == native[who]
    finally:
        engine.dispose()


@WHO
@pytest.mark.parametrize("version", JDBC_VERSIONS)
def test_jdbc(drivers: Drivers, native, who, version):  # noqa: F811 # the imported fixture
    (answer,) = drivers(version).run(who, statement(SQL))
    assert answer.error is None
    assert answer.rows == native[who]


@WHO
def test_cli(gateway, native, who):
    jar = require("java", cli_jar())
    words = ("--server", gateway.url, "--user", who, "--output-format", "JSON", "--execute", SQL)
    done = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-jar", jar, *words],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    rows = [json.loads(line, parse_float=str).values() for line in done.stdout.splitlines()]
    assert _texts(rows) == native[who]


def test_a_hidden_table_is_none_for_every_client(drivers: Drivers):  # noqa: F811
    hidden, absent = (f"SELECT * FROM lake.providers.{name}" for name in ("contracts", "contacts"))
    for version in JDBC_VERSIONS:
        refused = [drivers(version).run("ana", statement(sql))[0] for sql in (hidden, absent)]
        (code, message), (other_code, other_message) = (one.error for one in refused)
        assert code == other_code
        told = message.partition("): ")[2]  # behind the query's id
        assert told
        assert told.replace("contracts", "contacts") == other_message.partition("): ")[2]
