"""Dense decisions about one table, from validated answers or from a refusal."""

from __future__ import annotations

from typing import Any

from gateway.access.choice import choose
from gateway.access.model import Grant, TableScope
from gateway.catalog.model import Table
from gateway.policy import conditions, masks
from gateway.policy.access import Candidate, waived
from gateway.policy.canonical import sha256
from gateway.policy.merge import (
    ColumnDenial,
    FilterRule,
    Frame,
    Layer,
    MaskRule,
    Settled,
    merge,
    settle,
    sort_reasons,
)
from gateway.policy.model import (
    ColumnDecision,
    Decision,
    DecisionRequest,
    Mask,
    Obligation,
    Reason,
    TableDecision,
)
from gateway.policy.output import OutputError, read_domain, read_global

FAILURES = frozenset(
    {"no_package", "policy_error", "policy_timeout", "policy_stale", "invalid_output"}
)
"""Platform codes that are failures of a policy, not its decisions."""


def platform(code: str, message: str, *, disclose: bool = False) -> Reason:
    """A reason of the platform itself."""
    return Reason(f"platform/{code}", "table", message, disclose)


def denied(found: Candidate, reasons: tuple[Reason, ...]) -> TableDecision:
    """A closed table. A policy failure is told to holders of a grant in the domain only."""
    failed = any(reason.rule.removeprefix("platform/") in FAILURES for reason in reasons)
    return TableDecision(
        table=found.table.name,
        effect="deny",
        columns=tuple(
            ColumnDecision(column.name, "deny", discoverable=found.described)
            for column in found.table.columns
        ),
        discoverable=found.discoverable and not failed,
        reasons=sort_reasons(reasons),
        unavailable=failed and found.holder,
    )


def settled(
    found: Candidate,
    guardrails: object,
    answer: object,
    request: DecisionRequest,
) -> TableDecision:
    """Validate both answers, choose the grant, merge all layers."""
    columns = found.table.columns
    try:
        above = read_global(guardrails, columns)
        domain = read_domain(answer, f"domains.{found.table.domain}", columns)
        honoured = [grant for grant in found.offered if grant.id in domain.grants]
        standing = [name for name in found.standing if name in domain.grants]
        chosen = choose(honoured, standing, request.grant_choice)
        narrowed = scope_layer(chosen, found.table) if isinstance(chosen, Grant) else Layer()
    except OutputError as error:
        return denied(found, (platform("invalid_output", str(error)),))
    frame = Frame(
        found.table, request.snapshot.token_domains, found.described, waived(found, request)
    )
    result = settle(merge([above, domain.layer, narrowed]), frame)
    if chosen is None:
        reason = platform("no_grant", found.no_grant_message, disclose=True)
        return denied(found, (*result.reasons, reason))
    if result.denied:
        return denied(found, result.reasons)
    return _allowed(found, chosen, domain.rights, result)


def _allowed(
    found: Candidate, chosen: Grant | str, rights: frozenset[str], result: Settled
) -> TableDecision:
    decision = TableDecision(
        table=found.table.name,
        effect="allow",
        columns=result.columns,
        row_filter=result.row_filter,
        grant=chosen if isinstance(chosen, str) else chosen.id,
        rights=frozenset(),
        discoverable=found.discoverable,
        obligations=result.obligations,
        reasons=result.reasons,
    )
    if decision.restricted or not rights:
        return decision
    return TableDecision(
        table=decision.table,
        effect="allow",
        columns=decision.columns,
        grant=decision.grant,
        rights=rights,
        discoverable=decision.discoverable,
        obligations=decision.obligations,
        reasons=decision.reasons,
    )


def scope_layer(grant: Grant, table: Table) -> Layer:
    """What a grant's scope takes away; OutputError if it does not fit the table."""
    if grant.scope is None:
        return Layer()
    scope = grant.scope[table.name]
    rule = f"grants/{grant.id}"
    try:
        return Layer(
            filters=_scope_rows(scope, rule, table),
            masks=_scope_masks(scope, rule, table),
            column_denials=_scope_columns(scope, rule, table),
        )
    except ValueError as error:
        raise OutputError(f"{rule}: {error}") from None


def _scope_rows(scope: TableScope, rule: str, table: Table) -> frozenset[FilterRule]:
    if scope.rows is None:
        return frozenset()
    condition = conditions.parse(scope.rows, table.columns)
    return frozenset({FilterRule(rule, condition, "your grant covers some rows", disclose=True)})


def _scope_masks(scope: TableScope, rule: str, table: Table) -> frozenset[MaskRule]:
    found: set[MaskRule] = set()
    for column, raw in (scope.masks or {}).items():
        if table.column(column) is None or not isinstance(raw, dict):
            raise ValueError(f"mask of unknown column {column}")
        value = masks.mask(str(raw.get("kind")), raw.get("params", {}))
        found.add(MaskRule(rule, column, value, "none", "your grant masks it", disclose=True))
    return frozenset(found)


def _scope_columns(scope: TableScope, rule: str, table: Table) -> frozenset[ColumnDenial]:
    if scope.columns is None:
        return frozenset()
    unknown = set(scope.columns) - {column.name for column in table.columns}
    if unknown:
        raise ValueError(f"unknown column {min(unknown)}")
    return frozenset(
        ColumnDenial(rule, column.name, "your grant does not cover it", disclose=True)
        for column in table.columns
        if column.name not in scope.columns
    )


def fingerprint(decision: Decision) -> str:
    """``sha256:`` of everything that shapes governed SQL: effects, not messages."""
    return "sha256:" + sha256(
        {
            "effect": decision.effect,
            "obligations": [_obligation(o) for o in decision.obligations],
            "tables": [_table(table) for table in decision.tables.values()],
        }
    )


def _table(table: TableDecision) -> dict[str, Any]:
    return {
        "fqn": str(table.table),
        "effect": table.effect,
        "discoverable": table.discoverable,
        "unavailable": table.unavailable,
        "rights": sorted(table.rights),
        "row_filter": conditions.to_json(table.row_filter) if table.row_filter else None,
        "columns": [_column(column) for column in table.columns],
        "obligations": [_obligation(o) for o in table.obligations],
    }


def _column(column: ColumnDecision) -> list[Any]:
    return [column.name, column.effect, _mask(column.mask), column.discoverable]


def _mask(value: Mask | None) -> list[Any] | None:
    return [value.kind, dict(value.params)] if value else None


def _obligation(value: Obligation) -> list[Any]:
    return [value.kind, {name: _plain(part) for name, part in value.params}]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a parameter as JSON
    return list(value) if isinstance(value, tuple) else value
