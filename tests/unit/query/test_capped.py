from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from gateway.errors import MeshgateError
from gateway.query.capped import CappedWorker


def add(left: int, right: int) -> int:
    return left + right


def refuse() -> None:
    raise MeshgateError("NOT_SUPPORTED", "no", line=3, column=4, audit={"a": "b"})


def burn() -> None:
    while True:
        pass


def grow() -> int:
    return len(bytearray(8 << 30))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture
def worker() -> Iterator[CappedWorker]:
    made = CappedWorker(cpu_seconds=1)
    yield made
    made.close()


async def test_a_call_returns_what_the_function_does(worker: CappedWorker) -> None:
    assert await worker.call(add, 2, 3) == 5


async def test_a_refusal_comes_back_whole(worker: CappedWorker) -> None:
    with pytest.raises(MeshgateError) as caught:
        await worker.call(refuse)
    error = caught.value
    assert (error.name, error.message, error.line, error.column) == ("NOT_SUPPORTED", "no", 3, 4)
    assert error.audit == {"a": "b"}


@pytest.mark.parametrize("function", [burn, grow, die])
async def test_a_cap_refuses_one_call_and_the_next_works(
    worker: CappedWorker, function: object
) -> None:
    with pytest.raises(MeshgateError) as caught:
        await worker.call(function)  # type: ignore[arg-type]
    assert caught.value.name == "QUERY_REJECTED"
    assert await worker.call(add, 1, 1) == 2


async def test_calls_wait_for_each_other(worker: CappedWorker) -> None:
    assert await asyncio.gather(*(worker.call(add, n, 1) for n in range(5))) == [1, 2, 3, 4, 5]
