"""``min_group_size``: no answer about fewer than so many entities.

The SELECT that reads such a table aggregates it alone, with count, sum and avg of bare
columns, and gets ``HAVING count(DISTINCT entity) >= value``. An engine may evaluate other
expressions of the statement before that HAVING, on groups it removes or on single rows, and
their errors would tell of them. So the whole statement is held to expressions that cannot
fail (``harmless``) and to literals short enough that no number overflows where types meet. It
joins nothing and reads no other table: a join can weigh one entity a thousandfold, and types
of other columns can be chosen to overflow. The difference of two answers is not prevented.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

from sqlglot import exp

from gateway.catalog.model import Column
from gateway.errors import MeshgateError
from gateway.policy.model import Obligation, TableDecision
from gateway.sql.binder import located
from gateway.sql.harmless import harmless
from gateway.sql.model import ResolvedQuery, Scan
from gateway.sql.shapes import constant, unwrapped
from gateway.sql.trees import copy_tree

MIN_GROUP = "min_group_size"
_MOST_DECIMALS = 18
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
        if not harmless(node):
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
        if not (isinstance(value, exp.Anonymous) or constant(value) or _name(value) in keys):
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


def _fine(column: Column) -> bool:
    """Whether a decimal has so many digits behind the point that few are left before it."""
    kind = column.type
    return kind.base == "decimal" and (kind.params[1:] or (0,))[0] > _MOST_DECIMALS
