"""``min_group_size``: no answer about fewer than so many entities.

The SELECT that reads such a table aggregates it alone, with count, sum and avg of bare
columns, and gets ``HAVING count(DISTINCT entity) >= value``. An engine may evaluate other
expressions of the statement before that HAVING, on groups it removes or on single rows, and
their errors would tell of them. So the whole statement is held to expressions that cannot
fail, listed here, and to literals short enough that no number overflows where types meet. It
joins nothing and reads no other table: a join can weigh one entity a thousandfold, and types
of other columns can be chosen to overflow. The difference of two answers is not prevented.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from types import MappingProxyType

from sqlglot import exp

from gateway.catalog.model import Column
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.policy.model import Obligation, TableDecision
from gateway.sql.binder import located
from gateway.sql.model import ResolvedQuery, Scan
from gateway.sql.shapes import constant, unwrapped
from gateway.sql.trees import copy_tree

MIN_GROUP = "min_group_size"
_AGGREGATES = frozenset({"count", "sum", "avg"})
_MOST_DECIMALS = 18
_NUMBER = re.compile(r"[0-9]{0,18}(?:\.[0-9]{0,6})?(?:[eE][+-]?[0-9]{1,3})?")
_TYPED = frozenset(
    """
    bigint boolean date double integer real smallint timestamp tinyint uuid varchar
    """.split()  # noqa: SIM905 - a word list reads better as words
) | {"timestamp with time zone"}
_ADVICE = (
    "read it alone in one SELECT with GROUP BY of bare columns and count, sum or avg of bare "
    "columns; around it order and compare with short literals only, without joins or other tables"
)


def keep_groups(resolved: ResolvedQuery) -> ResolvedQuery:
    """The statement with a HAVING on every SELECT that reads such a table.

    Raises:
        MeshgateError: PERMISSION_DENIED, at the first part that could tell of smaller groups.

    """
    wanted = {scan.index: found for scan in resolved.scans if (found := _obligations(scan))}
    if not wanted:
        return resolved
    scans = {scan.index: scan for scan in resolved.scans}
    first = scans[min(wanted)]
    if len(wanted) < len(scans):
        raise _denied(resolved.tree, first, wanted[first.index])
    tree = copy_tree(resolved.tree)
    for node in tree.find_all(exp.Expression):
        if not _harmless(node):
            raise _denied(node, first, wanted[first.index])
    left = set(wanted)
    for select in list(tree.find_all(exp.Select)):
        index = _reads(select)
        if index in left:
            scan, obligations = scans[index], wanted[index]
            _check_block(select, scan, obligations)
            _guard(select, scan, obligations)
            left.discard(index)
    if left:
        scan = scans[min(left)]
        raise _denied(tree, scan, wanted[scan.index])
    kept = tuple(_counting(scan, wanted.get(scan.index, ())) for scan in resolved.scans)
    return replace(resolved, tree=tree, scans=kept)


def entities(decision: TableDecision) -> tuple[str, ...]:
    """The columns whose distinct values make a group large enough."""
    found = (one for one in decision.obligations if one.kind == MIN_GROUP)
    return tuple(str(dict(one.params)["entity"]) for one in found)


def _obligations(scan: Scan) -> tuple[Obligation, ...]:
    return tuple(one for one in scan.decision.obligations if one.kind == MIN_GROUP)


def _denied(
    node: exp.Expression, scan: Scan, obligations: tuple[Obligation, ...], why: str = _ADVICE
) -> MeshgateError:
    rules = ", ".join(name for one in obligations for name in one.rules) or "a policy"
    least = max(dict(one.params)["value"] for one in obligations)
    return located(
        node,
        "PERMISSION_DENIED",
        f"Access Denied: Cannot select from table {scan.table.name}: {rules} allows it only in "
        f"groups of {least} or more: {why}",
    )


def _counting(scan: Scan, obligations: tuple[Obligation, ...]) -> Scan:
    """The scan, which reads the entities too."""
    names = {*scan.used, *(entities(scan.decision) if obligations else ())}
    return replace(scan, used=tuple(c.name for c in scan.table.columns if c.name in names))


def _reads(select: exp.Select) -> int:
    """The scan a SELECT's FROM begins with; -1 for any other."""
    from_ = select.args.get("from_")
    relation = from_.this if from_ is not None else None
    return int(relation.meta.get("scan", -1)) if isinstance(relation, exp.Table) else -1


