"""The engine on a real Trino: its bytes are Trino's, its errors ours, its cancel reaches."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.engines.trino.cluster import TrinoCluster
from gateway.engines.trino.engine import TrinoEngine
from gateway.engines.trino.health import State
from gateway.engines.trino.service import ServiceError
from gateway.errors import MeshgateError
from gateway.relayed import ClientSettings, RelayedPage
from gateway.settings import TrinoSettings
from gateway.sql.model import GovernedQuery, Kind
from gateway.state.active import ActiveDecisions
from gateway.state.decisions import StoredDecisions
from gateway.state.store import Store
from tests.parts import missing
from tests.realparts.addresses import Addresses

_ANN = ClientSettings("ann", "d1", "engine-test", capabilities=("PARAMETRIC_DATETIME",))
_LONG = "SELECT count(*) FROM tpch.sf100.lineitem"
_WIDE = ", ".join(f"{number} AS c{number}" for number in range(300))
_TRAPS = (
    """',"stats":{' AS ",""data"":", '"data":[[1]]' AS ",""stats"":", """
    "MAP(ARRAY['data', 'stats'], ARRAY[1, 2]) AS m, "
    """JSON '{"data":[1],"stats":{}}' AS j, U&'\\2028\\00e9' AS u"""
)
_STATEMENTS = {
    "one row": "SELECT 1 AS a, 'x' AS b",
    "no rows": "SELECT o_orderkey FROM tpch.tiny.orders WHERE o_orderkey < 0",
    "traps": f"SELECT {_TRAPS}",
    "300 columns": f"SELECT {_WIDE}",
    "one row of 4 MiB": "SELECT rpad('', 4194304, 'abc') AS t",
    "many pages": "SELECT * FROM tpch.tiny.lineitem ORDER BY l_orderkey, l_linenumber",
    "nested": "SELECT ARRAY[ROW(1, NULL), ROW(NULL, 'x')], CAST(NULL AS ROW(a bigint)), nan()",
}


def _governed(sql: str) -> GovernedQuery:
    return GovernedQuery(
        sql,
        "trino",
        Kind.QUERY,
        (),
        (),
        {},
        restricted=False,
        decision_id="d1",
        decision_fingerprint="f1",
    )


@dataclass
class _Result:
    columns: bytes | None = None
    rows: list[Any] = field(default_factory=list)
    counted: int = 0
    pages: list[RelayedPage] = field(default_factory=list)


async def _run(engine: TrinoEngine, sql: str, settings: ClientSettings = _ANN) -> _Result:
    handle = await engine.submit(_governed(sql), settings)
    result = _Result()
    while True:
        page = await engine.page(handle)
        result.pages.append(page)
        result.columns = page.columns or result.columns
        result.rows += json.loads(bytes(page.data)) if page.data else []
        result.counted += page.rows
        if page.next is None:
            return result
        handle = page.next


def _direct(url: str, sql: str) -> _Result:
    """Follow the same statement by hand, with nothing of ours in between."""
    headers = {"X-Trino-User": "ann", "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME"}
    request: str | urllib.request.Request = urllib.request.Request(
        f"{url}/v1/statement", data=sql.encode(), headers=headers
    )
    result = _Result()
    while True:
        with urllib.request.urlopen(request, timeout=60) as answer:
            body: bytes = answer.read()
        page = json.loads(body)
        if "columns" in page:
            end = b',"data":' if "data" in page else b',"stats":'
            result.columns = body.partition(b',"columns":')[2].partition(end)[0]
        result.rows += page.get("data", [])
        if "nextUri" not in page:
            return result
        request = page["nextUri"]


@pytest.fixture
async def bare_cluster(lab: Addresses) -> AsyncIterator[TrinoCluster]:
    async with _open(TrinoSettings(url=lab.bare, second_lock="off")) as cluster:
        await _until_healthy(cluster)
        yield cluster


@pytest.fixture
def locked_settings(locked: Addresses, tmp_path: Path) -> TrinoSettings:
    return TrinoSettings(
        url=locked.locked,
        password_file=_password(tmp_path, locked.passwords["meshgate"]),
        forwarded_https=True,
    )


def _password(folder: Path, text: str) -> Path:
    path = folder / f"password-{len(text)}"
    path.write_text(text, "utf-8")
    path.chmod(0o400)
    return path


@asynccontextmanager
async def _open(
    settings: TrinoSettings, active: ActiveDecisions | None = None
) -> AsyncIterator[TrinoCluster]:
    cluster = TrinoCluster(settings, active)
    try:
        yield cluster
    finally:
        await cluster.close()


async def _until_healthy(cluster: TrinoCluster) -> None:
    for _ in range(20):
        await cluster.health.round()
        if cluster.health.state is State.HEALTHY:
            return
        await asyncio.sleep(0.5)
    raise AssertionError(cluster.health.summary)


@pytest.mark.parametrize("what", sorted(_STATEMENTS))
async def test_columns_and_rows_are_trino_s_own(
    what: str, bare_cluster: TrinoCluster, lab: Addresses
) -> None:
    sql = _STATEMENTS[what]
    relayed = await _run(bare_cluster.engine, sql)
    direct = await asyncio.to_thread(_direct, lab.bare, sql)
    assert relayed.columns == direct.columns
    assert repr(relayed.rows) == repr(direct.rows)
    assert relayed.counted == len(direct.rows)
    assert relayed.pages[-1].progress.state == "FINISHED"
    assert lab.bare.partition("//")[2] not in repr(relayed.pages[0])


async def test_the_session_reaches_the_cluster(bare_cluster: TrinoCluster) -> None:
    settings = ClientSettings(
        "olga",
        "d9",
        "bi tool",
        ("a", "b"),
        "Europe/Paris",
        properties={"query_max_run_time": "7.5m"},
    )
    sql = "SELECT current_user, current_timezone(), localtimestamp(0)"
    assert (await _run(bare_cluster.engine, sql, settings)).rows[0][:2] == ["olga", "Europe/Paris"]
    found = await bare_cluster.queries.service_query(
        "SELECT source FROM system.runtime.queries "
        "WHERE \"user\" = 'olga' AND query LIKE '%localtimestamp(0)%' AND source IS NOT NULL"
    )
    assert ["bi tool"] in found


@pytest.mark.parametrize("begun", [False, True], ids=["before", "after"])
async def test_cancelling_reaches_the_cluster(*, begun: bool, bare_cluster: TrinoCluster) -> None:
    engine = bare_cluster.engine
    first = await engine.submit(_governed(_LONG), _ANN)
    page = await engine.page(first, 0.5) if begun else None
    await engine.cancel(first)  # the oldest address does: the newest may have been lost
    after = await engine.page(page.next if page and page.next else first)
    assert after.error is not None
    assert after.error.name == "USER_CANCELED"
    await engine.cancel(first)


async def test_a_stage_is_cancelled_alone(bare_cluster: TrinoCluster) -> None:
    engine = bare_cluster.engine
    page = await engine.page(await engine.submit(_governed(_LONG), _ANN), 0.5)
    while page.next is not None and page.next.stage < 0:
        page = await engine.page(page.next, 0.0)
    assert page.next is not None
    await engine.cancel(page.next, partial=True)
    while page.next is not None:
        page = await engine.page(page.next)
    assert page.error is None
    assert page.progress.state == "FINISHED"


@pytest.mark.parametrize(
    ("sql", "name", "text"),
    [
        ("SELECT 1 / (o_orderkey - 1) FROM tpch.tiny.orders", "DIVISION_BY_ZERO", ""),
        (
            "SELECT CAST(o_comment AS bigint) FROM tpch.tiny.orders",
            "INVALID_CAST_ARGUMENT",
            "TRY_CAST",
        ),
        ("SELECT 1 + 'a'", "TYPE_MISMATCH", "integer + varchar(1)"),
        ("SELECT (SELECT * FROM (VALUES 1, 2))", "SUBQUERY_MULTIPLE_ROWS", ""),
        ("SELECT json_value('{', 'strict $' ERROR ON ERROR)", "JSON_INPUT_CONVERSION_ERROR", ""),
        ("SELECT secret", "GENERIC_INTERNAL_ERROR", "operators"),
        ("SELECT FROM secret", "GENERIC_INTERNAL_ERROR", "operators"),
        ("SELECT * FROM tpch.tiny.secret", "CONFIGURATION_UNAVAILABLE", ""),
        ("SELECT * FROM gov.gw.absent", "TOKEN_KEY_UNAVAILABLE", ""),
        (
            "SELECT hmac_sha256(to_utf8(o_comment), to_utf8('')) FROM tpch.tiny.orders",
            "TOKEN_KEY_UNAVAILABLE",
            "",
        ),
    ],
)
async def test_errors_keep_their_name_and_tell_no_value(
    sql: str, name: str, text: str, bare_cluster: TrinoCluster
) -> None:
    error = (await _run(bare_cluster.engine, sql)).pages[-1].error
    assert error is not None
    assert error.name == name
    assert text in error.message
    assert "secret" not in error.message
    assert "absent" not in error.message


async def test_a_bare_trino_is_not_taken_for_a_locked_one(lab: Addresses) -> None:
    async with _open(TrinoSettings(url=lab.bare)) as cluster:
        await cluster.health.round()
        assert cluster.health.state is State.DOWN
        with pytest.raises(MeshgateError) as refused:
            await cluster.engine.submit(_governed("SELECT 1"), _ANN)
        assert refused.value.name == "NO_NODES_AVAILABLE"


async def test_a_locked_trino_proves_that_it_is(locked_settings: TrinoSettings) -> None:
    async with _open(locked_settings) as cluster:
        await _until_healthy(cluster)
        assert cluster.health.summary.proven
        with pytest.raises(ServiceError) as denied:
            await cluster.queries.service_query("SELECT 1", "ann@direct")
        assert denied.value.told in {"PERMISSION_DENIED", "HTTP 403"}
        page = await cluster.engine.page(await cluster.engine.submit(_governed("SELECT 1"), _ANN))
        assert page.error is not None  # a bare name without an active decision
        assert page.error.name == "GENERIC_INTERNAL_ERROR"


async def test_it_asks_the_lock_that_knows_this_deployment_s_decisions(
    locked_settings: TrinoSettings, governed: Addresses, tmp_path: Path
) -> None:
    """Beside the lab's gateway on the same state it serves; of a state of its own it does not."""
    shared = Store.postgres(governed.database("meshgate"))
    alone = Store.sqlite(tmp_path / "alone.db")
    try:
        async with _open(locked_settings, StoredDecisions(shared)) as cluster:
            await _until_healthy(cluster)
        async with _open(locked_settings, StoredDecisions(alone)) as stranger:
            await stranger.health.round()
            assert "another gateway's" in stranger.health.summary.reason
            assert stranger.health.state is State.DOWN
    finally:
        shared.close()
        alone.close()


