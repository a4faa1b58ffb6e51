"""Breaks each module that writes governed text; goldens, oracle and verify each notice alone.

A mutant drops a row filter, a mask, a whole secured sub-query or the barrier. Each detector
sees the mutant's text by itself: the golden text of the unbroken writers, the rows of the
text on raw tables (scan filter off) against rows governed by hand, and the verifier.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.policy.model import CompoundCondition
from gateway.sql import conditions, govern, inject, masks, tokenmasks, trino
from gateway.sql.verify import verify
from tests.golden.cases import files, read
from tests.unit.sql.pipeline import DOMAINS, SALT, SHOP, resolved
from tests.unit.sql.shopdata import RAW, answer, database, governed_rows

Patch = Callable[[pytest.MonkeyPatch], None]
FILTERED = "SELECT total, id FROM orders"
NULLED = "SELECT id, note FROM orders"
TOKENS = "SELECT id, customer_id FROM orders"
AUDITED = "SELECT id, total FROM orders"
PLAIN = re.compile(r" WHERE .*?(?=\) AS )")
NULL_COLUMN = re.compile(r'CAST\(NULL AS varchar\) AS ("note")', re.IGNORECASE)


def _secured_with(change: Callable[[str, Any], str]) -> Patch:
    """Change the text of every secured sub-query where inject makes it."""
    made = inject.secured

    def changed(scan: Any, *rest: Any) -> str:
        return change(made(scan, *rest), scan)

    return lambda patch: patch.setattr(govern, "secured", changed)


def _in_printer(change: Callable[[str, Any], str]) -> Patch:
    """Change what the Trino printer puts at a scan."""
    kept = trino._TrinoPrinter.table

    def table(self: Any, node: Any) -> str:
        return change(kept(self, node), self._scans[node.meta["scan"]])

    return lambda patch: patch.setattr(trino._TrinoPrinter, "table", table)


def _in_translate(change: Callable[[str, Any], str]) -> Patch:
    """Change what the DuckDB translation puts at a scan."""
    kept = govern.translate

    def translate(found: Any, secured: Callable[[Any], str]) -> Any:
        return kept(found, lambda scan: change(secured(scan), scan))

    return lambda patch: patch.setattr(govern, "translate", translate)


def _no_filter(text: str, _: Any) -> str:
    return PLAIN.sub("", text)


def _no_mask(text: str, _: Any) -> str:
    return NULL_COLUMN.sub(r'"$g".\1 AS \1', text)


def _raw_table(text: str, scan: Any) -> str:
    engine = "trino" if f"FROM {scan.table.name.quoted()}" in text else "duckdb"
    return f"{inject.base_table(scan, engine)} AS {quote(scan.alias)}"


def _set(module: Any, name: str, value: Any) -> Patch:
    return lambda patch: patch.setattr(module, name, value)


def _template(kind: str) -> Patch:
    return lambda patch: patch.setitem(masks._TEMPLATES, kind, lambda _, __, w: w.x)


def _inverted(condition: Any, place: Any) -> str:
    assert not isinstance(condition, CompoundCondition)
    return conditions._field(replace(condition, operator="nin"), place)


def _unmasked(_: Any, column: Any, place: Any) -> str:
    return f"{quote(place.alias)}.{quote(column.name)}"


def _unfiltered(scan: Any, *rest: Any) -> str:
    return inject.secured(replace(scan, decision=replace(scan.decision, row_filter=None)), *rest)


def _raw_token(column: Any, w: Any) -> str:
    return tokenmasks._present(column, w.place.token_domains[column.token_domain], w)


T, D = ("trino",), ("duckdb",)
MUTANTS = [
    ("inject drops the filter", _set(govern, "secured", _unfiltered), FILTERED, T + D),
    ("inject drops the filter's text", _secured_with(_no_filter), FILTERED, T + D),
    ("inject drops a mask", _set(inject, "masked", _unmasked), NULLED, T + D),
    ("inject drops the sub-query", _secured_with(_raw_table), FILTERED, T + D),
    ("conditions lets every row pass", _set(inject, "where", lambda *_: "TRUE"), FILTERED, T + D),
    ("conditions inverts a filter", _set(conditions, "_render", _inverted), FILTERED, T + D),
    ("masks shows the column", _template("replace-with-null"), NULLED, T + D),
    ("masks shows the column for a token", _template("token"), TOKENS, D),
    ("tokens show the canonical value", _set(masks, "token", _raw_token), TOKENS, D),
    ("the Trino printer drops the filter", _in_printer(_no_filter), FILTERED, T),
    ("the Trino printer drops a mask", _in_printer(_no_mask), NULLED, T),
    ("the Trino printer drops the sub-query", _in_printer(_raw_table), FILTERED, T),
    ("the translation to DuckDB drops the filter", _in_translate(_no_filter), FILTERED, D),
    ("the translation to DuckDB drops a mask", _in_translate(_no_mask), NULLED, D),
    ("the translation to DuckDB drops the sub-query", _in_translate(_raw_table), FILTERED, D),
]
CASES = [(p, sql, e) for _, p, sql, engines in MUTANTS for e in engines]
NAMES = [f"{name} ({engine})" for name, _, _, engines in MUTANTS for engine in engines]


@cache
def golden(sql: str, engine: str, principal: str = "eu_analyst") -> str:
    """The reviewed text of a statement of world shop."""
    wanted = {"world": "shop", "as": principal, "engine": engine}
    found = [
        case.expected
        for path in files()
        for case in read(path)
        if case.text == sql and case.options == wanted
    ]
    assert len(found) == 1
    return found[0]


def written(sql: str, engine: Any, patch: Patch | None, principal: str = "eu_analyst") -> str:
    """What the broken writers make, with nothing checking it."""
    with pytest.MonkeyPatch.context() as context:
        context.setattr(govern, "verify", lambda *_: None)
        context.setattr(govern, "_check_versions", lambda *_: None)
        context.setattr(govern, "account", lambda *_: None)
        if patch:
            patch(context)
        return govern.govern(resolved(sql, principal), engine, DOMAINS, SALT).sql


def verified(sql: str, text: str, engine: Any, principal: str = "eu_analyst") -> None:
    """Let the verifier alone judge a text."""
    found = resolved(sql, principal)
    tables = {scan.table.name: scan.table for scan in found.scans}
    verify(text, engine, found.decision, tables, DOMAINS, SALT)


@pytest.fixture(scope="module")
def raw():
    con = database(RAW, [SHOP.snapshot.tables[name] for name in RAW])
    yield con
    con.close()


@pytest.fixture(scope="module")
def by_hand():
    con = database(governed_rows("eu_analyst"), [SHOP.snapshot.tables[name] for name in RAW])
    yield con
    con.close()


@pytest.mark.parametrize(("patch", "sql", "engine"), CASES, ids=NAMES)
def test_goldens_notice(patch, sql, engine):
    assert written(sql, engine, None) == golden(sql, engine)
    assert written(sql, engine, patch) != golden(sql, engine)


@pytest.mark.parametrize(("patch", "sql", "engine"), CASES, ids=NAMES)
def test_the_oracle_notices(raw, by_hand, patch, sql, engine):
    wanted = answer(by_hand, sql)
    assert answer(raw, written(sql, engine, None)) == wanted
    assert answer(raw, written(sql, engine, patch)) != wanted


@pytest.mark.parametrize(("patch", "sql", "engine"), CASES, ids=NAMES)
def test_verify_notices(patch, sql, engine):
    verified(sql, written(sql, engine, None), engine)
    with pytest.raises(MeshgateError) as raised:
        verified(sql, written(sql, engine, patch), engine)
    assert raised.value.name == "GENERIC_INTERNAL_ERROR"


@pytest.mark.parametrize(("patch", "sql", "engine"), CASES, ids=NAMES)
def test_govern_makes_nothing_of_a_mutant(patch, sql, engine, monkeypatch):
    patch(monkeypatch)
    with pytest.raises(MeshgateError) as raised:
        govern.govern(resolved(sql), engine, DOMAINS, SALT)
    assert raised.value.name == "GENERIC_INTERNAL_ERROR"


BARRIERS = [
    ("conditions calls every filter plain", _set(conditions, "is_plain", lambda *_: True)),
    ("inject drops the barrier", _set(inject, "where", conditions.render)),
    (
        "the Trino printer drops the barrier",
        _in_printer(lambda text, _: re.sub(r" AND CASE WHEN .* END", "", text)),
    ),
    (
        "conditions guards with a function that is never negative",
        _set(conditions, "_RANDOM", '"system"."builtin".e()'),
    ),
]


@pytest.mark.parametrize(
    "patch", [patch for _, patch in BARRIERS], ids=[name for name, _ in BARRIERS]
)
def test_a_dropped_barrier_is_noticed_by_goldens_and_verify(patch):
    assert written(AUDITED, "trino", None, "auditor") == golden(AUDITED, "trino", "auditor")
    text = written(AUDITED, "trino", patch, "auditor")
    assert text != golden(AUDITED, "trino", "auditor")
    with pytest.raises(MeshgateError):
        verified(AUDITED, text, "trino", "auditor")
