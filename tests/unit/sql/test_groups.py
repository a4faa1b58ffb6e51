"""``min_group_size``: what is denied, what verify notices, what rows come back."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import pytest

from gateway.catalog.model import Column, Table
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.names import TableName
from gateway.policy.model import ColumnDecision, Obligation, TableDecision
from gateway.sql.groups import keep_groups
from gateway.sql.model import Kind, ResolvedQuery
from gateway.sql.obligations import keep
from gateway.sql.parse import parse
from gateway.sql.printer import Printer
from gateway.sql.reader.blocks import Block, check_group
from gateway.sql.reader.tokens import UnreadableError, tokens
from gateway.sql.resolve import resolve
from tests.golden.cases import HERE, Case, read
from tests.golden.outcomes import plan
from tests.unit.sql.front import DECISION, DEFAULTS

CASES = read(HERE / "obligations.txt")
LEAST = 'count(DISTINCT "l"."claim_id") >= 10'


def case(engine: str) -> Case:
    options = {"world": "mesh", "as": "researcher", "engine": engine}
    return Case(HERE, 1, (), "govern", options, "", "")


@pytest.mark.parametrize("engine", ["trino", "duckdb"])
@pytest.mark.parametrize("text", [c.text for c in CASES if "group:" in c.comment[0]])
async def test_what_could_tell_of_smaller_groups_is_denied(text: str, engine: str):
    with pytest.raises(MeshgateError) as caught:
        await plan(case(engine), text)
    assert caught.value.name == "PERMISSION_DENIED"
    assert "groups of 10 or more" in caught.value.message


async def answers(text: str) -> list[tuple[object, ...]]:
    """What the embedded engine answers: line 1 has 10 claims, 2 has 9, 3 has 40 rows of one."""
    found = await plan(case("duckdb"), text)
    assert found.governed is not None
    with duckdb.connect() as lines:
        lines.execute(
            'CREATE TABLE "health.claims.lines:0" AS '
            "SELECT range AS claim_id, 1::INTEGER AS line, 5.0::DOUBLE AS amount FROM range(10) "
            "UNION ALL SELECT range, 2, 7.0 FROM range(9) "
            "UNION ALL SELECT 4, 3, 9.0 FROM range(40) "
            "UNION ALL SELECT NULL, 4, 9.0 FROM range(40)"
        )
        return lines.execute(found.governed.sql).fetchall()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT line, count(*) FROM lines GROUP BY line", [(1, 10)]),
        ("SELECT line FROM lines GROUP BY line HAVING count(*) > 1 OR line > 0", [(1,)]),
        ("SELECT line FROM lines WHERE amount > 4.5 AND line < BIGINT '9' GROUP BY line", [(1,)]),
        ("SELECT q.n FROM (SELECT line, count(*) AS n FROM lines GROUP BY line) AS q", [(10,)]),
        ("SELECT sum(amount) FROM lines", [(50.0 + 63.0 + 360.0 + 360.0,)]),
        ("SELECT sum(amount) FROM lines WHERE claim_id = 4", []),
        ("SELECT count(*) FROM lines WHERE line = 2", []),
        ("SELECT claim_id FROM lines GROUP BY claim_id", []),
        ("SELECT line FROM lines GROUP BY line EXCEPT SELECT 1", []),
    ],
)  # fmt: skip
async def test_smaller_groups_are_not_answered(text: str, expected: list[tuple[object, ...]]):
    assert await answers(text) == expected


async def test_statistics_of_such_a_statement_are_not_told():
    found = await plan(case("trino"), "SELECT count(*) FROM lines")
    assert found.restricted


def block(having: str, relations: int = 1) -> Block:
    return Block(relations, "l", tuple(tokens(having)))


@pytest.mark.parametrize(
    "having",
    [
        "",
        f"{LEAST} OR TRUE",
        f"NOT {LEAST}",
        f"TRUE BETWEEN FALSE AND ({LEAST})",
        f"CASE WHEN FALSE THEN {LEAST} ELSE TRUE END",
        f"({LEAST}) IS NULL",
        f"({LEAST}) = FALSE",
        f"(TRUE OR ({LEAST})) AND TRUE",
        'count(DISTINCT "l"."claim_id") >= 1',
        'count("l"."claim_id") >= 10',
        'count(DISTINCT "m"."claim_id") >= 10',
        'count(DISTINCT "l"."claim_id") <= 10',
        'count(DISTINCT "l"."claim_id") >= 10 - 9',
    ],
)
def test_verify_notices_a_group_that_is_not_kept(having: str):
    with pytest.raises(UnreadableError):
        check_group(block(having), "claim_id", 10, "trino")


@pytest.mark.parametrize("having", [LEAST, f"({LEAST})", f"{LEAST} AND (TRUE OR FALSE)"])
def test_verify_accepts_a_group_that_is_kept(having: str):
    check_group(block(having), "claim_id", 10, "trino")
    with pytest.raises(UnreadableError):
        check_group(block(having, relations=2), "claim_id", 10, "trino")


def scanned(kind: str) -> ResolvedQuery:
    """A query of groups over one column of that type."""
    name = TableName("lake", "sales", "x")
    held = (Column("id", DataType("bigint"), 0), Column("v", DataType.parse(kind), 1))
    table = Table(name, "sales", held)
    group = Obligation("min_group_size", (("entity", "id"), ("value", 3)), ("r",))
    columns = (ColumnDecision("id", "allow"), ColumnDecision("v", "allow"))
    about = TableDecision(name, "allow", columns, obligations=(group,))
    decision = replace(DECISION, tables={name: about})
    text = "SELECT v FROM lake.sales.x WHERE v > 1 GROUP BY v"
    return resolve(parse(text, DEFAULTS), decision, {name: table})


@pytest.mark.parametrize("kind", ["bigint", "decimal(38,18)", "varchar"])
def test_columns_that_can_be_compared(kind: str):
    assert "HAVING" in Printer().print(keep_groups(scanned(kind)).tree)


def test_columns_of_too_many_decimals_are_not():
    with pytest.raises(MeshgateError) as caught:
        keep_groups(scanned("decimal(38,19)"))
    assert caught.value.name == "PERMISSION_DENIED"


def test_entities_that_are_hidden_are_not_named():
    found = scanned("bigint")
    (scan,) = found.scans
    hidden = (ColumnDecision("id", "deny"), ColumnDecision("v", "allow"))
    about = replace(scan.decision, columns=hidden)
    with pytest.raises(MeshgateError) as caught:
        keep_groups(replace(found, scans=(replace(scan, decision=about),)))
    assert "'id'" not in caught.value.message
    assert "not shown to you" in caught.value.message


@pytest.mark.parametrize("kind", ["min_group_size", "require_filter"])
def test_obligations_of_what_no_scan_reads_are_not_forgotten(kind: str):
    found = scanned("bigint")
    name = TableName("lake", "sales", "around")
    asked = TableDecision(name, "allow", (), obligations=(Obligation(kind, ()),))
    decision = replace(found.decision, tables={**found.decision.tables, name: asked})
    with pytest.raises(MeshgateError) as caught:
        keep(replace(found, decision=decision))
    assert caught.value.name == "NOT_SUPPORTED"


def test_a_statement_whose_rows_are_not_counted_is_not_run():
    found = scanned("bigint")
    other = replace(found, statement=replace(found.statement, kind=Kind.PREPARE))
    with pytest.raises(MeshgateError) as caught:
        keep(other)
    assert caught.value.name == "NOT_SUPPORTED"
