from __future__ import annotations

import pytest

from gateway.errors import MeshgateError
from gateway.sql.model import Kind
from gateway.sql.parse import parse
from gateway.sql.prepared import bind, bind_nulls, parse_prepared
from gateway.sql.printer import Printer
from tests.unit.sql.front import DEFAULTS


def bound(text: str, using: str) -> str:
    execute = parse(f"EXECUTE s USING {using}", DEFAULTS)
    statement = bind(parse_prepared(text, DEFAULTS), execute.arguments)
    assert statement.tree is not None
    assert statement.parameters == 0
    return Printer().print(statement.tree)


@pytest.mark.parametrize(
    "constant",
    [
        "1", "-1", "1.50", "1e3", "'it''s'", "TRUE", "NULL", "X'01ff'", "DATE '2020-01-01'",
        "DECIMAL '-1.5'", "TIMESTAMP '2020-01-01 00:00:00 UTC'", "DOUBLE 'NaN'", "nan()",
        "-infinity()", "CAST(NULL AS varchar)", "ARRAY[1, 2]", "map(ARRAY['a'], ARRAY[1])",
        "ROW(1, 'a')", "INTERVAL '1' DAY", "UUID '12151fd2-7586-11e9-8f9e-2a86e4085a59'",
        "ARRAY[ROW(1, CAST(-2 AS bigint))]", "(1)",
    ],
)  # fmt: skip
def test_constants_stand_in_parentheses(constant):
    assert bound("SELECT a = ? FROM t", constant) == f'SELECT "a" = ({constant}) FROM "t"'


def test_each_takes_its_own_in_the_order_of_the_text():
    text = "WITH w AS (SELECT ? x) SELECT ?, (SELECT ?) FROM w WHERE ? ORDER BY 1 OFFSET ? LIMIT ?"
    assert bound(text, "1, 2, 3, 4, 5, BIGINT '6'") == (
        'WITH "w" AS (SELECT (1) AS "x") SELECT (2), (SELECT (3)) FROM "w" WHERE (4) '
        "ORDER BY 1 OFFSET 5 LIMIT 6"
    )


def test_the_prepared_tree_is_not_changed():
    statement = parse_prepared("SELECT ?", DEFAULTS)
    one, two = (bind(statement, parse(f"EXECUTE s USING {n}", DEFAULTS).arguments) for n in "12")
    assert statement.parameters == 1
    assert Printer().print(statement.tree) == "SELECT ?"
    assert len({statement.digest, one.digest, two.digest}) == 3


def test_equal_values_of_other_spelling_have_other_digests():
    statement = parse_prepared("SELECT ?, ?", DEFAULTS)
    spellings = ["1, '1'", "'1', 1", "BIGINT '1', '1'", "'1', '1'", "'1'', ''1', ''"]
    digests = {
        bind(statement, parse(f"EXECUTE s USING {text}", DEFAULTS).arguments).digest
        for text in spellings
    }
    assert len(digests) == len(spellings)


@pytest.mark.parametrize(("using", "found"), [("1", 1), ("1, 2, 3", 3)])
def test_the_count_must_fit(using, found):
    with pytest.raises(MeshgateError) as caught:
        bound("SELECT ?, ?", using)
    assert caught.value.name == "INVALID_PARAMETER_USAGE"
    assert str(caught.value) == f"Incorrect number of parameters: expected 2 but found {found}"


@pytest.mark.parametrize(
    "expression",
    [
        "a", "1 + 1", "lower('a')", "(SELECT 1)", "current_user", "?", "x -> 1", "ARRAY[a]",
        "CAST((SELECT ssn FROM orders) AS varchar)", "nan(1)", "map()", "ROW(now())", "a.b",
        "CASE WHEN TRUE THEN 1 END", "EXISTS (SELECT 1)", "count(*)",
    ],
)  # fmt: skip
def test_only_constants_are_parameters(expression):
    with pytest.raises(MeshgateError, match="a parameter must be a constant"):
        bound("SELECT ?", expression)


@pytest.mark.parametrize("count", ["'1'", "-1", "1.5", "NULL", "ARRAY[1]", "DATE '2020-01-01'"])
def test_counts_are_whole_numbers(count):
    with pytest.raises(MeshgateError, match="must be a whole number"):
        bound("SELECT 1 LIMIT ?", count)


@pytest.mark.parametrize(
    "text", ["EXECUTE s", "EXECUTE IMMEDIATE 'SELECT 1'", "PREPARE a FROM SELECT 1",
             "DEALLOCATE PREPARE s", "DESCRIBE INPUT s", "DESCRIBE OUTPUT s"],
)  # fmt: skip
def test_prepared_commands_do_not_nest(text):
    with pytest.raises(MeshgateError, match="Invalid statement type for prepared statement"):
        parse_prepared(text, DEFAULTS)


def test_commands_can_be_prepared():
    statement = parse_prepared("SHOW TABLES", DEFAULTS)
    assert bind(statement, ()).kind is Kind.SHOW_TABLES


def test_describe_sees_nulls_and_no_rows():
    statement = bind_nulls(parse_prepared("SELECT ? + 1 LIMIT ?", DEFAULTS))
    assert Printer().print(statement.tree) == "SELECT NULL + 1 LIMIT 0"
    assert statement.parameters == 0
