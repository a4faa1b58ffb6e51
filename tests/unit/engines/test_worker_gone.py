"""A worker that is gone: whoever writes to it hears an OSError, whatever the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import pytest
import uvloop

from gateway.engines.frames import Kind
from gateway.engines.job import WorkerConfig
from gateway.engines.process import WorkerProcess


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_writing_to_a_killed_worker_is_an_os_error(tmp_path, loop):
    async def run() -> None:
        worker = await WorkerProcess.start(WorkerConfig(1 << 30, 1, str(tmp_path), 0))
        os.kill(worker.pid, signal.SIGKILL)
        await worker.status()
        with contextlib.suppress(OSError):  # the kernel may take the first one still
            await worker.send(Kind.CREDIT, 1)
        await asyncio.sleep(0.05)
        with pytest.raises(OSError):
            await worker.send(Kind.CREDIT, 1)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(run())
