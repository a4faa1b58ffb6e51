"""The conformance script by real clients, on Trino: the same answers as on the embedded engine.

The mesh of the conformance suite stands in the lab's ``lake`` catalog for these tests, served by
a gateway of its own before the Trino without access control.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.test_java import *  # noqa: F403 # its tests and fixtures, run here too
from tests.conformance.test_python import *  # noqa: F403
from tests.conformance.test_sqlalchemy import *  # noqa: F403
from tests.conformance.world import build
from tests.realparts import lake
from tests.realparts.addresses import Addresses
from tests.realparts.configuration import relaying_settings
from tests.serving import Gateway, serving

pytestmark = [pytest.mark.java, pytest.mark.xdist_group("clients")]


@pytest.fixture(scope="session")
def gateway(lab: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """``meshgate serve`` over the mesh, its statements relayed to the bare Trino."""
    root = build(tmp_path_factory.mktemp("mesh"))
    with (
        lake.shared(lab, root / "data" / "lake.db"),
        serving(root, relaying_settings(lab, root)) as found,
    ):
        yield found


def test_the_statements_ran_on_trino(gateway, bare):
    """Else every test here would show nothing but the embedded engine again."""
    sql = "SELECT claim_id AS only_here FROM base ORDER BY 1 LIMIT 2"
    assert gateway.connect("alice").run(sql).rows == [[1], [2]]
    bare.execute("SELECT \"user\" FROM system.runtime.queries WHERE query LIKE '%only_here%'")
    assert ["alice"] in bare.fetchall()
