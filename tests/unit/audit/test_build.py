from __future__ import annotations

from gateway.audit import build
from gateway.audit.model import ColumnUse, LineageInput
from gateway.datatypes import DataType
from gateway.identity.principal import Principal
from gateway.names import TableName
from gateway.policy.model import Reason, TableDecision
from gateway.sql.model import GovernedQuery, Kind, Output, Position, Scan, TableRef
from tests.unit.metadata.mesh import CLAIM, NOTES, claim_decision, decision, denied, snapshot


def governed(found: TableDecision, *used: str) -> GovernedQuery:
    table = snapshot().tables[found.table]
    ref = TableRef(found.table, ("claim",), Position(1, 15))
    scan = Scan(0, ref, table, found, "claim", used)
    other = Scan(1, ref, table, found, "again", ("paid",))
    outputs = (
        Output("mail", DataType("varchar"), "direct", ((CLAIM, "email"),)),
        Output("n", DataType("bigint"), "aggregate", ()),
    )
    usage = {
        (CLAIM, "email"): frozenset({"output", "filter"}),
        (CLAIM, "paid"): frozenset({"join"}),
    }
    return GovernedQuery(
        *("SELECT 4711", "duckdb", Kind.QUERY, (scan, other), outputs),
        *(usage, True, "d1", "sha256:x"),
    )


def test_a_principal_is_kept_with_sorted_groups():
    found = build.who(Principal("alice", groups=frozenset({"b", "a"}), method="basic"), "10.0.0.1")
    assert (found.id, found.method, found.groups, found.peer_address) == (
        *("alice", "basic", ("a", "b"), "10.0.0.1"),
    )


def test_a_statement_keeps_no_literal_and_a_hash_of_the_governed_text():
    found = build.statement("SELECT 4711 -- 0815", "QUERY", governed(claim_decision(), "email"))
    assert found.redacted_sql == "SELECT ?"
    assert len(found.governed_sha256) == 64
    assert build.statement("SELECT 1", "QUERY").governed_sha256 == ""
    assert build.statement('SELECT "x"', "QUERY", strict=True).redacted_sql == "SELECT ?"


def test_a_table_is_kept_once_with_the_columns_of_all_its_scans():
    (found,) = build.tables(governed(claim_decision(), "email"), snapshot())
    assert (found.name, found.domain, found.product, found.grant) == (
        *("lake.claims.claim", "claims", "claims", "ag-1"),
    )
    assert found.columns == (
        ColumnUse("email", 2, ("filter", "output"), "email-domain", ("domains.claims/mail",)),
        ColumnUse("paid", 4, ("join",), "clear"),
    )
    (kept,) = found.filters
    assert kept.rules == ("domains.claims/region",)
    assert kept.condition["value"] == ["EU-SECRET"]


def test_lineage_names_the_mask():
    mail, count = build.lineage(governed(claim_decision(), "email"))
    assert mail.inputs == (LineageInput("lake.claims.claim", "email", "direct", "email-domain"),)
    assert count.inputs == ()


def test_a_refusal_records_what_its_asker_was_not_told():
    absent = TableName("lake", "claims", "nope")
    why = Reason("domains.claims/secret", "table", "words")
    about = decision(denied(NOTES, why))
    hidden, gone, undecided = build.refused_tables([NOTES, absent, CLAIM, NOTES], about, snapshot())
    assert (hidden.effect, hidden.hidden, hidden.domain, hidden.rules) == (
        *("deny", True, "claims", ("domains.claims/secret",)),
    )
    assert (gone.effect, gone.hidden) == ("absent", False)
    assert undecided.effect == "undecided"


def test_a_discoverable_denial_is_not_hidden():
    (found,) = build.refused_tables([NOTES], decision(denied(NOTES, discoverable=True)), snapshot())
    assert found.hidden is False
