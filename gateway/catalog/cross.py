"""What no file can see alone: names that two domains hold, catalogs they describe differently."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from gateway.catalog.connection import Connection
from gateway.catalog.model import Problem
from gateway.catalog.nodes import Node
from gateway.catalog.spec import Claim, DomainSpec


def check(specs: Iterable[DomainSpec], all_specs: Iterable[DomainSpec]) -> dict[str, list[Problem]]:
    """Find the problems between valid files, by file.

    A name held twice closes every holder: to prefer one would let a new file take over a name
    that grants, policies or tokens already use. ``all_specs`` adds the files already closed:
    while there is one, it may be where a token domain was defined, so none is called unknown.
    A column bound to an undefined one stays bound: its token cannot be made, it never shows.
    """
    found: defaultdict[str, list[Problem]] = defaultdict(list)
    valid = tuple(specs)
    for file, problem in (*_held_twice(valid), *_mismatches(valid)):
        found[file].append(problem)
    for file, problem in _unknown_token_domains(valid, tuple(all_specs)):
        found[file].append(problem)
    return found


def _held_twice(specs: tuple[DomainSpec, ...]) -> Iterable[tuple[str, Problem]]:
    holders: defaultdict[tuple[str, str], list[tuple[str, Claim]]] = defaultdict(list)
    for spec in specs:
        for claim in spec.claims:
            holders[claim.code, claim.name].append((spec.file, claim))
    for (code, name), held in holders.items():
        for file, claim in held if len(held) > 1 else ():
            others = ", ".join(f"{f}:{c.mark.line}" for f, c in held if c is not claim)
            yield file, _problem(file, claim.mark, code, f"{name} is also held by {others}")


def _mismatches(specs: tuple[DomainSpec, ...]) -> Iterable[tuple[str, Problem]]:
    """Compare the connections of one catalog; where most files agree, the others are wrong."""
    users: defaultdict[str, list[tuple[DomainSpec, Connection]]] = defaultdict(list)
    for spec in specs:
        if spec.connection is not None:
            users[spec.connection.name].append((spec, spec.connection))
    for name, held in users.items():
        counts = Counter(connection for _, connection in held).most_common()
        clear = len(counts) == 1 or counts[0][1] > counts[1][1]
        usual = counts[0][0] if clear else None
        for spec, connection in held:
            if connection != usual and spec.connection_mark is not None:
                message = f"{name} is connected differently in other files"
                mark = spec.connection_mark
                yield spec.file, _problem(spec.file, mark, "catalog-mismatch", message)


def _unknown_token_domains(
    specs: tuple[DomainSpec, ...], all_specs: tuple[DomainSpec, ...]
) -> Iterable[tuple[str, Problem]]:
    if any(spec.problems for spec in all_specs):
        return
    defined = sorted(t.name for s in all_specs if s.domain for t in s.domain.token_domains)
    for spec in specs:
        for table in spec.tables:
            for column in table.columns:
                name, mark = column.token_domain, column.token_mark
                if name is None or mark is None or name in defined:
                    continue
                where = f"{table.name.schema}.{table.name.table}.{column.name}"
                message = f'{where} names "{name}"; defined: {", ".join(defined) or "none"}'
                yield spec.file, _problem(spec.file, mark, "unknown-token-domain", message)


def _problem(file: str, mark: Node, code: str, message: str) -> Problem:
    return Problem(file, mark.line, mark.column, code, message)
