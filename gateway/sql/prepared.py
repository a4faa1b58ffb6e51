"""Prepared statements: ``?`` becomes the constant it stands for, in the tree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlglot import exp

from gateway.errors import MeshgateError
from gateway.sql.allow import check_tree
from gateway.sql.binder import located
from gateway.sql.model import Defaults, Statement
from gateway.sql.parse import digest, parse
from gateway.sql.printer import Printer
from gateway.sql.statement import refuse_unpreparable
from gateway.sql.trees import copy_tree

_CALLS = {"nan": 0, "infinity": 0, "map": 2}
_INTEGERS = frozenset({"tinyint", "smallint", "integer", "bigint"})
_INNER = (exp.Paren, exp.Neg, exp.Array, exp.Tuple, exp.Cast)
_LEAVES = (exp.Literal, exp.HexString, exp.Boolean, exp.Null, exp.DataType, exp.Interval)


def parse_prepared(text: str, defaults: Defaults) -> Statement:
    """Read the text behind PREPARE or EXECUTE IMMEDIATE; nested ones are refused."""
    statement = parse(text, defaults)
    refuse_unpreparable(statement)
    return statement


def bind(statement: Statement, arguments: Sequence[exp.Expression]) -> Statement:
    """Put constants in the place of a statement's ``?``, each in parentheses.

    Raises:
        MeshgateError: INVALID_PARAMETER_USAGE (wrong count), NOT_SUPPORTED (no constant).

    """
    if len(arguments) != statement.parameters:
        raise MeshgateError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {statement.parameters} "
            f"but found {len(arguments)}",
        )
    for argument in arguments:
        check_constant(argument)
    if statement.tree is None or not arguments:
        return statement
    tree = copy_tree(statement.tree)
    for node in list(tree.find_all(exp.Placeholder)):
        _replace(node, arguments[node.meta["index"]])
    check_tree(tree)
    printer = Printer()
    spelled = "\0".join([statement.digest, *(printer.print(one) for one in arguments)])
    return replace(statement, digest=digest(spelled), tree=tree, parameters=0)


def bind_nulls(statement: Statement) -> Statement:
    """Put NULL in the place of every ``?`` (0 for a count): what DESCRIBE needs."""
    if statement.tree is None or not statement.parameters:
        return statement
    tree = copy_tree(statement.tree)
    for node in list(tree.find_all(exp.Placeholder)):
        count = isinstance(node.parent, (exp.Limit, exp.Offset))
        node.replace(exp.Literal(this="0", is_string=False) if count else exp.Null())
    spelled = f"{statement.digest}\0describe"
    return replace(statement, digest=digest(spelled), tree=tree, parameters=0)


def check_constant(argument: exp.Expression) -> None:
    """Refuse everything but literals and casts, ARRAY, MAP, ROW, nan(), infinity() of them."""
    stack = [argument]
    while stack:
        node = stack.pop()
        if isinstance(node, _LEAVES):
            continue
        call = isinstance(node, exp.Anonymous) and not node.meta.get("keyword")
        if call and len(node.expressions) == _CALLS.get(node.this.lower(), -1):
            stack.extend(node.expressions)
        elif isinstance(node, _INNER):
            stack.extend(child for child in node.iter_expressions() if child.arg_key != "to")
        else:
            raise located(
                node, "NOT_SUPPORTED", "a parameter must be a constant: put the rest into the query"
            )


def _replace(node: exp.Placeholder, argument: exp.Expression) -> None:
    constant = copy_tree(argument)
    if not isinstance(node.parent, (exp.Limit, exp.Offset)):
        constant = exp.Paren(this=constant)
    else:
        constant = _whole_number(node, constant)
    for inner in constant.walk():
        inner.meta["at"] = node.meta["at"]
    node.replace(constant)


def _whole_number(node: exp.Placeholder, constant: exp.Expression) -> exp.Expression:
    """``BIGINT '10'`` as a count; Trino refuses anything but whole numbers here."""
    typed = isinstance(constant, exp.Cast) and constant.args["to"].args["kind"] in _INTEGERS
    literal = constant.this if typed else constant
    whole = isinstance(literal, exp.Literal) and literal.args["is_string"] == typed
    if whole and literal.this.isascii() and literal.this.isdigit():
        return exp.Literal(this=literal.this, is_string=False)
    raise located(node, "TYPE_MISMATCH", "Query offset or limit must be a whole number")
