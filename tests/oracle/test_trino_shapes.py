"""Trino's recorded answers to whole statements, replayed on the embedded engine.

Each is equal, refused as not proven, or declared in the corpus; ``make golden-trino`` records them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from gateway.errors import MeshgateError
from gateway.protocol.values import json_texts
from tests.differential.golden import questions, recorded
from tests.differential.sides import same
from tests.differential.wire import Answer
from tests.oracle.drawn_sides import SESSION, Gateway, gateway

SECONDS = 60.0
MOST_REFUSED = 0.25


@pytest.fixture(scope="module")
def meshgate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(Path(tmp_path_factory.mktemp("shapes"))) as made:
        yield made


async def _answer(meshgate: Gateway, sql: str, person: str) -> Answer:
    """What a client gets from the embedded engine's worker, as JSON values."""
    service, principal = meshgate._lab._service, meshgate._person(person)
    try:
        plan = await service.plan(sql, SESSION, principal, "lab")
        running = await service.start(plan, SESSION, principal, "lab", SECONDS)
        batches = [batch async for batch in running.batches()]
    except MeshgateError as error:
        return Answer(error=error.name, text=error.message)
    heads = tuple((column.name, column.type.text()) for column in plan.columns)
    rows = []
    for batch in batches:
        columns = [
            [orjson.loads(text) for text in json_texts(array, one.type, precise=True).to_pylist()]
            for one, array in zip(plan.columns, batch.columns, strict=True)
        ]
        rows += zip(*columns, strict=True)
    return Answer(heads, tuple(rows))


@pytest.mark.timeout(600)
def test_replayed_answers_are_trinos(meshgate: Gateway) -> None:
    known = recorded()
    verdicts: Counter[str] = Counter()
    wrong = []
    for shape, asked in questions():
        wanted = known[asked.person, asked.sql].answer
        found = meshgate._lab.runner.run(_answer(meshgate, asked.sql, asked.person))
        if same(found, wanted, ordered=asked.ordered):
            verdicts["equal"] += 1
        elif found.error == "NOT_SUPPORTED" or (shape.stricter and found.error):
            verdicts["refused"] += 1
        else:
            wrong.append(f"{shape.name} {asked.person}: {asked.sql}\n  {found}\n  {wanted}")
    print(f"\nreplayed: {dict(verdicts)}, wrong {len(wrong)}")  # noqa: T201 - shown with -s
    assert wrong == [], "\n".join(wrong)
    assert verdicts["refused"] <= MOST_REFUSED * verdicts.total()
