"""Domain claims: 120,000 invented claims over two years, and their lines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.demo.data import (
    Chance,
    DemoTable,
    Flags,
    Ints,
    dates,
    decimals,
    digits,
    instants,
    integers,
    joined,
    nulled,
    table,
)
from gateway.demo.members import MEMBERS, number, regions
from gateway.demo.providers import PROVIDERS, identifier

CLAIMS = 120_000
_SEED = 1303
_FROM, _DAYS = 19_723, 731  # 2024-01-01 to 2025-12-31
_LATER_FROM = 20_362  # 2025-10-01
_DAY = 86_400
_FIRST_ID = 5_000_001
_HEAVY_MEMBERS = MEMBERS // 100
_HEAVY_SHARE = 200  # per thousand claims
_DIAGNOSES = ("E11.9", "I10", "J06.9", "M54.5", "F32.1", "K21.9", "Z00.0", "C50.9", "N39.0", None)
_STATUS = ("paid", "paid", "paid", "paid", "denied", "open")
_PROCEDURES = ("99213", "99214", "80053", "93000", "71046", "36415", "97110")
_DOCS = {
    "member_id": "written m0000003 here",
    "service_date": "the table is partitioned by its month",
    "paid": "NULL until decided",
    "channel": "recorded since October 2025; NULL before",
}


def tables() -> Iterator[DemoTable]:
    """Give the domain's tables."""
    everything = _claims()
    later = pc.greater_equal(
        everything["service_date"], pa.scalar(_LATER_FROM, pa.int32()).cast(pa.date32())
    )
    first = everything.filter(pc.invert(later)).drop_columns(["channel"])
    corrected = _corrected(first)
    yield DemoTable(
        "claims.claims",
        first,
        "One row per claim (invented)",
        docs=_DOCS,
        month="service_date",
        later=everything.filter(later),
        tag="month_close",
        corrects="provider_id = 'P-00017' AND service_date < '2024-07-01'",
        correction=corrected,
    )
    yield DemoTable(
        "claims.claim_lines",
        _lines(),
        "What each claim consists of",
        docs={"amount": "billed for this line"},
    )


def _member_indexes(chance: Chance) -> Ints:
    """One member in a hundred files a fifth of the claims."""
    heavy: Flags = chance.flags(_HEAVY_SHARE, CLAIMS)
    few = chance.below(_HEAVY_MEMBERS, CLAIMS) * 100
    return np.where(heavy, few, chance.below(MEMBERS, CLAIMS))


def _claims() -> pa.Table:
    chance = Chance(_SEED)
    member = _member_indexes(chance)
    day = np.sort(_FROM + chance.below(_DAYS, CLAIMS), kind="stable")
    billed = 2_000 + chance.below(98_000, CLAIMS) * (1 + chance.below(4, CLAIMS))
    status = chance.pick(_STATUS, CLAIMS)
    paid = decimals(billed * (60 + chance.below(41, CLAIMS)) // 100, 12, 2)
    undecided = np.asarray(pc.equal(status, "open"))
    return table(
        ("claim_id", "member_id", "service_date", "region"),
        claim_id=pa.array(_FIRST_ID + np.arange(CLAIMS, dtype=np.int64)),
        member_id=joined("m", digits(number(member), 7)),
        provider_id=identifier(chance.below(PROVIDERS, CLAIMS)),
        service_date=dates(day),
        submitted_at=instants(day * _DAY + chance.below(20 * _DAY, CLAIMS), zone=None),
        diagnosis=chance.pick(_DIAGNOSES, CLAIMS),
        status=status,
        billed=decimals(billed, 12, 2),
        paid=nulled(paid, undecided),
        region=regions().take(pa.array(member)),
        channel=chance.pick(("portal", "portal", "paper", "app"), CLAIMS),
    )


def _corrected(claims: pa.Table) -> pa.Table:
    """Give one provider's claims of a half-year again, all denied and nothing paid."""
    chosen = pc.and_(
        pc.equal(claims["provider_id"], "P-00017"),
        pc.less(claims["service_date"], pa.scalar(19_905, pa.int32()).cast(pa.date32())),
    )
    wrong = claims.filter(chosen)
    status = pa.array(["denied"] * wrong.num_rows, pa.string())
    paid = decimals(np.zeros(wrong.num_rows, np.int64), 12, 2)
    corrected = wrong.set_column(wrong.schema.get_field_index("status"), "status", status)
    return corrected.set_column(wrong.schema.get_field_index("paid"), "paid", paid)


def _lines() -> pa.Table:
    chance = Chance(_SEED + 1)
    count = 1 + chance.below(4, CLAIMS)
    claim = np.repeat(np.arange(CLAIMS, dtype=np.int64), count)
    size = len(claim)
    line = np.arange(size, dtype=np.int64) - np.repeat(np.cumsum(count) - count, count)
    return table(
        ("claim_id", "line_number"),
        claim_id=pa.array(_FIRST_ID + claim),
        line_number=integers(line + 1),
        procedure_code=chance.pick(_PROCEDURES, size),
        quantity=nulled(integers(1 + chance.below(5, size)), chance.flags(5, size)),
        amount=decimals(1_000 + chance.below(60_000, size), 12, 2),
    )
