"""From a request to a decision: ask the engine once, validate, merge, fail closed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from gateway.access.grants import active_grants
from gateway.catalog.model import CatalogSnapshot
from gateway.names import TableName
from gateway.policy import access, assemble
from gateway.policy.access import Candidate
from gateway.policy.ask import QUERY_POSITION, Answer, Answers, Item, PolicyEngine, Question
from gateway.policy.canonical import sha256
from gateway.policy.input import MAX_TABLES, InputError, common, require, table_item
from gateway.policy.merge import sort_reasons
from gateway.policy.model import Decision, DecisionRequest, Obligation, Reason, TableDecision
from gateway.policy.obligations import merge_obligations
from gateway.policy.output import OutputError, read_query
from gateway.policy.package import GUARDRAILS, PLATFORM, QUERY, Package
from gateway.policy.schema import conform

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Policies:
    """The packages a decision is taken by, with their revisions."""

    packages: Mapping[str, Package]
    revisions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    attributes_schema: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def attributes(self) -> frozenset[str]:
        """The subject attributes that some loaded package names."""
        named = (p.required | p.optional for p in self.packages.values())
        return frozenset(n for found in named for parent, n in found if parent == access.ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class Whole:
    """What holds for the query as a whole: from ``global.query``, or its failure."""

    denied: bool = False
    failed: bool = False
    obligations: tuple[Obligation, ...] = ()
    reasons: tuple[Reason, ...] = ()


def new_decision_id(now: datetime, token: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A ULID: 48 bits of milliseconds, 80 random bits; sorts by time."""
    number = int(now.timestamp() * 1000) << 80 | int.from_bytes(token(10))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


async def decide(
    request: DecisionRequest, policies: Policies, engine: PolicyEngine, *, zone: str = "UTC"
) -> Decision:
    """The merged decision about every table of the request, in request order.

    ``request.grants`` may hold any grants; those not active for this principal,
    table and purpose are ignored. Never raises for what a policy does.
    """
    request = replace(request, grants=access.own_grants(request))
    candidates = [access.candidate(table, request, policies.packages) for table in request.tables]
    shared, broken = _common(request, policies, zone)
    drafts = [_draft(n, found, shared, broken, policies) for n, found in enumerate(candidates)]
    items = tuple(draft for draft in drafts if isinstance(draft, Item))
    question = _question(items, shared, request, policies)
    answers = await _ask(engine, question) if items else {}
    whole = _query(question if items else None, answers)
    tables = {
        found.table.name: _table(found, draft, answers, whole, request)
        for found, draft in zip(candidates, drafts, strict=True)
    }
    unsigned = _decision(request, _answered(policies, answers), tables, whole)
    digest = _input_digest(question)
    signed = replace(unsigned, engine=engine.name, input_sha256=digest)
    return replace(signed, fingerprint=assemble.fingerprint(signed))


def _answered(policies: Policies, answers: Answers) -> Policies:
    """The revisions the answers were really taken by."""
    given = {name: answer.revision for (_, name), answer in answers.items() if answer.revision}
    return replace(policies, revisions={**policies.revisions, **given})


async def _ask(engine: PolicyEngine, question: Question) -> Answers:
    """One round trip; more only for listings of more than ``MAX_TABLES`` tables."""
    answers: dict[tuple[int, str], Answer] = {}
    for start in range(0, len(question.items), MAX_TABLES):
        part = replace(
            question,
            items=question.items[start : start + MAX_TABLES],
            query=question.query if start == 0 else None,
        )
        answers.update(await engine.ask(part))
    return answers


def _common(
    request: DecisionRequest, policies: Policies, zone: str
) -> tuple[dict[str, Any], InputError | None]:
    try:
        shared = common(request, policies.attributes, zone)
        attributes = shared["subject"]["attributes"]
        conform(attributes, policies.attributes_schema, "input.subject.attributes")
    except InputError as error:
        return {}, error
    else:
        return shared, None


def _draft(
    position: int,
    found: Candidate,
    shared: Mapping[str, Any],
    broken: InputError | None,
    policies: Policies,
) -> Item | Reason:
    """The item to ask about, or the platform's reason to deny unasked."""
    package = policies.packages.get(f"domains.{found.table.domain}")
    guardrails = policies.packages.get(GUARDRAILS)
    if package is None or guardrails is None:
        missing = GUARDRAILS if guardrails is None else f"domains.{found.table.domain}"
        return assemble.platform("no_package", f"policy {missing} is not loaded")
    if not found.offered and not found.standing:
        return assemble.platform("no_grant", found.no_grant_message, disclose=True)
    try:
        if broken is not None:
            raise broken
        body = table_item(found.table, found.product, found.offered)
        require(package.required | guardrails.required, {**shared, **body})
    except InputError as error:
        code = "missing_attribute" if error.code == "I05" else "input_unsupported"
        return assemble.platform(code, str(error))
    return Item(position, str(found.table.name), body, (guardrails.name, package.name))


