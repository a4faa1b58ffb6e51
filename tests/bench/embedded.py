"""Embedded TPC-H at scale 1: governed against ungoverned on the same scan path, and streaming."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import resource
import statistics
import time
from pathlib import Path
from typing import Any

from gateway.engines.base import RunOptions
from gateway.engines.duckdb import EmbeddedEngine
from gateway.identity.principal import Principal
from gateway.query.plan import Plan
from gateway.query.service import QueryService
from tests.bench.setup import MASKED, SESSION, person, queries, service, tpch_snapshot

ROUNDS = 5
SCAN = "SELECT * FROM lineitem"


async def _drain(engine: EmbeddedEngine, plan: Plan) -> tuple[float, float]:
    """Seconds to the first batch and to the last."""
    assert plan.governed is not None
    began = time.perf_counter()
    stream = await engine.run(plan.governed, plan.snapshot, RunOptions("bench"), {})
    first = 0.0
    async for _ in stream.batches():
        first = first or time.perf_counter() - began
    return first or time.perf_counter() - began, time.perf_counter() - began


async def _pair(engine: EmbeddedEngine, bare: Plan, governed: Plan) -> tuple[float, list[float]]:
    """Median of the ratios of interleaved pairs, after one warm-up of each."""
    await _drain(engine, bare)
    await _drain(engine, governed)
    ratios = []
    for number in range(ROUNDS):
        order = (bare, governed) if number % 2 == 0 else (governed, bare)
        seconds = {id(plan): (await _drain(engine, plan))[1] for plan in order}
        ratios.append(seconds[id(governed)] / seconds[id(bare)])
    return statistics.median(ratios), ratios


async def measure(scale: float) -> dict[str, Any]:
    """Ratios for the 22 queries, then a full scan's first row and a stalled client's memory."""
    snapshot = tpch_snapshot(scale)
    planner = service(snapshot)
    engine = EmbeddedEngine(workers=1, memory_bytes=6 << 30, threads=2)
    await engine.start()
    try:
        found = await _queries(engine, planner)
        found["full_scan"] = await _scan(engine, await _plan(planner, SCAN, person("bare")))
    finally:
        await engine.close()
    return found | {"scale": scale}


async def _queries(engine: EmbeddedEngine, planner: QueryService) -> dict[str, Any]:
    ratios: dict[str, float] = {}
    spread: dict[str, list[float]] = {}
    for number, (sql, column) in enumerate(zip(queries(), MASKED, strict=True), 1):
        bare = await _plan(planner, sql, person("bare"))
        governed = await _plan(planner, sql, person("pass", mask=column))
        middle, all_of_them = await _pair(engine, bare, governed)
        ratios[f"q{number}"] = round(middle, 3)
        spread[f"q{number}"] = [round(ratio, 3) for ratio in sorted(all_of_them)]
    mean = math.exp(statistics.fmean(math.log(ratio) for ratio in ratios.values()))
    worst = max(ratios, key=lambda name: ratios[name])
    return {
        "governed_over_ungoverned": ratios,
        "spread": spread,
        "geometric_mean": round(mean, 3),
        "worst": {worst: ratios[worst]},
        "limits": {"geometric_mean": 1.15},
    }


async def _plan(planner: QueryService, sql: str, principal: Principal) -> Plan:
    return await planner.plan(sql, SESSION, principal, "bench")


async def _scan(engine: EmbeddedEngine, plan: Plan) -> dict[str, Any]:
    times = [await _drain(engine, plan) for _ in range(3)]
    shares = sorted(first / total for first, total in times)
    draining = await _peak(engine, plan, stalled=False)
    stalled = await _peak(engine, plan, stalled=True)
    return {
        "first_row_over_total": round(shares[1], 4),
        "stalled_over_draining_memory": round(stalled / draining, 3),
        "draining_mb": round(draining / 1e6),
        "stalled_mb": round(stalled / 1e6),
        "limits": {"first_row_over_total": 0.2, "stalled_over_draining_memory": 1.5},
    }


async def _peak(engine: EmbeddedEngine, plan: Plan, *, stalled: bool) -> int:
    """Highest memory of this process and its workers while a client drains, or does not."""
    assert plan.governed is not None
    peak = _memory()
    stream = await engine.run(plan.governed, plan.snapshot, RunOptions("bench"), {})
    batches = stream.batches()
    ends = time.monotonic() + 5
    while time.monotonic() < ends:
        if not stalled and await anext(batches, None) is None:
            break
        if stalled:
            await asyncio.sleep(0.1)
        peak = max(peak, _memory())
    await stream.cancel()
    return peak


def _memory() -> int:
    """Resident bytes of this process and of all its descendants."""
    pages, family = 0, {os.getpid()}
    listed = sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    for number in listed:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{number}/stat").read_text().rsplit(") ", 1)[1].split()
            if number in family or int(fields[1]) in family:
                family.add(number)
                pages += int(fields[21])
    return pages * resource.getpagesize()
