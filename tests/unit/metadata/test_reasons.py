from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import MeshgateError
from gateway.metadata import reasons
from gateway.names import TableName
from gateway.policy.model import Reason
from gateway.sql.model import Position, TableRef
from tests.unit.metadata.mesh import (
    CLAIM,
    NOTES,
    PLAIN,
    allowed,
    claim_decision,
    decision,
    denied,
    snapshot,
    visible,
)


def ref(name: TableName) -> TableRef:
    return TableRef(name, (name.table,), Position(2, 7))


def refused(found, name: TableName = NOTES, seen=None) -> MeshgateError:
    whole = decision(*(found,) if found else ())
    return reasons.table_refusal(ref(name), found, whole, seen or visible(), snapshot())


def test_hidden_and_absent_read_alike_but_for_the_name():
    hidden = refused(denied(NOTES, Reason("domains.claims/secret", "table", "secret words")))
    absent = refused(None, TableName("lake", "claims", "nope"))
    assert (hidden.name, hidden.line, hidden.column) == (absent.name, absent.line, absent.column)
    assert hidden.message.replace("notes", "nope") == absent.message
    assert hidden.message == "line 2:7: Table 'lake.claims.notes' does not exist"


def test_only_the_audit_record_knows_which_it_was():
    assert refused(denied(NOTES)).audit == {"hidden": "true", "domain": "claims"}
    assert refused(None, TableName("lake", "claims", "nope")).audit == {"hidden": "false"}


@pytest.mark.parametrize(
    ("name", "error"),
    [("nowhere.a.b", "CATALOG_NOT_FOUND"), ("lake.nowhere.b", "SCHEMA_NOT_FOUND")],
)
def test_a_catalog_or_schema_nobody_sees_is_named_first(name, error):
    assert refused(None, TableName.parse(name)).name == error


def test_a_hidden_catalog_reads_like_an_absent_one():
    nothing = visible(denied(NOTES))
    assert refused(denied(NOTES), seen=nothing).message == "line 2:7: Catalog 'lake' not found"


def test_a_discoverable_denial_names_rule_and_whom_to_ask():
    why = Reason("domains.claims/closed", "table", "only in business hours", disclose=True)
    error = refused(denied(NOTES, why, discoverable=True))
    assert error.name == "PERMISSION_DENIED"
    assert error.message == (
        "Access Denied: Cannot select from table lake.claims.notes: "
        '"only in business hours" (domains.claims/closed), ask claims-stewards@example.org'
    )


def test_what_a_policy_does_not_disclose_is_not_told():
    why = Reason("domains.claims/closed", "table", "secret words")
    error = refused(denied(NOTES, why, discoverable=True))
    assert "secret words" not in error.message
    assert "restricted by policy (domains.claims/closed)" in error.message


def test_a_missing_grant_says_which_purposes_there_are():
    why = Reason("platform/no_grant", "table", "no access grant for purpose none", disclose=True)
    error = refused(denied(CLAIM, why, discoverable=True), CLAIM)
    assert "no access grant for purpose none" in error.message
    assert "approved for: care, fraud" in error.message
    assert "SET SESSION meshgate.purpose" in error.message


@pytest.mark.parametrize("found", [denied(NOTES, unavailable=True), None])
def test_a_failed_policy_is_told_to_holders_for_every_name(found):
    seen = visible(replace(allowed(CLAIM, "claim_id"), unavailable=True))
    name = NOTES if found else TableName("lake", "claims", "nope")
    error = refused(found, name, seen)
    assert error.name == "CONFIGURATION_UNAVAILABLE"
    assert error.message.startswith("policy of domain claims is unavailable")


def test_tables_that_may_not_meet_are_refused_with_the_rule():
    why = Reason("global.query/toxic", "query", "may not be combined", disclose=True)
    whole = decision(claim_decision(), allowed(PLAIN, "code"), effect="deny", reasons=[why])
    error = reasons.query_refusal(whole, snapshot())
    assert error.name == "PERMISSION_DENIED"
    assert error.message == (
        'Access Denied: Cannot run this query: "may not be combined" (global.query/toxic), '
        "ask claims-stewards@example.org"
    )


def test_a_query_refused_by_a_failed_policy_says_so():
    whole = decision(denied(NOTES, unavailable=True), effect="deny")
    assert reasons.query_refusal(whole, snapshot()).name == "CONFIGURATION_UNAVAILABLE"


def missing(column: str, table: TableName = CLAIM) -> MeshgateError:
    return MeshgateError(
        "COLUMN_NOT_FOUND",
        f"line 1:8: Column '{column}' cannot be resolved",
        audit={"table": str(table), "column": column},
    )


def test_a_discoverable_column_is_refused_with_its_rule_alone():
    error = reasons.refined(missing("diagnosis"), decision(claim_decision()), snapshot())
    assert error.name == "PERMISSION_DENIED"
    assert error.message == (
        "Access Denied: Cannot select from columns [diagnosis] in table lake.claims.claim: "
        "restricted by policy (domains.claims/health), ask claims-stewards@example.org"
    )


@pytest.mark.parametrize("column", ["nope", "email", "claim_id"])
def test_other_columns_stay_not_found(column):
    error = missing(column)
    assert reasons.refined(error, decision(claim_decision()), snapshot()) is error


def test_a_hidden_column_stays_not_found():
    hidden = replace(
        claim_decision(),
        columns=tuple(replace(c, discoverable=False) for c in claim_decision().columns),
    )
    error = missing("diagnosis")
    assert reasons.refined(error, decision(hidden), snapshot()) is error


def test_other_errors_stay_as_they_are():
    error = MeshgateError("SYNTAX_ERROR", "x", audit={"table": str(CLAIM), "column": "diagnosis"})
    assert reasons.refined(error, decision(claim_decision()), snapshot()) is error