def _question(
    items: tuple[Item, ...],
    shared: Mapping[str, Any],
    request: DecisionRequest,
    policies: Policies,
) -> Question:
    listed = None
    if QUERY in policies.packages:
        listed = tuple(
            {"fqn": str(t.name), "domain": t.domain, "tags": sorted(t.tags)} for t in request.tables
        )
    return Question(shared, items, listed)


def _table(
    found: Candidate, draft: Item | Reason, answers: Answers, whole: Whole, request: DecisionRequest
) -> TableDecision:
    if isinstance(draft, Reason):
        return assemble.denied(found, (draft,))
    if whole.failed:
        return assemble.denied(found, whole.reasons)
    missing = Answer(failure="no_package", detail="no answer")
    given = [answers.get((draft.position, name), missing) for name in draft.packages]
    for name, answer in zip(draft.packages, given, strict=True):
        if answer.failure is not None:
            reason = assemble.platform(answer.failure, f"policy {name}: {answer.detail}")
            return assemble.denied(found, (reason,))
    return assemble.settled(found, given[0].value, given[1].value, request)


def _query(question: Question | None, answers: Answers) -> Whole:
    """What ``global.query`` says of the tables together."""
    if question is None or question.query is None:
        return Whole()
    missing = Answer(failure="no_package", detail="no answer")
    answer = answers.get((QUERY_POSITION, QUERY), missing)
    if answer.failure is not None:
        return _failed(answer.failure, answer.detail)
    try:
        layer = read_query(answer.value)
    except OutputError as error:
        return _failed("invalid_output", str(error))
    obligations, unknown = merge_obligations((o.rule, o.kind, o.params) for o in layer.obligations)
    reasons = [Reason(d.rule, "query", d.message, d.disclose) for d in layer.denials]
    reasons += [
        Reason("platform/obligation_unknown", "query", f"unknown obligation {kind}")
        for kind in unknown
    ]
    return Whole(denied=bool(reasons), obligations=obligations, reasons=sort_reasons(reasons))


def _failed(code: str, detail: str) -> Whole:
    reason = assemble.platform(code, f"policy {QUERY}: {detail}")
    return Whole(denied=True, failed=True, reasons=(reason,))


def _decision(
    request: DecisionRequest,
    policies: Policies,
    tables: Mapping[TableName, TableDecision],
    whole: Whole,
) -> Decision:
    allowed = not whole.denied
    return Decision(
        decision_id=new_decision_id(request.now),
        fingerprint="",
        engine="",
        revisions=_revisions(policies, request.snapshot, tables),
        expires_at=_expiry(request, tables),
        effect="allow" if allowed and all(_open(t) for t in tables.values()) else "deny",
        tables=MappingProxyType(dict(tables)),
        obligations=whole.obligations,
        reasons=whole.reasons,
    )


def _open(table: TableDecision) -> bool:
    return table.effect == "allow"


def _input_digest(question: Question) -> str:
    items = [dict(item.body) for item in question.items]
    listed = [dict(entry) for entry in question.query or ()]
    return sha256({"common": dict(question.common), "tables": items, "query": listed})


def _revisions(
    policies: Policies, snapshot: CatalogSnapshot, tables: Iterable[TableName]
) -> Mapping[str, str]:
    named = {"platform": policies.revisions.get(PLATFORM, "")}
    above = [policies.revisions[name] for name in (GUARDRAILS, QUERY) if name in policies.revisions]
    named["global"] = "+".join(dict.fromkeys(above))
    for table in tables:
        domain = snapshot.tables[table].domain
        named[domain] = policies.revisions.get(f"domains.{domain}", "")
    named["catalog"] = snapshot.version
    return MappingProxyType(named)


def _expiry(request: DecisionRequest, tables: Mapping[TableName, TableDecision]) -> datetime:
    """The next full hour, or the end of a grant the query stands on."""
    hour = request.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    mine = active_grants(request.grants, request.principal, request.purpose, request.now)
    used = {table.grant for table in tables.values()}
    ends = [g.valid_until for g in mine if g.id in used or g.kind == "masking_exception"]
    return min([hour + timedelta(hours=1), *ends])
