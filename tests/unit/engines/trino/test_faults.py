"""Whatever goes wrong on the way to a cluster ends in one clear error that tells nothing."""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.engines.trino import engine as engine_module
from gateway.engines.trino import transport as transport_module
from gateway.engines.trino.engine import TrinoEngine
from gateway.errors import MeshgateError
from gateway.relayed import Handle
from gateway.settings import TrinoSettings
from tests.unit.engines.trino.conftest import Connect, governed
from tests.unit.engines.trino.pages import BIGINT, HOST, QUERY_ID, failed, page, uri
from tests.unit.engines.trino.test_engine import ANN, EMPTY, FIRST, LAST, POSTED, ROWS
from tests.unit.engines.trino.upstream import Step, Upstream, scripted

RUNNING = Handle("main", QUERY_ID, "executing", f"y{1:040x}", 1)
RUNNING_BEFORE = replace(RUNNING, token=0, slug=f"y{0:040x}")
OTHER = "20261121_172514_00610_2mhq2"


async def _fails(engine: TrinoEngine, name: str, handle: Handle = FIRST) -> MeshgateError:
    with pytest.raises(MeshgateError) as failed_so:
        await engine.page(handle)
    assert failed_so.value.name == name
    assert "127.0.0.1" not in failed_so.value.message
    assert "secret" not in failed_so.value.message + str(dict(failed_so.value.audit))
    return failed_so.value


async def _submit_fails(engine: TrinoEngine, name: str, attempt: int = 1) -> MeshgateError:
    with pytest.raises(MeshgateError) as failed_so:
        await engine.submit(governed(), ANN, attempt)
    assert failed_so.value.name == name
    assert "secret" not in failed_so.value.message + str(dict(failed_so.value.audit))
    return failed_so.value


async def _cancelled(upstream: Upstream) -> bool:
    for _ in range(100):
        if upstream.asked("DELETE"):
            return True
        await asyncio.sleep(0.01)
    return False


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def test_a_cluster_that_is_down_takes_nothing() -> None:
    engine = TrinoEngine(TrinoSettings(url=f"http://127.0.0.1:{_free_port()}"))
    started = time.monotonic()
    error = await _submit_fails(engine, "NO_NODES_AVAILABLE")
    assert "try again" in error.message
    await _fails(engine, "REMOTE_HOST_GONE")
    assert time.monotonic() - started < 2.0
    await engine.close()


async def test_a_cluster_that_is_starting_gets_a_moment(connect: Connect) -> None:
    async with scripted(
        Step(failed("SERVER_STARTING_UP")),
        Step(b"", 503),
        Step(failed("NO_NODES_AVAILABLE")),
        POSTED,
    ) as upstream:
        assert await connect(upstream).submit(governed(), ANN) == FIRST