async def test_over_tls_only_the_named_authority_is_believed(
    locked: Addresses, tmp_path: Path
) -> None:
    if not locked.locked_tls:
        missing("trino", "the lab's locked Trino has no TLS")
    settings = TrinoSettings(
        url=locked.locked_tls,
        password_file=_password(tmp_path, locked.passwords["meshgate"]),
        ca_file=Path(locked.authority),
    )
    async with _open(settings) as cluster:
        await _until_healthy(cluster)
        assert await cluster.queries.service_query("SELECT current_user") == [["meshgate"]]
    async with _open(settings.model_copy(update={"ca_file": None})) as stranger:
        await stranger.health.round()
        assert "Certificate" in stranger.health.summary.reason


async def test_a_wrong_service_password_is_found_and_named(
    locked_settings: TrinoSettings, tmp_path: Path
) -> None:
    wrong = _password(tmp_path, "not-it")
    settings = locked_settings.model_copy(update={"password_file": wrong})
    async with _open(settings) as cluster:
        await cluster.health.round()
        assert cluster.health.state is State.DOWN
        assert "password" in cluster.health.summary.reason
    engine = TrinoEngine(settings)  # without health: what a client meets in the meantime
    try:
        with pytest.raises(MeshgateError) as refused:
            await engine.submit(_governed("SELECT 1"), _ANN)
    finally:
        await engine.close()
    assert refused.value.name == "CONFIGURATION_UNAVAILABLE"
