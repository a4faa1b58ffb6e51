"""Calls: find the signature, then write its DuckDB form."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from gateway.datatypes import DataType
from gateway.sql.duckdb_aggregates import aggregate, windowed
from gateway.sql.duckdb_scope import lambda_name
from gateway.sql.duckdb_special import RETURNS, SPECIAL, WHOLE_CALLS
from gateway.sql.duckdb_terms import Term, at_node, duck_type, raising, unsupported
from gateway.sql.duckdb_writer import Rule, Writer, coerce
from gateway.sql.functions import FUNCTIONS, SIGNATURES
from gateway.sql.signatures import Bindings, Pattern, Signature, build, match, more_specific
from gateway.sql.typing_rules import FLOATS, coercible

Found = tuple[Signature, tuple[DataType | None, ...], Bindings]


def call(writer: Writer, node: exp.Expression) -> Term:
    """Write a scalar or aggregate call."""
    name = str(node.this).lower()
    known = FUNCTIONS.get(name)
    if known is None:
        raise at_node("FUNCTION_NOT_FOUND", f"Function '{name}' not registered", node)
    if known.refused_because:
        raise unsupported(f"function {name}", node)
    if known.kind == "window":
        raise at_node("MISSING_OVER", f"Window function {name} requires an OVER clause", node)
    if known.kind == "aggregate":
        return aggregate(writer, node)
    whole = WHOLE_CALLS.get(name)
    if whole is not None:
        return whole(writer, node)
    if any(isinstance(item, (exp.Distinct, exp.Order, exp.Star)) for item in node.expressions):
        raise at_node("FUNCTION_NOT_AGGREGATE", f"{name} is not an aggregate function", node)
    return _scalar(writer, node, name)


def _scalar(writer: Writer, node: exp.Expression, name: str) -> Term:
    signatures = SIGNATURES.get(name)
    if signatures is None:
        raise unsupported(f"function {name}", node)
    terms = [
        None if isinstance(item, exp.Lambda) else writer.term(item) for item in node.expressions
    ]
    signature, kinds, bound = _find(signatures, terms, name, node)
    odd = [k for v, k in bound.types.items() if v == "P" and k.base in _INCOMPARABLE]
    if signature.form is None or odd:
        shown = ", ".join("lambda" if t is None else t.type.compact() for t in terms)
        raise unsupported(f"{name}({shown})", node)
    values: list[Term] = []
    patterns = signature.patterns(len(terms)) or ()
    for term, kind, pattern, item in zip(terms, kinds, patterns, node.expressions, strict=True):
        if term is None:
            values.append(_lambda(writer, item, pattern, bound))
        else:
            values.append(coerce(term, kind, item) if kind is not None else term)
    return _written(signature, values, bound, node)


def _written(
    signature: Signature, values: list[Term], bound: Bindings, node: exp.Expression
) -> Term:
    special = RETURNS.get(signature.returns.base)
    kind = special(values) if special else build(signature.returns, bound)
    form = str(signature.form)
    fallible = any(value.fallible for value in values)
    if form.startswith("@"):
        found = SPECIAL[form[1:]](values, kind, node)
        if isinstance(found, Term):
            return found
        return Term(kind, found, fallible=True)
    if form[0] in "!~":
        # Trino looks at NULLs first: a bad argument beside one is no error
        nulls = " OR ".join(f"{{{n}}} IS NULL" for n, v in enumerate(values))
        guarded = f"CASE WHEN {nulls} THEN NULL ELSE {form[1:]} END"
        form, fallible = (guarded if form[0] == "!" else form[1:]), True
    sql = form.replace("{raise}", raising("INVALID_FUNCTION_ARGUMENT", kind))
    sql = sql.replace("{refuse}", raising("NOT_SUPPORTED", kind)).replace("{R}", duck_type(kind))
    for number, value in enumerate(values):
        sql = sql.replace(f"{{{number}}}", value.sql)
    if "{...}" in sql:
        sql = sql.replace("{...}", ", ".join(value.sql for value in values))
    return Term(kind, f"({sql})", fallible, kind.base not in FLOATS)


def _find(
    signatures: Sequence[Signature], terms: Sequence[Term | None], name: str, node: exp.Expression
) -> Found:
    exact = [f for s in signatures if (f := _try(s, terms, exact=True)) is not None]
    if exact:
        return exact[0]
    if len(signatures) > 1 and any(t is not None and t.type.base == "unknown" for t in terms):
        raise unsupported(f"{name} with NULL", node)
    found = [f for s in signatures if (f := _try(s, terms, exact=False)) is not None]
    best = [
        one
        for one in found
        if all(more_specific(_known(one), _known(other)) for other in found if other is not one)
    ]
    if len(best) == 1:
        return best[0]
    if found:
        raise unsupported(f"{name} with these argument types", node)
    shown = ", ".join("function" if t is None else t.type.compact() for t in terms)
    message = f"Unexpected parameters ({shown}) for function {name}"
    raise at_node("FUNCTION_NOT_FOUND", message, node)


def _known(found: Found) -> list[DataType]:
    return [kind for kind in found[1] if kind is not None]


def _try(signature: Signature, terms: Sequence[Term | None], *, exact: bool) -> Found | None:
    patterns = signature.patterns(len(terms))
    if patterns is None:
        return None
    bound = Bindings()
    for term, pattern in zip(terms, patterns, strict=True):
        if (term is None) != (pattern.base in _FUNCTIONS):
            return None
        if term is not None and not match(pattern, term.type, bound, exact=exact):
            return None
    kinds = tuple(
        None if t is None else build(p, bound) for t, p in zip(terms, patterns, strict=True)
    )
    return signature, kinds, bound


def _lambda(writer: Writer, node: exp.Expression, pattern: Pattern, bound: Bindings) -> Term:
    """Write ``(x, y) -> body``; the body's type binds the pattern's last variable."""
    *inputs, output = pattern.children
    names = [item.this for item in node.expressions]
    if len(names) != len(inputs):
        raise at_node("INVALID_FUNCTION_ARGUMENT", "wrong number of lambda parameters", node)
    before = dict(writer.scope.lambdas)
    own = f"mg_l{len(before)}"
    for number, (name, kind) in enumerate(zip(names, inputs, strict=True)):
        spelled = _PARTS[pattern.base][number].format(own) if pattern.base in _PARTS else ""
        writer.scope.lambdas[name] = Term(build(kind, bound), spelled or lambda_name(name))
    body = writer.term(node.this)
    writer.scope.lambdas = before
    known = bound.types.get(output.base)
    if known is not None and not coercible(body.type, known):
        raise unsupported("a lambda of this type", node)
    if known is None and not match(output, body.type, bound, exact=False):
        raise unsupported("a lambda of this type", node)
    body = coerce(body, build(output, bound), node)
    listed = own if pattern.base in _PARTS else ", ".join(lambda_name(name) for name in names)
    return Term(body.type, f"lambda {listed}: {body.sql}", body.fallible)


_FUNCTIONS = frozenset({"function", "entry", "pair"})
_PARTS = {"entry": ("{}.key", "{}.value"), "pair": ("{}[1]", "{}[2]")}
"""Lambdas over map entries and zipped arrays: DuckDB's take one parameter, of two parts."""
_INCOMPARABLE = frozenset({*FLOATS, "array", "map", "row", "json", "unknown"})
CALLS: dict[type, Rule] = {
    exp.Anonymous: call,
    exp.Filter: aggregate,
    exp.WithinGroup: aggregate,
    exp.Window: windowed,
}
