from __future__ import annotations

from dataclasses import replace

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.engines.tokenfns import arrow_function, holds, register, selftest
from gateway.tokens.codec import Mac, render
from gateway.tokens.names import SHAPES
from gateway.tokens.selftest import known_function, vectors

SHOWING = (
    "EXPLAIN SELECT mg_t(x) FROM (VALUES ('a')) t(x) WHERE mg_t(x) <> 'y' ORDER BY 1",
    "EXPLAIN ANALYZE SELECT count(*) FROM (VALUES ('a')) t(x) GROUP BY mg_t(x)",
    "SELECT * FROM duckdb_functions() WHERE function_name = 'mg_t'",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_logs()",
    "SELECT mg_t('a'), mg_t(NULL)",
)
FAILING = ("SELECT mg_t(1, 2)", "SELECT CAST(mg_t('a') AS INTEGER)", "SELECT mg_t(1, error('x'))")
CANARY = "c0ffee" * 10 + "abcd"


def test_all_vectors_through_the_production_functions() -> None:
    assert selftest()


def test_a_wrong_key_is_found_by_its_fingerprint() -> None:
    function = known_function(vectors()[0], "text")
    assert holds(function)

    class Claims(type(function.key)):
        fingerprint = "000000000000"

    key = Claims("member", 1, "token", function.key.secret)
    assert not holds(replace(function, key=key))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), max_size=30))
@pytest.mark.parametrize("shape", SHAPES)
def test_the_arrow_function_is_the_codec(shape: str, values: list[str]) -> None:
    function = known_function(vectors()[0], shape)
    mac = Mac(function.key.secret)
    said = arrow_function(function)(pa.array(values, pa.string())).to_pylist()
    assert said == [render(mac.digest(v.encode()), shape, "mbr", 1) for v in values]


def database(function) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    register(connection, function)
    return connection


@pytest.mark.parametrize("shape", SHAPES)
def test_nulls_have_no_token_and_types_are_kept(shape: str) -> None:
    function = replace(known_function(vectors()[0], shape), name="mg_t")
    connection = database(function)
    sql = "SELECT mg_t(x), typeof(mg_t(x)) FROM (VALUES (NULL), ('a'), (NULL), ('a'), ('b')) t(x)"
    rows = connection.execute(sql).fetchall()
    assert [row[0] is None for row in rows] == [True, False, True, False, False]
    assert rows[1] == rows[3]
    assert {row[1] for row in rows} == {function.returns}


def test_the_key_is_in_no_plan_catalog_setting_or_error() -> None:
    function = known_function(vectors()[0], "text")
    key = replace(function.key, secret=CANARY.encode())
    connection = database(replace(function, name="mg_t", key=key))
    texts = [str(connection.execute(sql).fetchall()) for sql in SHOWING]
    for sql in FAILING:
        with pytest.raises(duckdb.Error) as caught:
            connection.execute(sql).fetchall()
        texts.append(str(caught.value))
    everything = "".join("".join(texts).split()).lower()
    assert "mg_t" in everything
    for form in (CANARY, CANARY.encode().hex(), "YzBmZmVl".lower()):
        assert form not in everything
