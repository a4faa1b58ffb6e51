from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.metadata import explain
from gateway.policy.model import Obligation
from gateway.sql.model import (
    Defaults,
    GovernedQuery,
    Kind,
    Output,
    Position,
    Scan,
    Statement,
    TableRef,
)
from tests.unit.metadata.mesh import CLAIM, HEALTH, MAIL, REGION, claim_decision, decision, snapshot


def governed(found=None) -> GovernedQuery:
    ref = TableRef(CLAIM, ("claim",), Position(1, 1))
    about = found or claim_decision()
    scan = Scan(0, ref, snapshot().tables[CLAIM], about, "claim", ("claim_id", "email"))
    outputs = (
        Output("mail", DataType("varchar"), "direct", ((CLAIM, "email"),)),
        Output("n", DataType("bigint"), "aggregate", ()),
    )
    usage = {(CLAIM, "email"): frozenset({"output"}), (CLAIM, "claim_id"): frozenset({"filter"})}
    return GovernedQuery(
        "…",
        "duckdb",
        Kind.EXPLAIN,
        (scan,),
        outputs,
        usage,
        restricted=True,
        decision_id="d",
        decision_fingerprint="f",
    )


def answer(kind: Kind = Kind.EXPLAIN, found=None, **words: str):
    statement = Statement(kind, "d", Defaults(), words=words)
    about = found or claim_decision()
    return explain.answer(statement, decision(about), governed(about), snapshot(), "care")


def rows(found) -> list[dict[str, object]]:
    return found.rows.to_pylist()


def text(found) -> str:
    assert [c.name for c in found.columns] == ["Query Plan"]
    ((value,),) = (row.values() for row in rows(found))
    return value


def test_access_tells_each_decision_with_reason_rule_steward_and_next_step():
    found = rows(answer(Kind.EXPLAIN_ACCESS))
    assert [(r["item"], r["name"], r["effect"]) for r in found] == [
        ("table", "lake.claims.claim", "allow"),
        ("grant", "ag-1", "used"),
        ("filter", "lake.claims.claim", "rows limited"),
        ("column", "lake.claims.claim.claim_id", "allow"),
        ("column", "lake.claims.claim.email", "mask:email-domain"),
    ]
    mail = found[-1]
    assert (mail["reason"], mail["rule"]) == ("personal data", "domains.claims/mail")
    assert (mail["steward"], mail["next_step"]) == (
        *("claims-stewards", "ask claims-stewards@example.org"),
    )
    assert list(found[0]) == [
        *("item", "name", "effect", "detail", "reason", "rule", "steward", "next_step"),
    ]


def test_a_disclosed_condition_is_shown():
    found = rows(answer(Kind.EXPLAIN_ACCESS))[2]
    assert orjson.loads(found["detail"])["value"] == ["EU-SECRET"]


def test_a_condition_is_shown_only_if_all_its_rules_are_disclosed():
    other = replace(REGION, rule="domains.claims/vip", disclose=False)
    mixed = replace(claim_decision(), reasons=(REGION, other))
    found = rows(answer(Kind.EXPLAIN_ACCESS, mixed))[2]
    assert (found["detail"], found["rule"]) == ("", "domains.claims/region")


def test_an_undisclosed_filter_is_not_told_anywhere():
    quiet = replace(claim_decision(), reasons=(MAIL, replace(REGION, disclose=False)))
    for kind, words in (
        (Kind.EXPLAIN_ACCESS, {}),
        (Kind.EXPLAIN, {}),
        (Kind.EXPLAIN, {"format": "json"}),
        (Kind.EXPLAIN, {"type": "io", "format": "json"}),
        (Kind.EXPLAIN, {"type": "access", "format": "json"}),
    ):
        told = str(rows(answer(kind, quiet, **words)))
        assert "EU-SECRET" not in told
        assert "domains.claims/region" not in told


def test_hidden_columns_are_not_told_anywhere():
    for words in ({}, {"format": "json"}, {"type": "access"}, {"type": "io"}):
        told = str(rows(answer(Kind.EXPLAIN, **words)))
        assert "diagnosis" not in told
        assert HEALTH.rule not in told


def test_access_as_json():
    found = orjson.loads(text(answer(Kind.EXPLAIN, type="access", format="json")))
    assert found == rows(answer(Kind.EXPLAIN_ACCESS))


def test_the_summary_names_tables_reasons_and_outputs():
    told = text(answer()).splitlines()
    assert told[0] == "Governed query for purpose care"
    assert "  table lake.claims.claim: allow" in told
    assert (
        "  column lake.claims.claim.email: mask:email-domain; personal data (domains.claims/mail)"
        in told
    )
    assert told[-3:] == [
        "Output",
        "  mail varchar <- direct of lake.claims.claim.email [mask:email-domain]",
        "  n bigint",
    ]


def test_json_is_the_lineage():
    found = orjson.loads(text(answer(format="json")))
    assert found["purpose"] == "care"
    assert found["outputs"][0] == {
        "name": "mail",
        "type": "varchar",
        "kind": "direct",
        "sources": [
            {"table": "lake.claims.claim", "column": "email", "effect": "mask:email-domain"}
        ],
    }
    claim_id = {"table": "lake.claims.claim", "column": "claim_id", "in": ["filter"], "by": "user"}
    assert claim_id in found["usage"]


def test_io_has_trinos_shape_and_no_constraints():
    found = orjson.loads(text(answer(type="io", format="json")))
    (table,) = found["inputTableColumnInfos"]
    assert table["table"] == {
        "catalog": "lake",
        "schemaTable": {"schema": "claims", "table": "claim"},
    }
    assert table["constraint"] == {"none": False, "columnConstraints": []}


def test_validate_says_true():
    assert rows(answer(type="validate")) == [{"Valid": True}]


def test_a_query_without_tables_is_explained():
    statement = Statement(Kind.EXPLAIN, "d", Defaults())
    bare = replace(governed(), scans=(), outputs=(Output("_col0", DataType("integer")),), usage={})
    told = explain.answer(statement, None, bare, snapshot(), "unspecified")
    assert text(told).splitlines()[1:] == ["Output", "  _col0 integer"]
    assert (
        rows(
            explain.answer(replace(statement, kind=Kind.EXPLAIN_ACCESS), None, bare, snapshot(), "")
        )
        == []
    )


def test_obligations_are_told():
    bound = replace(
        claim_decision(), obligations=(Obligation("notice", (("text", "care only"),), ("r",)),)
    )
    found = rows(answer(Kind.EXPLAIN_ACCESS, bound))[-1]
    assert (found["item"], found["effect"], found["detail"]) == (
        *("obligation", "notice", "text=care only"),
    )


@pytest.mark.parametrize("words", [{"format": "graphviz"}, {"type": "other"}])
def test_other_forms_are_refused(words):
    with pytest.raises(MeshgateError) as caught:
        answer(**words)
    assert caught.value.name == "NOT_SUPPORTED"


def test_obligations_name_no_hidden_column():
    asked = (
        Obligation("min_group_size", (("entity", "diagnosis"), ("value", 5)), ("g",)),
        Obligation("require_filter", (("columns", ("claim_id", "diagnosis")),), ("f",)),
    )
    bound = replace(claim_decision(), obligations=asked)
    for words in ({}, {"format": "json"}, {"type": "access", "format": "json"}):
        told = str(rows(answer(Kind.EXPLAIN, bound, **words)))
        assert "diagnosis" not in told
        assert "claim_id" in told