async def test_a_cluster_that_starts_for_ever_does_not(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_START_SECONDS", 0.2)
    async with scripted(*[Step(failed("SERVER_STARTING_UP"))] * 9) as upstream:
        await _submit_fails(connect(upstream), "NO_NODES_AVAILABLE")
        assert 2 <= len(upstream.requests) < 9


async def test_a_later_attempt_waits_for_a_restarted_coordinator(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "_PAUSE_SECONDS", 0.05)
    async with scripted(
        *[Step(reset=True)] * 6, Step(failed("SERVER_STARTING_UP")), POSTED
    ) as upstream:
        await _submit_fails(connect(upstream), "NO_NODES_AVAILABLE")
        handle = await connect(upstream).submit(governed(), ANN, 2)
        assert handle.attempt == 2


@pytest.mark.parametrize("name", ["SERVER_STARTING_UP", "NO_NODES_AVAILABLE", "REMOTE_HOST_GONE"])
async def test_before_any_row_a_lost_statement_is_raised_for_another_attempt(
    name: str, connect: Connect
) -> None:
    async with scripted(EMPTY, Step(failed(name))) as upstream:
        with pytest.raises(MeshgateError) as lost:
            await connect(upstream).page(FIRST)
        assert lost.value.name in {"NO_NODES_AVAILABLE", "REMOTE_HOST_GONE"}
    async with scripted(Step(failed(name, columns=[BIGINT]))) as upstream:
        found = await connect(upstream).page(RUNNING)
        assert found.error is not None


@pytest.mark.parametrize("status", [404, 410])
async def test_a_restarted_coordinator_has_lost_the_statement(
    status: int, connect: Connect
) -> None:
    async with scripted(Step(b"Query not found", status)) as upstream:
        await _fails(connect(upstream), "REMOTE_HOST_GONE", RUNNING)


@pytest.mark.parametrize(
    "step", [Step(reset=True), Step(ROWS, cut=40), Step(ROWS, cut=0)], ids=["reset", "cut", "empty"]
)
async def test_a_page_that_broke_off_is_read_again(step: Step, connect: Connect) -> None:
    async with scripted(step, Step(ROWS)) as upstream:
        found = await connect(upstream).page(RUNNING_BEFORE)
        assert found.data == b"[[1],[2]]"
    async with scripted(*[step] * 5) as upstream:
        await _fails(connect(upstream), "REMOTE_HOST_GONE", RUNNING_BEFORE)
        assert await _cancelled(upstream)


RUNNING_BEFORE = replace(RUNNING, token=0, slug=f"y{0:040x}")


async def test_a_connection_closed_while_idle_is_no_failure(connect: Connect) -> None:
    closing = replace(EMPTY, cut=len(EMPTY.body))
    async with scripted(closing, Step(ROWS)) as upstream:
        engine = connect(upstream)
        first = await engine.page(FIRST, 0.0)
        await asyncio.sleep(0.05)
        assert first.next is not None
        assert (await engine.page(first.next)).rows == 2


async def test_a_cluster_that_does_not_answer_is_given_up(connect: Connect) -> None:
    async with scripted(Step(ROWS, delay=5), Step(ROWS, delay=5)) as upstream:
        await _fails(connect(upstream, read_seconds=0.2), "REMOTE_HOST_GONE", RUNNING_BEFORE)
        assert await _cancelled(upstream)


@pytest.mark.parametrize(
    "body",
    [
        page(columns=[BIGINT], data={"encoding": "json", "segments": [{"uri": "secret"}]}),
        page(id=OTHER, columns=[BIGINT], data=[[1]]),
        page(nextUri=uri("executing", 2, query_id=OTHER), columns=[BIGINT], data=[[1]]),
        page(nextUri=uri("queued", 7), columns=[BIGINT], data=[[1]]),
        page(nextUri=uri("executing", 0), columns=[BIGINT], data=[[1]]),
        page(nextUri=f"{HOST}/v1/spooled/x", columns=[BIGINT], data=[[1]]),
        page(partialCancelUri=f"{HOST}/secret", nextUri=uri("executing", 2)),
        b"<html>secret</html>",
        ROWS[:-1],
    ],
    ids=["spooled", "foreign", "foreign next", "back", "again", "spool", "stage", "html", "short"],
)
async def test_a_page_of_an_unknown_shape_is_refused_and_its_statement_ended(
    body: bytes, connect: Connect
) -> None:
    async with scripted(Step(body)) as upstream:
        await _fails(connect(upstream), "GENERIC_INTERNAL_ERROR", RUNNING)
        assert await _cancelled(upstream)


@pytest.mark.parametrize(
    "body",
    [
        page(),
        page(nextUri=uri("queued", 1), columns=[BIGINT], data=[[1]]),
        page(nextUri="http://evil.example/v1/statement/queued/x/y/1"),
        page(id="../../secret", nextUri=uri("queued", 1)),
        b"secret",
    ],
    ids=["no next", "rows", "elsewhere", "id", "no page"],
)
async def test_an_answer_to_a_submission_is_as_strict(body: bytes, connect: Connect) -> None:
    async with scripted(Step(body)) as upstream:
        await _submit_fails(connect(upstream), "GENERIC_INTERNAL_ERROR")
        assert len(upstream.asked("POST")) == 1


async def test_an_error_in_the_answer_to_a_submission_is_raised(connect: Connect) -> None:
    async with scripted(Step(failed("QUERY_QUEUE_FULL"))) as upstream:
        await _submit_fails(connect(upstream), "QUERY_QUEUE_FULL")


async def test_no_redirect_is_followed_and_no_cookie_kept(connect: Connect) -> None:
    async with scripted() as elsewhere, scripted() as upstream:
        away = ("Location", f"{elsewhere.url}/v1/statement")
        cookie = ("Set-Cookie", "session=secret")
        upstream.steps += [
            Step(b"", 307, (away,)),
            replace(POSTED, headers=(cookie,)),
            replace(LAST, headers=(away,)),
        ]
        engine = connect(upstream)
        await _submit_fails(engine, "GENERIC_INTERNAL_ERROR")
        handle = await engine.submit(governed(), ANN)
        await engine.page(handle)
        assert not elsewhere.requests
        assert all("cookie" not in request.headers for request in upstream.requests)


async def test_an_answer_in_an_encoding_nobody_asked_for_is_refused(connect: Connect) -> None:
    packed = Step(gzip.compress(ROWS), headers=(("Content-Encoding", "gzip"),))
    async with scripted(packed, packed) as upstream:
        await _fails(connect(upstream), "REMOTE_HOST_GONE", RUNNING_BEFORE)


async def test_an_answer_without_end_is_refused(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "MAX_BODY", len(ROWS) - 1)
    async with scripted(Step(ROWS), Step(ROWS)) as upstream:
        await _fails(connect(upstream), "REMOTE_HOST_GONE", RUNNING_BEFORE)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_password_is_one_clear_error_and_a_loud_log(
    status: int, connect: Connect, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    password = _password(tmp_path, "secret-1")
    async with scripted(Step(b"secret: Invalid credentials", status)) as upstream:
        engine = connect(upstream, password_file=password, forwarded_https=True)
        error = await _submit_fails(engine, "CONFIGURATION_UNAVAILABLE")
        assert "operators" in error.message
        assert len(upstream.requests) == 1
    logged = capsys.readouterr()
    assert "trino.credentials_refused" in logged.out + logged.err
    assert "secret" not in logged.out + logged.err


async def test_a_changed_password_file_is_read_again(connect: Connect, tmp_path: Path) -> None:
    password = _password(tmp_path, "old")
    async with scripted(Step(b"", 401), POSTED) as upstream:
        engine = connect(upstream, password_file=password, forwarded_https=True)
        _password(tmp_path, "new")
        assert await engine.submit(governed(), ANN) == FIRST
        first, second = (request.headers["authorization"] for request in upstream.requests)
        assert first != second


async def test_cancelling_never_raises() -> None:
    engine = TrinoEngine(TrinoSettings(url=f"http://127.0.0.1:{_free_port()}"))
    await engine.cancel(FIRST)
    await engine.close()


def _password(folder: Path, text: str) -> Path:
    path = folder / "password"
    path.unlink(missing_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o400)
    return path
