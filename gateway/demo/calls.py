"""Domain call_center: 60,000 invented calls with free text."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from gateway.demo.data import (
    Chance,
    DemoTable,
    dates,
    digits,
    instants,
    integers,
    joined,
    nulled,
    replaced,
    table,
)
from gateway.demo.members import FIRST, MEMBERS, number, regions, ssn_parts

CALLS = 60_000
_SEED = 1304
_FROM, _SECONDS = 1_704_067_200, 731 * 86_400  # 2024 and 2025
_TOPICS = ("billing", "billing", "coverage", "complaint", "new card", "address change", None)
_OPENINGS = ("Caller", "The member", "A relative of", "Returning the call,")
_REASONS = (
    "asked why a claim was denied",
    "wants a second opinion covered",
    "reported a wrong address",
    "could not sign in to the portal",
    "asked for a new card",
    "disputes a bill",
)
_ENDINGS = (
    "resolved",
    "will call again",
    "sent to the claims team",
    "asked for a supervisor",
)
_DOCS = {
    "member_id": "typed by the agent: M 0000003, m-0000003 or UNKNOWN",
    "caller_ssn": "typed by the agent, digits grouped by blanks",
    "transcript": "free text: names, numbers and addresses may occur",
}


def tables() -> Iterator[DemoTable]:
    """Give the domain's tables."""
    yield DemoTable("call_center.calls", _calls(), "One row per call (invented)", docs=_DOCS)
    yield DemoTable("call_center.agents", _agents(), "Who answers the calls (invented)")


def _calls() -> pa.Table:
    chance, size = Chance(_SEED), CALLS
    member = chance.below(MEMBERS, size)
    typed = joined(chance.pick(("M ", "m-", "M", "m"), size), digits(number(member), 7))
    typed = replaced(typed, chance.flags(15, size), "UNKNOWN")
    ssn = joined(*ssn_parts(member), separator=" ")
    ssn = replaced(ssn, chance.flags(5, size), "000 00 0000")
    person = chance.pick(FIRST, size)
    phone = joined("555-01", digits(chance.below(100, size), 2))
    text = joined(
        joined(chance.pick(_OPENINGS, size), person, separator=" "),
        chance.pick(_REASONS, size),
        joined("call back at ", phone),
        chance.pick(_ENDINGS, size),
        separator="; ",
    )
    return table(
        ("call_id", "called_at"),
        call_id=joined("C", digits(np.arange(size, dtype=np.int64), 6)),
        member_id=nulled(typed, chance.flags(20, size)),
        caller_ssn=nulled(ssn, chance.flags(700, size)),
        called_at=instants(np.sort(_FROM + chance.below(_SECONDS, size), kind="stable")),
        agent_id=joined("A", digits(chance.below(_AGENTS, size), 3)),
        topic=chance.pick(_TOPICS, size),
        seconds=integers(20 + chance.below(1_800, size)),
        satisfaction=nulled(integers(1 + chance.below(5, size)), chance.flags(400, size)),
        region=regions().take(pa.array(member)),
        transcript=text,
    )


_AGENTS = 120


def _agents() -> pa.Table:
    chance, size = Chance(_SEED + 1), _AGENTS
    return table(
        ("agent_id",),
        agent_id=joined("A", digits(np.arange(size, dtype=np.int64), 3)),
        first_name=chance.pick(FIRST, size),
        team=chance.pick(("north", "south", "night"), size),
        hired_on=dates(17_000 + chance.below(2_500, size)),
    )
