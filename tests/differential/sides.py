"""The sides of the differential over world ``drawn``: each answers a statement for a person."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from gateway.errors import MeshgateError
from gateway.query.asked import GrantBook
from gateway.query.service import QueryService, Sources
from gateway.server.planning import Mesh
from gateway.server.world import load_world
from gateway.session import Session
from tests.differential.tables import done, write
from tests.differential.wire import AT_ONCE, Answer, Server, WireError, order_keys, settled
from tests.lab import tuples
from tests.oracle.drawn_rows import VIEWS, key_rows, raw_tables, seen_by


class QueryLocal(NamedTuple):
    """A column that is hashed anew for each query: no native mask can, so it is denied there."""

    person: str
    table: str
    column: str


WORLD = Path(__file__).parents[1] / "worlds" / "drawn.yaml"
PEOPLE = tuple(VIEWS)
CATALOG, SCHEMA = "lake", "drawn"
UNHASHED = QueryLocal("large", "people", "id")
_QUALIFIED = re.compile(r"(?i)(?<![\w.\"])((?:\"?lake\"?\.)?)\"?drawn\"?\.")


def make(server: Server) -> None:
    """Write what each person should see; raw tables and token keys only where none are."""
    if server.run(f"SELECT 1 FROM {CATALOG}.{SCHEMA}.areas").error:
        write(server, CATALOG, SCHEMA, raw_tables())
    for person in PEOPLE:
        write(server, CATALOG, _seen(person), seen_by(person))
    for name, key in key_rows().items():
        known = server.run(f"SELECT k FROM gov.gw.keys WHERE id = '{name}'").rows
        if not known:
            done(server, f"INSERT INTO gov.gw.keys (id, k) VALUES ('{name}', '{key}')")
        elif known != ((key,),):
            raise WireError(f"another key stands in row {name}")


def _seen(person: str) -> str:
    return f"x_seen_{person}"


@dataclass(frozen=True)
class Asked:
    """One statement of one person."""

    person: str
    sql: str
    ordered: bool = False

    @property
    def unhashed(self) -> bool:
        """Whether it names the table of a column that no native mask can hash."""
        return self.person == UNHASHED.person and UNHASHED.table in self.sql.lower()


class Views:
    """Trino without access control over tables that hold what each person should see."""

    def __init__(self, server: Server) -> None:
        self._servers = {
            person: Server(server.url, "views", CATALOG, _seen(person)) for person in PEOPLE
        }

    def close(self) -> None:
        """Close connections."""
        for server in self._servers.values():
            server.close()

    def answer(self, asked: Asked) -> Answer:
        """Trino's own answer over the person's tables."""
        sql = _QUALIFIED.sub(rf"\g<1>{_seen(asked.person)}.", asked.sql)
        return self._servers[asked.person].run(sql)


class Native:
    """Direct logins at the locked Trino, which enforces natively what the second lock says."""

    def __init__(self, url: str, passwords: Mapping[str, str]) -> None:
        self._servers = {
            person: Server(url, person, CATALOG, SCHEMA, passwords[person]) for person in PEOPLE
        }

    def close(self) -> None:
        """Close connections."""
        for server in self._servers.values():
            server.close()

    def answer(self, asked: Asked) -> Answer:
        """What this person gets with a login of their own."""
        return self._servers[asked.person].run(asked.sql)


class Relayed:
    """The gateway before the locked Trino, as a client reaches it."""

    def __init__(self, url: str) -> None:
        self._servers = {person: Server(url, person, CATALOG, SCHEMA) for person in PEOPLE}

    def close(self) -> None:
        """Close connections."""
        for server in self._servers.values():
            server.close()

    def answer(self, asked: Asked) -> Answer:
        """What the gateway serves this person."""
        return self._servers[asked.person].run(asked.sql)


class Rewritten:
    """The pipeline's governed text on Trino without access control: the rewriting alone."""

    def __init__(self, server: Server) -> None:
        mesh = Mesh.of_world(load_world(WORLD))
        self._people = mesh.directory
        book = GrantBook("drawn", mesh.grants)
        sources = Sources(lambda: mesh.snapshot, lambda: book, mesh.now)
        self._service = QueryService(mesh.policy(), sources, target="trino")
        self._runner = asyncio.Runner()
        self._server = Server(server.url, "rewritten", CATALOG, SCHEMA)

    def close(self) -> None:
        """End what planning holds, close connections."""
        self._server.close()
        self._service.close()
        self._runner.close()

    def text(self, asked: Asked) -> str | Answer:
        """Governed text, or the refusal."""
        person = self._people.principal(asked.person)
        assert person is not None
        session = Session(catalog=CATALOG, schema=SCHEMA)
        try:
            plan = self._runner.run(self._service.plan(asked.sql, session, person, "lab"))
        except MeshgateError as error:
            return Answer(error=error.name, text=error.message)
        if plan.answer is not None:
            heads = tuple((column.name, column.type.text()) for column in plan.answer.columns)
            return Answer(heads, tuple(map(tuple, tuples(plan.answer.rows))))
        assert plan.governed is not None, asked.sql
        return plan.governed.sql

    def run(self, text: str | Answer) -> Answer:
        """The answer to a governed text; refusals pass."""
        return text if isinstance(text, Answer) else self._server.run(text)


