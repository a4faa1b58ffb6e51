from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.access.model import Grant
from gateway.identity.principal import Principal
from gateway.metadata.warnings import NAMES, warnings
from gateway.names import TableName
from gateway.policy.model import Mask, Obligation, Reason, TableDecision
from gateway.sql.model import GovernedQuery, Kind, Position, Scan, TableRef
from tests.unit.metadata.mesh import (
    CLAIM,
    NOW,
    PLAIN,
    REGION,
    allowed,
    claim_decision,
    decision,
    snapshot,
)


def scan(found: TableDecision, *used: str, index: int = 0) -> Scan:
    table = snapshot().tables.get(found.table) or replace(
        snapshot().tables[CLAIM], name=found.table
    )
    ref = TableRef(found.table, (found.table.table,), Position(1, 1))
    return Scan(index, ref, table, found, found.table.table, used)


def governed(*scans: Scan) -> GovernedQuery:
    return GovernedQuery(
        "SELECT 1",
        "duckdb",
        Kind.QUERY,
        scans,
        (),
        {},
        restricted=True,
        decision_id="d",
        decision_fingerprint="f",
    )


def notes(*scans: Scan, **options: object) -> dict[str, str]:
    whole = options.pop("decision", decision(*(one.decision for one in scans)))
    options = {"purpose": "care", "purpose_assumed": False, **options}
    found = warnings(whole, snapshot(), governed(*scans), **options)
    assert [one.code for one in found] == [0x4D470001 + NAMES.index(one.name) for one in found]
    assert [one.code for one in found] == sorted({one.code for one in found})
    return {one.name: one.message for one in found}


def test_an_open_table_has_no_notes():
    assert notes(scan(allowed(PLAIN, "code"), "code")) == {}


def test_filters_and_masks_are_told_with_reason_rule_and_contact():
    assert notes(scan(claim_decision(), "email", "paid")) == {
        "MESHGATE_ROWS_FILTERED": 'rows limited in lake.claims.claim: "only your regions" '
        "(domains.claims/region), ask claims-stewards@example.org",
        "MESHGATE_MASKED": 'masked: email by email-domain "personal data" (domains.claims/mail) '
        "of lake.claims.claim, ask claims-stewards@example.org",
    }


def test_a_mask_on_a_column_nobody_reads_is_not_told():
    assert "MESHGATE_MASKED" not in notes(scan(claim_decision(), "paid"))


def test_nothing_hidden_and_no_filter_value_is_told():
    told = " ".join(notes(scan(claim_decision(), "email", "paid")).values())
    assert "diagnosis" not in told
    assert "EU-SECRET" not in told


def test_a_filter_that_is_not_disclosed_is_not_told():
    quiet = replace(claim_decision(), reasons=(replace(REGION, disclose=False),))
    assert "MESHGATE_ROWS_FILTERED" not in notes(scan(quiet, "paid"))


def test_the_undisclosed_reason_of_a_mask_is_left_out():
    why = Reason("domains.claims/mail", "column:email", "secret words")
    told = notes(scan(replace(claim_decision(), reasons=(why,)), "email"))["MESHGATE_MASKED"]
    assert "secret words" not in told
    assert "email by email-domain (domains.claims/mail)" in told


def test_tokens_have_a_note_of_their_own():
    columns = tuple(
        replace(c, mask=Mask("token")) if c.name == "email" else c for c in claim_decision().columns
    )
    told = notes(scan(replace(claim_decision(), columns=columns), "email"))
    assert told["MESHGATE_TOKENIZED"].startswith("tokens: email by token")
    assert "MESHGATE_MASKED" not in told


def test_one_note_names_all_tables_at_most_eight():
    names = [TableName("lake", "claims", f"t{n}") for n in range(11)]
    scans = [scan(replace(claim_decision(), table=name), "email") for name in names]
    told = notes(*scans)
    assert told["MESHGATE_ROWS_FILTERED"].count("lake.claims.t") == 8
    assert told["MESHGATE_ROWS_FILTERED"].endswith(" and 3 more")


def test_one_table_read_twice_is_told_once_with_all_its_columns():
    told = notes(scan(claim_decision(), "paid"), scan(claim_decision(), "email", index=1))
    assert told["MESHGATE_ROWS_FILTERED"].count("lake.claims.claim") == 1
    assert "email" in told["MESHGATE_MASKED"]


def test_an_assumed_purpose_is_told_with_how_to_state_it():
    told = notes(scan(allowed(PLAIN, "code"), "code"), purpose_assumed=True)
    assert told == {
        "MESHGATE_PURPOSE_ASSUMED": "purpose care was assumed; "
        "state yours by SET SESSION meshgate.purpose = '...'"
    }


@pytest.mark.parametrize(("days", "is_told"), [(13, True), (14, True), (15, False)])
def test_a_grant_that_ends_within_two_weeks_is_told(days, is_told):
    grant = Grant(
        *("ag-1", "data_access", "user:a", "claims", "care", NOW, NOW + timedelta(days=days), NOW)
    )
    told = notes(scan(claim_decision(), "paid"), grants=[grant], now=NOW)
    assert ("MESHGATE_GRANT_EXPIRES" in told) is is_told


def grant(number: int) -> Grant:
    until = NOW + timedelta(days=99)
    return Grant(f"ag-{number}", *("data_access", "user:a", "claims", "care", NOW, until, NOW))


@pytest.mark.parametrize(
    ("held", "stated", "told"),
    [
        ([1, 2], False, "lake.claims.claim on ag-1 of ag-1, ag-2;"),
        ([1], False, None),
        ([2, 3], False, None),
        ([1, 2], True, None),
    ],
)
def test_a_grant_taken_among_several_is_told(held, stated, told):
    found = notes(
        scan(claim_decision(), "paid"),
        grants=[grant(n) for n in held],
        now=NOW,
        principal=Principal("a"),
        grant_stated=stated,
    )
    if told is None:
        assert "MESHGATE_GRANT_CHOSEN" not in found
    else:
        assert told in found["MESHGATE_GRANT_CHOSEN"]


def test_notices_are_told_at_every_level():
    notice = Obligation("notice", (("text", "for care only"),))
    noted = replace(allowed(PLAIN, "code"), obligations=(notice,))
    for level in ("full", "summary", "off"):
        assert notes(scan(noted, "code"), level=level) == {"MESHGATE_NOTICE": "for care only"}


def test_off_keeps_notices_alone_and_summary_leaves_reasons_out():
    assert notes(scan(claim_decision(), "email"), level="off", purpose_assumed=True) == {}
    assert notes(scan(claim_decision(), "email"), level="summary") == {
        "MESHGATE_ROWS_FILTERED": "rows limited in lake.claims.claim",
        "MESHGATE_MASKED": "masked: email of lake.claims.claim",
    }
