"""Trino's types: literals, common super types, decimals, functions."""

from __future__ import annotations

import pytest

from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.sql.types import annotate
from gateway.sql.typing_rules import arithmetic, coercible, common_type
from tests.oracle.embedded import Embedded, table

_COLUMNS = [("i", "integer"), ("d", "decimal(15,2)"), ("s", "varchar"), ("t", "timestamp(6)")]
_ENGINE = Embedded({"k": (table("k", _COLUMNS), None)})


def types(sql: str) -> list[str]:
    return [kind.compact() for kind in annotate(_ENGINE.resolved(sql)).outputs]


def parse(text: str) -> DataType:
    return DataType.parse(text)


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ("integer", "bigint", "bigint"),
        ("integer", "decimal(3,1)", "decimal(11,1)"),
        ("bigint", "real", "real"),
        ("decimal(38,0)", "decimal(3,2)", "decimal(38,2)"),
        ("varchar(3)", "varchar(5)", "varchar(5)"),
        ("varchar(3)", "varchar", "varchar"),
        ("date", "timestamp(0)", "timestamp(0)"),
        ("array(integer)", "array(double)", "array(double)"),
        ("integer", "varchar", None),
        ("boolean", "integer", None),
    ],
)
def test_common_super_type_is_the_same_both_ways(one, other, common):
    expected = parse(common) if common else None
    assert common_type(parse(one), parse(other)) == expected
    assert common_type(parse(other), parse(one)) == expected


def test_coercion_goes_one_way():
    assert coercible(parse("integer"), parse("bigint"))
    assert not coercible(parse("bigint"), parse("integer"))


@pytest.mark.parametrize(
    ("operator", "one", "other", "result"),
    [
        ("+", "decimal(1,1)", "decimal(1,1)", "decimal(2,1)"),
        ("*", "decimal(3,2)", "decimal(2,1)", "decimal(5,3)"),
        ("/", "decimal(4,2)", "decimal(3,2)", "decimal(6,2)"),
        ("/", "decimal(38,2)", "decimal(38,2)", "decimal(38,2)"),
        ("%", "decimal(3,2)", "decimal(2,1)", "decimal(3,2)"),
    ],
)
def test_decimal_results(operator, one, other, result):
    assert arithmetic(operator, parse(one), parse(other)) == parse(result)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("1", "integer"),
        ("3000000000", "bigint"),
        ("-2147483648", "integer"),
        ("1.50", "decimal(3,2)"),
        ("1e0", "double"),
        ("'abc'", "varchar(3)"),
        ("i + 1", "integer"),
        ("d * d", "decimal(30,4)"),
        ("sum(d)", "decimal(38,2)"),
        ("avg(d)", "decimal(15,2)"),
        ("count(*)", "bigint"),
        ("substr('abcdef', 2)", "varchar(6)"),
        ("concat(s, 'x')", "varchar"),
        ("round(d, 1)", "decimal(16,2)"),
        ("date_trunc('hour', t)", "timestamp(6)"),
        ("transform(array[1, 2], x -> x * 1.5)", "array(decimal(12,1))"),
    ],
)
def test_expression_types(expression, kind):
    assert types(f"SELECT {expression} FROM k") == [kind]


@pytest.mark.parametrize(
    ("sql", "name"),
    [
        ("SELECT i = s FROM k", "TYPE_MISMATCH"),
        ("SELECT length(i) FROM k", "FUNCTION_NOT_FOUND"),
        ("SELECT i, s FROM k GROUP BY i", "EXPRESSION_NOT_AGGREGATE"),
        ("SELECT sum(count(*)) FROM k", "NESTED_AGGREGATION"),
        ("SELECT 1 FROM k WHERE sum(i) > 1", "EXPRESSION_NOT_SCALAR"),
        ("SELECT 1 FROM k WHERE i", "TYPE_MISMATCH"),
        ("SELECT 1 UNION SELECT 'a'", "TYPE_MISMATCH"),
        ("SELECT rank() FROM k", "MISSING_OVER"),
        ("SELECT cast(t AS integer) FROM k", "TYPE_MISMATCH"),
        ("SELECT date '2024-02-30'", "INVALID_LITERAL"),
    ],
)
def test_errors_bear_trinos_names(sql, name):
    with pytest.raises(MeshgateError) as caught:
        types(sql)
    assert caught.value.name == name