def _check_block(select: exp.Select, scan: Scan, obligations: tuple[Obligation, ...]) -> None:
    for entity in entities(scan.decision):
        about = scan.decision.column(entity)
        if about is None or about.effect not in {"allow", "mask"}:
            why = "what is counted is not shown to you; ask its steward"
            raise _denied(select, scan, obligations, why)
    if scan.ref.version is not None or select.args.get("distinct"):
        raise _denied(select, scan, obligations)
    if any(_fine(column) for column in scan.table.columns if column.name in scan.used):
        raise _denied(select, scan, obligations, "a column of it has too many decimals to compare")
    keys = _keys(select)
    for item in select.expressions:
        value = unwrapped(item.unalias())
        if not (_aggregate(value) or constant(value) or _name(value) in keys):
            raise _denied(item, scan, obligations)


def _keys(select: exp.Select) -> set[str]:
    """The bare columns a SELECT groups by; a number stands for an item of its list."""
    group = select.args.get("group")
    found = set()
    for item in group.expressions if group is not None else ():
        if isinstance(item, exp.Literal):
            item = unwrapped(select.expressions[int(item.this) - 1].unalias())  # noqa: PLW2901
        found.add(_name(unwrapped(item)))
    return found - {""}


def _name(node: exp.Expression) -> str:
    return str(node.meta.get("column", "")) if isinstance(node, exp.Column) else ""


def _guard(select: exp.Select, scan: Scan, obligations: tuple[Obligation, ...]) -> None:
    """Put the smallest group before the statement's own HAVING, which keeps its brackets."""
    terms = [_least(scan, one) for one in obligations]
    having = select.args.get("having")
    if having is not None:
        terms.append(exp.Paren(this=having.this))
    condition = reduce(lambda left, right: exp.And(this=left, expression=right), terms)
    select.set("having", exp.Having(this=condition))


def _least(scan: Scan, obligation: Obligation) -> exp.Expression:
    params = dict(obligation.params)
    column = exp.Column(
        this=exp.Identifier(this=params["entity"], quoted=True),
        table=exp.Identifier(this=scan.alias, quoted=True),
    )
    column.meta.update(source=("scan", scan.index), column=params["entity"])
    count = exp.Anonymous(this="count", expressions=[exp.Distinct(expressions=[column])])
    return exp.GTE(this=count, expression=exp.Literal(this=str(params["value"]), is_string=False))


def _harmless(node: exp.Expression) -> bool:
    """Whether an expression is one of the listed kinds, in a form that cannot fail."""
    keys = _NODES.get(type(node))
    if keys is None:
        return False
    given = {
        key
        for key, value in node.args.items()
        if value is not None and value is not False and value != []
    }
    check = _CHECKS.get(type(node))
    return given <= keys and (check is None or check(node))


def _aggregate(node: exp.Expression) -> bool:
    return isinstance(node, exp.Anonymous)


def _fine(column: Column) -> bool:
    """Whether a decimal has so many digits behind the point that few are left before it."""
    kind = column.type
    return kind.base == "decimal" and (kind.params[1:] or (0,))[0] > _MOST_DECIMALS


def _short(node: exp.Expression) -> bool:
    """Whether a literal has so few digits that every type it meets can hold it."""
    return node.is_string or _NUMBER.fullmatch(node.this) is not None


def _typed(node: exp.Expression) -> bool:
    """Whether it is a typed literal; a DECIMAL is as short as other numbers."""
    if not constant(node):
        return False
    base = DataType.parse(node.args["to"].args["kind"]).base
    if base == "decimal":
        return _NUMBER.fullmatch(node.this.this.strip().lstrip("+-")) is not None
    return base in _TYPED


def _value(node: exp.Expression) -> bool:
    return isinstance(unwrapped(node), (exp.Column, exp.Anonymous))


