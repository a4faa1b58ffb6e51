"""A statement on a cluster whose answers are as they should be."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.engines.trino.engine import TrinoEngine
from gateway.engines.trino.transport import Transport
from gateway.errors import MeshgateError
from gateway.relayed import ClientSettings, Handle
from gateway.settings import TrinoSettings
from tests.unit.engines.trino.conftest import Connect, governed
from tests.unit.engines.trino.pages import (
    BIGINT,
    CAPTURED,
    HOST,
    QUERY_ID,
    compact,
    failed,
    page,
    uri,
)
from tests.unit.engines.trino.upstream import Step, scripted

ANN = ClientSettings("ann", "d1")
FIRST = Handle("main", QUERY_ID, "queued", f"y{1:040x}", 1)
POSTED = Step(page(nextUri=uri("queued", 1)))
EMPTY = Step(page(nextUri=uri("executing", 0)))
ROWS = page(nextUri=uri("executing", 1), columns=[BIGINT], data=[[1], [2]])
LAST = Step(page(columns=[BIGINT], stats={"state": "FINISHED"}))


@pytest.mark.parametrize("name", sorted(CAPTURED))
async def test_a_captured_statement_is_relayed_byte_by_byte(name: str, connect: Connect) -> None:
    texts = CAPTURED[name]
    async with scripted(*(Step(text.encode()) for text in texts)) as upstream:
        engine = connect(upstream)
        handle: Handle | None = await engine.submit(governed("SELECT x"), ANN)
        pages = []
        while handle is not None:
            pages.append(await engine.page(handle, 9.0))
            handle = pages[-1].next
        assert not upstream.steps
    whole = [json.loads(text) for text in texts]
    assert [bytes(found.data) for found in pages if found.data is not None] == [
        compact(one["data"]).encode() for one in whole if "data" in one
    ]
    assert sum(found.rows for found in pages) == sum(len(one.get("data", [])) for one in whole)
    told = [one["error"]["errorName"] for one in whole if "error" in one]
    assert [found.error.audit["engine_error"] for found in pages if found.error] == told
    assert all(found.columns is not None for found in pages if found.data is not None)
    assert HOST not in repr(pages)


async def test_a_submission_carries_what_is_ours_and_nothing_else(
    connect: Connect, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret\n", "utf-8")
    password.chmod(0o400)
    async with scripted(POSTED, EMPTY, LAST) as upstream:
        engine = connect(upstream, password_file=password, forwarded_https=True)
        settings = replace(ANN, source="bi", properties={"query_max_run_time": "5m"})
        handle = await engine.submit(governed("SELECT 'é'"), settings, 2)
        assert handle == replace(FIRST, attempt=2)
        await engine.page(handle)
        await engine.cancel(handle)
        post, get, *_ = upstream.requests
    assert post.path == "/v1/statement"
    assert post.body == "SELECT 'é'".encode()
    pair = b64encode(b"meshgate:s3cret").decode()
    assert post.headers == {
        "host": f"127.0.0.1:{upstream.port}",
        "authorization": f"Basic {pair}",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "meshgate",
        "x-forwarded-proto": "https",
        "x-trino-user": "ann",
        "x-trino-source": "bi",
        "x-trino-time-zone": "UTC",
        "x-trino-language": "en-US",
        "x-trino-session": "query_max_run_time=5m",
        "x-trino-trace-token": "d1.2",
        "content-type": "text/plain; charset=utf-8",
        "content-length": "11",
    }
    assert "authorization" not in get.headers
    assert "x-trino-user" not in get.headers
    assert len({request.connection for request in upstream.requests}) == 1


async def test_empty_pages_are_stepped_over_and_rows_never(connect: Connect) -> None:
    told = page(nextUri=uri("executing", 1), columns=[BIGINT], updateType="X", updateCount=3)
    rows = page(nextUri=uri("executing", 2), columns=[BIGINT], data=[[7]])
    async with scripted(EMPTY, Step(told), Step(rows), Step(ROWS)) as upstream:
        found = await connect(upstream).page(FIRST, 9.0)
        assert found.data == b"[[7]]"
        assert (found.update_type, found.update_count) == ("X", 3)
        assert found.next is not None
        assert found.next.token == 2
        assert len(upstream.requests) == 3


async def test_columns_of_a_page_stepped_over_are_kept(connect: Connect) -> None:
    known = page(nextUri=uri("executing", 1), columns=[BIGINT])
    async with scripted(Step(known), Step(page(stats={"state": "FINISHED"}))) as upstream:
        found = await connect(upstream).page(FIRST, 9.0)
        assert found.columns == compact([BIGINT]).encode()
        assert found.next is None


async def test_without_patience_each_page_is_handed_out(connect: Connect) -> None:
    async with scripted(EMPTY, LAST) as upstream:
        engine = connect(upstream)
        found = await engine.page(FIRST, 0.0)
        assert found.next == Handle("main", QUERY_ID, "executing", f"y{0:040x}", 0)
        assert (await engine.page(found.next, 0.0)).next is None


async def test_a_call_that_was_abandoned_can_be_repeated(connect: Connect) -> None:
    slow = Step(ROWS, delay=0.6)
    async with scripted(EMPTY, slow, Step(ROWS)) as upstream:
        engine = connect(upstream)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await engine.page(FIRST, 9.0)
        found = await engine.page(FIRST, 9.0)
        assert found.rows == 2
        token = [path.rpartition("/")[2] for path in upstream.asked("GET")]
        assert token == ["1", "0", "0"]  # never again the page that the cluster has forgotten


async def test_cancelling_ends_the_statement_or_its_stage(connect: Connect) -> None:
    stage = f"{HOST}/v1/statement/executing/partialCancel/{QUERY_ID}/2/yab/1"
    staged = page(nextUri=uri("executing", 1), partialCancelUri=stage, columns=[BIGINT])
    async with scripted(Step(staged)) as upstream:
        engine = connect(upstream)
        await engine.cancel(FIRST)
        await engine.cancel(FIRST, partial=True)  # no stage is known yet
        found = await engine.page(FIRST, 0.0)
        assert found.next is not None
        assert found.next.stage == 2
        await engine.cancel(found.next, partial=True)
        await engine.cancel(replace(FIRST, slug="../../x"))
        assert upstream.asked("DELETE") == [
            uri("queued", 1).removeprefix(HOST),
            f"/v1/statement/executing/partialCancel/{QUERY_ID}/2/y{1:040x}/1",
        ]


async def test_text_for_another_engine_is_not_sent(connect: Connect) -> None:
    async with scripted(POSTED) as upstream:
        with pytest.raises(MeshgateError, match="another engine"):
            await connect(upstream).submit(replace(governed(), engine="duckdb"), ANN)
        with pytest.raises(MeshgateError, match="X-Trino-User"):
            await connect(upstream).submit(governed(), replace(ANN, user="ann\n"))
        assert not upstream.requests


async def test_statistics_come_along_without_stages(connect: Connect) -> None:
    stats = {
        "state": "RUNNING",
        "queued": False,
        "scheduled": True,
        "progressPercentage": 41.9,
        "elapsedTimeMillis": 12,
        "queuedTimeMillis": 3,
        "processedRows": 4711,
        "rootStage": {"stageId": "0", "processedRows": 4711, "subStages": []},
    }
    async with scripted(Step(page(stats=stats, columns=[BIGINT]))) as upstream:
        progress = (await connect(upstream).page(FIRST)).progress
    assert (progress.state, progress.percent) == ("RUNNING", 41)
    assert (progress.elapsed_ms, progress.queued_ms) == (12, 3)
    assert progress.numbers["processedRows"] == 4711
    assert "elapsedTimeMillis" not in progress.numbers
    assert all(isinstance(number, int) for number in progress.numbers.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GENERIC_INTERNAL_ERROR", "Empty key"),
        ("TABLE_NOT_FOUND", "line 1:70: Table 'gov.gw.keys' does not exist"),
        ("CATALOG_NOT_FOUND", "line 1:70: Catalog 'gov' not found"),
        ("SCHEMA_NOT_FOUND", "line 1:70: Schema 'gov.gw' does not exist"),
        ("JDBC_ERROR", 'ERROR: relation "gw"."keys" does not exist'),
    ],
)
async def test_a_missing_key_has_its_own_error(name: str, text: str, connect: Connect) -> None:
    async with scripted(Step(failed(name, text))) as upstream:
        found = await connect(upstream).page(FIRST)
    assert found.error is not None
    assert found.error.name == "TOKEN_KEY_UNAVAILABLE"
    assert "gov" not in found.error.message
    assert found.next is None


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Step(page(columns=[BIGINT], data=[[0]])), "SUBQUERY_MULTIPLE_ROWS"),
        (Step(page(columns=[BIGINT], data=[[1]])), "TOKEN_KEY_UNAVAILABLE"),
        (Step(failed("CATALOG_NOT_FOUND")), "SUBQUERY_MULTIPLE_ROWS"),
    ],
    ids=["single", "doubled", "no keys"],
)
async def test_a_doubled_key_is_told_from_a_sub_query_of_the_person(
    answer: Step, name: str, connect: Connect
) -> None:
    text = "Scalar sub-query has returned multiple rows"
    async with scripted(Step(failed("SUBQUERY_MULTIPLE_ROWS", text)), POSTED, answer) as upstream:
        found = await connect(upstream).page(FIRST)
        assert found.error is not None
        assert found.error.name == name
        assert upstream.requests[1].headers["x-trino-user"] == "meshgate"


async def test_a_refusal_by_the_second_lock_is_our_defect_and_loud(
    connect: Connect, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "Access Denied: Cannot select from columns [ssn] in table members"
    async with scripted(Step(failed("PERMISSION_DENIED", text))) as upstream:
        found = await connect(upstream).page(FIRST)
    assert found.error is not None
    assert found.error.name == "GENERIC_INTERNAL_ERROR"
    logged = capsys.readouterr()
    assert "trino.lock_refused" in logged.out + logged.err
    assert "ssn" not in found.error.message + logged.out + logged.err


def test_a_password_never_travels_in_the_clear(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("s3cret", "utf-8")
    password.chmod(0o400)
    open_text = TrinoSettings(url="http://trino:8080", password_file=password)
    with pytest.raises(ValueError, match="in the clear"):
        Transport(open_text)
    Transport(open_text.model_copy(update={"forwarded_https": True}))
    Transport(open_text.model_copy(update={"url": "https://trino:8443"}))
    with pytest.raises(ValueError, match="http"):
        TrinoEngine(TrinoSettings())