@dataclass(frozen=True)
class Compared:
    """Both answers to one statement."""

    asked: Asked
    ours: Answer
    wanted: Answer

    @property
    def verdict(self) -> str:
        """How they relate.

        ``equal``: the same names, types and rows, or both refused by the same name;
        ``refused``: both refused, by different names; ``stricter``: only ours is refused;
        ``looser``: only the other is refused; ``narrower``: equal, but that the other's ``*``
        left out a column that only we can hash; ``different``: two answers.
        """
        if same(self.ours, self.wanted, ordered=self.asked.ordered, sql=self.asked.sql):
            return "equal"
        if self.ours.error:
            return "refused" if self.wanted.error else "stricter"
        if self.wanted.error:
            return "looser"
        return "narrower" if self._left_out() else "different"

    def _left_out(self) -> bool:
        if not self.asked.unhashed:
            return False
        found = [at for at, (name, _) in enumerate(self.ours.heads) if name == UNHASHED.column]
        counts = range(1, len(found) + 1)
        left_out = (set(some) for count in counts for some in combinations(found, count))
        ordered, sql = self.asked.ordered, self.asked.sql
        return any(
            same(_without(self.ours, some), self.wanted, ordered=ordered, sql=sql)
            for some in left_out
        )

    def __str__(self) -> str:
        sides = (
            f"{one.outcome} {one.text} {one.heads} {one.rows}"[:400]
            for one in (self.ours, self.wanted)
        )
        return "\n  ".join((f"{self.verdict}, {self.asked.person}: {self.asked.sql}", *sides))


def _without(answer: Answer, columns: Collection[int]) -> Answer:
    def kept(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(value for at, value in enumerate(row) if at not in columns)

    return replace(answer, heads=kept(answer.heads), rows=tuple(map(kept, answer.rows)))


def same(one: Answer, other: Answer, *, ordered: bool, sql: str = "") -> bool:
    """Equal names, types and rows, or errors of one name.

    Rows of an ordered ``sql`` that tie may come in any order.
    """
    if one.error or other.error:
        return one.error == other.error
    if one.heads != other.heads:
        return False
    first, second = (settled(answer.rows, ordered=ordered) for answer in (one, other))
    keys = order_keys(sql, one.heads) if first != second and ordered else None
    if keys is None:
        return first == second
    tied = [[[row[key] for key in keys] for row in rows] for rows in (first, second)]
    return tied[0] == tied[1] and sorted(first, key=repr) == sorted(second, key=repr)


class Side(Protocol):
    """Anything that answers a person's statement."""

    def answer(self, asked: Asked) -> Answer:
        """The answer, refusals included."""


def compare(ours: Rewritten | Relayed, other: Side, asked: Iterable[Asked]) -> list[Compared]:
    """Ask both sides, many at a time."""
    listed = list(asked)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        if isinstance(ours, Rewritten):
            first = pool.map(ours.run, [ours.text(one) for one in listed])
        else:
            first = pool.map(ours.answer, listed)
        second = pool.map(other.answer, listed)
        return [Compared(*both) for both in zip(listed, first, second, strict=True)]