def _call(node: exp.Expression) -> bool:
    """``count(*)``, or count, sum and avg of one bare column; DISTINCT for count alone."""
    name = node.this.lower()
    if name not in _AGGREGATES or len(node.expressions) != 1 or node.meta.get("keyword"):
        return False
    (argument,) = node.expressions
    if name == "count" and isinstance(argument, exp.Distinct):
        return len(argument.expressions) == 1 and isinstance(argument.expressions[0], exp.Column)
    return isinstance(argument, exp.Column) or (name == "count" and isinstance(argument, exp.Star))


def _comparison(node: exp.Expression) -> bool:
    one, other = node.this, node.expression
    return (_value(one) and constant(other)) or (constant(one) and _value(other))


def _listed(node: exp.Expression) -> bool:
    return _value(node.this) and all(map(constant, node.expressions))


def _ranged(node: exp.Expression) -> bool:
    return _value(node.this) and constant(node.args["low"]) and constant(node.args["high"])


def _grouped(node: exp.Expression) -> bool:
    return all(isinstance(unwrapped(item), (exp.Column, exp.Literal)) for item in node.expressions)


def _relation(node: exp.Expression) -> bool:
    """A sub-query as a relation or an operand: never inside an expression."""
    place = node.parent
    return place is None or isinstance(place, (exp.From, exp.SetOperation, exp.Subquery, exp.CTE))


def _pattern(node: exp.Expression) -> bool:
    pattern = unwrapped(node.expression)
    text = isinstance(pattern, exp.Literal) and pattern.is_string
    return text and isinstance(unwrapped(node.this), exp.Column)


_TAIL = frozenset({"with_", "order", "limit", "offset"})
_BOTH = frozenset({"this", "expression"})
_ONE = frozenset({"this"})
_SET = _TAIL | _BOTH | {"distinct"}
_SELECT = frozenset({"expressions", "distinct", "from_", "where", "group", "having"})
_NODES: Mapping[type[exp.Expression], frozenset[str]] = MappingProxyType(
    {
        exp.Select: _TAIL | _SELECT,
        exp.Union: _SET,
        exp.Intersect: _SET,
        exp.Except: _SET,
        exp.Subquery: _TAIL | {"this", "alias"},
        exp.With: frozenset({"expressions"}),
        exp.CTE: frozenset({"this", "alias"}),
        exp.TableAlias: frozenset({"this", "columns"}),
        exp.From: _ONE,
        exp.Table: frozenset({"this", "db", "catalog", "alias"}),
        exp.Where: _ONE,
        exp.Having: _ONE,
        exp.Group: frozenset({"expressions"}),
        exp.Order: frozenset({"expressions"}),
        exp.Ordered: frozenset({"this", "desc", "nulls_first"}),
        exp.Limit: frozenset({"expression"}),
        exp.Offset: frozenset({"expression"}),
        exp.Distinct: frozenset({"expressions"}),
        exp.Alias: frozenset({"this", "alias"}),
        exp.Identifier: frozenset({"this", "quoted"}),
        exp.Column: frozenset({"this", "table"}),
        exp.Star: frozenset(),
        exp.Literal: frozenset({"this", "is_string"}),
        exp.Null: frozenset(),
        exp.Boolean: _ONE,
        exp.Paren: _ONE,
        exp.Neg: _ONE,
        exp.Not: _ONE,
        exp.And: _BOTH,
        exp.Or: _BOTH,
        **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _BOTH),
        exp.Like: _BOTH,
        exp.Is: _BOTH,
        exp.Between: frozenset({"this", "low", "high"}),
        exp.In: frozenset({"this", "expressions"}),
        exp.Cast: frozenset({"this", "to"}),
        exp.DataType: frozenset({"this", "kind"}),
        exp.Anonymous: frozenset({"this", "expressions"}),
    }
)
_CHECKS: Mapping[type[exp.Expression], Callable[[exp.Expression], bool]] = MappingProxyType(
    {
        exp.Select: _relation,
        exp.Subquery: _relation,
        exp.Group: _grouped,
        exp.Anonymous: _call,
        exp.Neg: constant,
        exp.Cast: _typed,
        exp.Literal: _short,
        **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), _comparison),
        exp.Like: _pattern,
        exp.Is: lambda node: _value(node.this),
        exp.Between: _ranged,
        exp.In: _listed,
    }
)
