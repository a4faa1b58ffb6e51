"""Parse to verify for a ten-table query, the decision apart, against stock sqlglot."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import sqlglot

from gateway.cli.opa_tool import OpaTool
from gateway.policy.service import PolicyService
from gateway.query.asked import Asked, GrantBook, decision_request
from gateway.query.caches import PlanCaches
from gateway.server.world import load_world
from gateway.sql.model import Defaults
from tests.bench.setup import NOW, SESSION, TEN_TABLES, WORLD, person
from tests.parts import opa_path

ROUNDS = 60


def _times(run: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _summary(times: list[float]) -> dict[str, float]:
    ranked = sorted(times)
    return {
        "p50_ms": round(statistics.median(ranked), 4),
        "p95_ms": round(ranked[int(len(ranked) * 0.95) - 1], 4),
    }


async def measure() -> dict[str, Any]:
    """Interleave cold, warm and stock rounds, then the decisions of each engine."""
    world = load_world(WORLD)
    policy = PolicyService.open(world.policies)
    asked = Asked(
        TEN_TABLES, SESSION, person("masks"), world.snapshot,
        GrantBook("bench", world.grants), NOW, "bench", "00" * 32,
    )  # fmt: skip
    tables = {name: world.snapshot.tables[name] for name in world.snapshot.tables}
    warm = PlanCaches()
    statement = await warm.parse(TEN_TABLES, Defaults("lake", "tpch"))
    decision = await policy.decide(decision_request(asked, "unspecified", tuple(tables.values())))

    async def rewrite(caches: PlanCaches) -> None:
        parsed = await caches.parse(TEN_TABLES, Defaults("lake", "tpch"))
        await caches.govern(parsed, decision, tables, asked)

    def once(caches: PlanCaches) -> None:
        coroutine = rewrite(caches)
        try:
            coroutine.send(None)
        except StopIteration:
            return

    once(warm)
    gc.collect()
    gc.freeze()
    cold, hot, stock = [], [], []
    for _ in range(ROUNDS):
        cold += _times(lambda: once(PlanCaches()), 1)
        hot += _times(lambda: once(warm), 1)
        stock += _times(lambda: sqlglot.parse_one(TEN_TABLES, read="trino").sql("trino"), 1)
    assert statement.tree is not None
    result = {
        "cold": _summary(cold),
        "warm": _summary(hot),
        "stock_parse_generate": _summary(stock),
        "cold_over_stock": round(statistics.median(cold) / statistics.median(stock), 3),
        "warm_over_cold": round(statistics.median(hot) / statistics.median(cold), 4),
        "limits": {"cold_over_stock": 3, "warm_over_cold": 0.05},
        "decision": await _decisions(
            asked, tuple(tables.values()), policy, statistics.median(cold)
        ),
    }
    await policy.close()
    return result


async def _decisions(
    asked: Asked, tables: tuple[Any, ...], rego: PolicyService, cold: float
) -> dict[str, Any]:
    found: dict[str, Any] = {"rego": await _decision(rego, asked, tables, cold)}
    binary = opa_path()
    if binary is None:
        found["opa"] = "left out: no OPA here (`make fetch` brings it)"
        return found
    policies = load_world(WORLD).policies
    with OpaTool(binary).serve(policies) as url:
        service = PolicyService.open(policies, engine="opa", opa_url=url)
        found["opa"] = await _decision(service, asked, tables, cold)
        await service.close()
    return found


async def _decision(
    policy: PolicyService, asked: Asked, tables: tuple[Any, ...], cold: float
) -> dict[str, float]:
    times = []
    for number in range(ROUNDS):
        principal = person("masks", mask=f"none{number}")  # another input: nothing is cached
        request = decision_request(
            Asked(
                asked.text, asked.session, principal, asked.snapshot, asked.grants,
                asked.now, "bench", asked.salt,
            ),
            "unspecified",
            tables,
        )  # fmt: skip
        began = time.perf_counter()
        await policy.decide(request)
        times.append((time.perf_counter() - began) * 1000)
    return _summary(times) | {"sum_with_cold_rewrite_ms": round(statistics.median(times) + cold, 3)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure()), indent=2))
