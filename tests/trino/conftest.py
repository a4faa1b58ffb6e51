"""Every test here needs the lab of real parts: ``make trino-test`` starts it once for all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
import trino
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog

from tests.differential.sides import PEOPLE, Asked, Native, Relayed, Rewritten, Views, make
from tests.differential.tables import done
from tests.differential.wire import Server
from tests.parts import missing
from tests.realparts import addresses
from tests.realparts.addresses import Addresses
from tests.trino.lockpart import Locked, locked_trino

_HERE = Path(__file__).parent
_HOW = "no lab is up: `make trino-test`, or `make trino-lab` and MESHGATE_LAB=<its file>"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.trino)


@pytest.fixture(scope="session")
def lab() -> Addresses:
    """The running lab; without one a skip that says so, a failure where trino is required."""
    found = addresses.named()
    if found is None:
        missing("trino", _HOW)
    return found


def _part(lab: Addresses, name: str) -> Addresses:
    """The lab, where the named part of it is up."""
    if not getattr(lab, name):
        missing("trino", f"the lab has no {name}")
    return lab


@pytest.fixture(scope="session")
def locked(lab: Addresses) -> Addresses:
    """The lab with the Trino that asks the gateway."""
    return _part(lab, "locked")


@pytest.fixture(scope="session")
def governed(lab: Addresses) -> Addresses:
    """The lab with the gateway in front of the locked Trino."""
    return _part(lab, "gateway")


@pytest.fixture(scope="session")
def rest(lab: Addresses) -> Addresses:
    """The lab with the Iceberg REST catalog."""
    return _part(lab, "rest")


@pytest.fixture(scope="session")
def drawn(lab: Addresses) -> Iterator[Server]:
    """A Trino without access control; what each person of world ``drawn`` should see is written."""
    with closing(Server(lab.bare, "drawn")) as made:
        make(made)
        yield made


@pytest.fixture(scope="session")
def views(drawn: Server) -> Iterator[Views]:
    """Statements over what each person should see."""
    with closing(Views(drawn)) as made:
        yield made


@pytest.fixture(scope="session")
def rewritten(drawn: Server) -> Iterator[Rewritten]:
    """Governed texts without access control."""
    with closing(Rewritten(drawn)) as made:
        # The first statement raises the recursion limit, which Hypothesis would mind.
        done(drawn, str(made.text(Asked(PEOPLE[0], "SELECT 1 FROM areas"))))
        yield made


@pytest.fixture(scope="session")
def native(drawn: Server, locked: Addresses) -> Iterator[Native]:
    """Direct logins that read raw tables, where Trino enforces."""
    assert drawn
    if not set(PEOPLE) <= set(locked.passwords):
        missing("trino", "the lab serves no domain drawn")
    with closing(Native(locked.locked, locked.passwords)) as made:
        yield made


@pytest.fixture(scope="session")
def relayed(drawn: Server, governed: Addresses) -> Iterator[Relayed]:
    """The gateway before the Trino that asks it."""
    assert drawn
    with closing(Relayed(governed.gateway)) as made:
        yield made


@pytest.fixture(scope="session")
def lock_part(lab: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    """A Trino whose policy server a test can make fail: for the lock's own tests."""
    with locked_trino(tmp_path_factory.mktemp("lock"), lab) as found:
        yield found


@pytest.fixture
def place(lock_part: Locked) -> Iterator[Locked]:
    """The same with the demo's policies, nobody told anything yet."""
    lock_part.reset()
    yield lock_part
    lock_part.reset()


@pytest.fixture
def bare(lab: Addresses) -> Iterator[trino.dbapi.Cursor]:
    """A cursor on the Trino without access control."""
    with lab.connect_bare() as connection:
        yield connection.cursor()


@pytest.fixture
def scratch(lab: Addresses, request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of the ``lake`` catalog for this test alone, dropped with all it holds."""
    with _own_schema(lab, "lake", request.node.name) as name:
        yield name


@pytest.fixture
def rest_scratch(rest: Addresses, request: pytest.FixtureRequest) -> Iterator[str]:
    """A schema of the ``rest`` catalog for this test alone."""
    with _own_schema(rest, "rest", request.node.name) as name:
        yield name


@contextmanager
def _own_schema(lab: Addresses, catalog: str, test: str) -> Iterator[str]:
    name = "x_" + "".join(c if c.isalnum() else "_" for c in test.lower())[:60]
    with lab.connect_bare(catalog=catalog) as connection:
        cursor = connection.cursor()
        cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE").fetchall()
        cursor.execute(f"CREATE SCHEMA {name}").fetchall()
        yield name
        cursor.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE").fetchall()


@pytest.fixture
def rest_lake(rest: Addresses) -> RestCatalog:
    """Trino's ``rest`` catalog by pyiceberg."""
    return RestCatalog("rest", uri=rest.rest)


@pytest.fixture
def lake(lab: Addresses) -> Iterator[SqlCatalog]:
    """Trino's ``lake`` catalog by pyiceberg."""
    with closing(SqlCatalog("lake", **lab.iceberg())) as catalog:
        yield catalog


@pytest.fixture
def database(lab: Addresses) -> Iterator[psycopg.Connection]:
    """Meshgate's own database, in autocommit."""
    with psycopg.connect(lab.database("meshgate"), autocommit=True) as connection:
        yield connection
