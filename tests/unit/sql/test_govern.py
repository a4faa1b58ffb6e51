"""The only maker of governed text: what it checks before the verifier, and how it fails."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.sql import govern as module
from gateway.sql.govern import govern
from gateway.sql.model import GovernedQuery, Kind
from gateway.sql.printer import Printer
from tests.unit.sql.pipeline import DOMAINS, SALT, resolved

ENGINES = ["trino", "duckdb"]
JOINED = (
    "SELECT o.id, count(*) AS c FROM orders AS o JOIN items AS i ON i.order_id = o.id "
    "WHERE o.total > 5 AND i.sku <> 'x' GROUP BY o.id ORDER BY c LIMIT 3"
)


def refused(found: Any, engine: Any = "trino", salt: str = SALT) -> MeshgateError:
    with pytest.raises(MeshgateError) as raised:
        govern(found, engine, DOMAINS, salt)
    return raised.value


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_governed_query_carries(engine):
    found = govern(resolved(JOINED), engine, DOMAINS, SALT)
    assert isinstance(found, GovernedQuery)
    assert (found.engine, found.kind, found.ordered) == (engine, Kind.QUERY, True)
    assert [str(name) for name in found.tables] == ["lake.sales.orders", "lake.sales.items"]
    assert [output.name for output in found.outputs] == ["id", "c"]
    assert found.restricted
    assert found.decision_fingerprint == resolved(JOINED).decision.fingerprint


@pytest.mark.parametrize("engine", ENGINES)
def test_unrestricted_tables_make_an_unrestricted_query(engine):
    assert not govern(resolved("SELECT sku FROM items"), engine, DOMAINS, SALT).restricted
    assert not govern(resolved("SELECT id FROM orders", "owner"), engine, DOMAINS, SALT).restricted


def test_types_are_known_on_duckdb():
    found = govern(resolved("SELECT id, total FROM orders"), "duckdb", DOMAINS, SALT)
    assert [output.type.text() for output in found.outputs if output.type] == [
        "bigint",
        "decimal(12, 2)",
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_private_alias_is_one_the_statement_does_not_use(engine):
    sql = 'SELECT "$g".id AS "$G1" FROM orders AS "$g"'
    assert '"$g2"."id" AS "id"' in govern(resolved(sql), engine, DOMAINS, SALT).sql


@pytest.mark.parametrize("engine", ENGINES)
def test_any_defect_is_a_refusal_that_tells_nothing(engine, monkeypatch):
    def defect(*_: Any) -> str:
        raise KeyError("secret detail")

    monkeypatch.setattr(module, "secured", defect)
    error = refused(resolved(JOINED), engine)
    assert error.name == "GENERIC_INTERNAL_ERROR"
    assert "secret" not in error.message


@pytest.mark.parametrize("engine", ENGINES)
def test_a_denied_column_is_never_written(engine):
    found = resolved("SELECT id FROM orders")
    scan = found.scans[0]
    columns = tuple(
        replace(c, effect="deny") if c.name == "id" else c for c in scan.decision.columns
    )
    denied = replace(scan, decision=replace(scan.decision, columns=columns))
    assert refused(replace(found, scans=(denied,)), engine).name == "GENERIC_INTERNAL_ERROR"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_column_the_table_does_not_have_is_never_written(engine):
    found = resolved("SELECT id FROM orders")
    scan = replace(found.scans[0], used=("nope",))
    assert refused(replace(found, scans=(scan,)), engine).name == "GENERIC_INTERNAL_ERROR"


def test_too_long_a_text_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_GOVERNED_BYTES", 100)
    assert refused(resolved(JOINED)).name == "QUERY_TEXT_TOO_LARGE"


CLAUSES = ["where", "joins", "group", "order", "limit"]


def _without(node: exp.Expression, key: str) -> exp.Expression:
    copy = node.copy()
    copy.set(key, None)
    return copy


@pytest.mark.parametrize("clause", CLAUSES)
def test_accounting_notices_a_clause_the_printer_drops(clause, monkeypatch):
    kept = Printer.print

    def dropping(self: Printer, node: Any) -> str:
        broken = isinstance(node, exp.Select) and node.args.get(clause)
        return kept(self, _without(node, clause) if broken else node)

    monkeypatch.setattr(Printer, "print", dropping)
    error = refused(resolved(JOINED))
    assert error.audit["defect"] == "AccountingError"


@pytest.mark.parametrize(
    ("made", "instead"),
    [
        (" > ", " < "),
        ("5", "6"),
        ("'x'", "'y'"),
        ("count(*)", "count(1)"),
        ("ORDER BY", "ORDER BY 1,"),
        ("INNER", "LEFT"),
        ('"c"', '"d"'),
    ],
)
def test_accounting_notices_any_other_word(made, instead, monkeypatch):
    kept = module.print_trino

    def printed(found: Any, secured: Any) -> str:
        text = kept(found, secured)
        assert made in text
        return text.replace(made, instead)

    monkeypatch.setattr(module, "print_trino", printed)
    error = refused(resolved(JOINED))
    assert error.audit["defect"] == "AccountingError"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_verifier_has_the_last_word(engine, monkeypatch):
    def never(*_: Any) -> None:
        raise MeshgateError("GENERIC_INTERNAL_ERROR", "no", audit={"verify": "no"})

    monkeypatch.setattr(module, "verify", never)
    assert refused(resolved(JOINED), engine).audit == {"verify": "no"}
