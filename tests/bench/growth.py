"""What twice the tokens cost, for every shape of statement that could grow faster."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from gateway.errors import MeshgateError
from gateway.sql.govern import govern
from gateway.sql.lex import tokens
from gateway.sql.model import Engine
from gateway.sql.parse import parse
from gateway.sql.resolve import resolve
from tests.fuzz.mesh import SALT, decision, tables, token_domains
from tests.unit.sql.pipeline import DEFAULTS

LIMIT = 2.3
_TURNS = 5
_LEAST_SECONDS = 0.05
"""A shape grows until it costs so much, or until a limit refuses it."""


def _many(pattern: str, count: int, between: str = ", ") -> str:
    return between.join(pattern.replace("#", str(at)) for at in range(count))


SHAPES: dict[str, Callable[[int], str]] = {
    "items": lambda n: f"SELECT {_many('total AS t#', n)} FROM orders",
    "one name": lambda n: f"SELECT {_many('total AS t', n)} FROM orders",
    "no name": lambda n: f"SELECT * FROM (SELECT {_many('1', n)} FROM orders) AS x",
    "doubles below a star": lambda n: f"SELECT * FROM (SELECT {_many('1 AS a', n)}) AS x",
    "doubles that collide": lambda n: (
        f"SELECT * FROM (SELECT {_many('1 AS a', n // 2)}, {_many('1 AS &a$#&', n // 2)}) AS x"
    ).replace("&", '"'),
    "stars": lambda n: f"SELECT {_many('*', n)} FROM orders",
    "list": lambda n: f"SELECT 1 FROM orders WHERE id IN ({_many('#', n)})",
    "chain": lambda n: f"SELECT 1 FROM orders WHERE {_many('id = #', min(n, 500), ' OR ')}",
    "chains": lambda n: f"SELECT {_many('id + # + 1 + 1', n)} FROM orders",
    "texts": lambda n: f"SELECT {_many(chr(39) + 'a#' + chr(39), n)} FROM orders",
    "values": lambda n: f"SELECT count(*) FROM (VALUES {_many('(#, 1)', n)}) AS v (a, b), orders",
    "case": lambda n: f"SELECT CASE {_many('WHEN id = # THEN 1', n, ' ')} END FROM orders",
    "tables": lambda n: f"SELECT 1 FROM {_many('orders a#', n)}",
    "joins": lambda n: f"SELECT 1 FROM orders {_many('JOIN orders a# ON a#.id = 1', n, ' ')}",
    "relations": lambda n: f"SELECT 1 FROM {_many('(SELECT 1 AS x) a#', n)}",
    "unnests": lambda n: f"SELECT 1 FROM {_many('UNNEST(ARRAY[1]) AS a# (x)', n)}",
    "names in many relations": lambda n: (
        f"SELECT {_many('a#.x', n)} FROM {_many('(SELECT 1 AS x) a#', n)}"
    ),
    "using": lambda n: (
        f"SELECT 1 FROM (SELECT {_many('1 AS c#', n)}) AS a JOIN (SELECT {_many('1 AS c#', n)}) "
        f"AS b USING ({_many('c#', n)})"
    ),
    "with": lambda n: f"WITH {_many('w# AS (SELECT 1 AS x)', n)} SELECT * FROM w0",
    "with of with": lambda n: (
        f"WITH w AS (SELECT id FROM orders), {_many('w# AS (SELECT * FROM w)', n)} SELECT 1 FROM w0"
    ),
    "union": lambda n: _many("SELECT id FROM orders WHERE id IN (1, 2, 3)", n, " UNION ALL "),
    "unions": lambda n: f"SELECT {_many('(SELECT 1 UNION SELECT 2)', n)} FROM orders",
    "subqueries": lambda n: (
        f"SELECT {_many('(SELECT max(x) FROM (SELECT 1 AS x))', n)} FROM orders"
    ),
    "outward": lambda n: f"SELECT {_many('(SELECT orders.id)', n)} FROM orders",
    "order": lambda n: f"SELECT id, total FROM orders ORDER BY {_many('1', n)}",
    "order by name": lambda n: f"SELECT id, total FROM orders ORDER BY {_many('id + #', n)}",
    "group": lambda n: f"SELECT 1 FROM orders GROUP BY {_many('id + #', n)}",
    "sets": lambda n: f"SELECT 1 FROM orders GROUP BY GROUPING SETS ({_many('(id, total)', n)})",
    "windows": lambda n: (
        f"SELECT {_many('sum(total) OVER w#', n)} FROM orders "
        f"WINDOW {_many('w# AS (PARTITION BY id)', n)}"
    ),
    "calls": lambda n: f"SELECT coalesce({_many('lower(note)', n)}) FROM orders",
    "lambdas": lambda n: f"SELECT {_many('transform(ARRAY[1], x -> x + id)', n)} FROM orders",
    "paths": lambda n: f"SELECT {_many('size.width', n)} FROM items",
    "brackets": lambda n: (
        f"SELECT {_many('(' * 50 + 'id' + ')' * 50, max(1, n // 50))} FROM orders"
    ),
    "nested relations": lambda n: (
        "SELECT 1 FROM " + "(SELECT * FROM " * 25 + f"(SELECT {_many('1', n)}) AS t" + ") AS t" * 25
    ),
    "nested joins": lambda n: (
        f"SELECT 1 FROM {'(' * 40}orders {_many('CROSS JOIN orders a#', n, ' ')}{')' * 40}"
    ),
    "comment": lambda n: f"SELECT 1 /* {'x ' * n} */ FROM orders",
    "lines": lambda n: "SELECT 1" + "\n" * n + " FROM orders",
    "quotes": lambda n: "SELECT '" + "''" * n + "' FROM orders",
}


def seconds(text: str, engine: Engine) -> float:
    """The CPU time of the whole way of one text; raises what refuses it."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        statement = parse(text, DEFAULTS)
        decided = decision(statement)
        assert decided is not None
        govern(resolve(statement, decided, tables()), engine, token_domains(), SALT)
        return time.process_time() - began
    finally:
        gc.enable()


def grown(make: Callable[[int], str], engine: Engine) -> dict[str, Any]:
    """The cost of the largest text of a shape that is accepted, over that of half of it."""
    count, refusal = 32, ""
    while not refusal and count < 1 << 16:
        count *= 2
        try:
            taken = seconds(make(count), engine)
        except MeshgateError as error:
            count, refusal = count // 2, f"{error.name}: {error.message}"[:100]
            break
        if taken > _LEAST_SECONDS * 4:
            break
    if count <= 32:
        return {"refused": refusal}
    small, large = make(count // 2), make(count)
    pairs = list(_pairs(small, large, engine))
    half, whole = (min(times) for times in zip(*pairs, strict=True))
    more = len(tokens(large)) / max(1, len(tokens(small)))
    return {
        "tokens": len(tokens(large)),
        "ms": round(whole * 1000, 1),
        "ratio": round(whole / half, 2),
        "tokens_ratio": round(more, 2),
        **({"limit": refusal} if refusal else {}),
    }


def _pairs(small: str, large: str, engine: Engine) -> Iterator[tuple[float, float]]:
    for _ in range(_TURNS):
        yield seconds(small, engine), seconds(large, engine)


def measure() -> dict[str, Any]:
    """Every shape on Trino's side, which all text takes; none may grow faster than its tokens."""
    found = {name: grown(make, "trino") for name, make in SHAPES.items()}
    slow = [n for n, one in found.items() if one.get("ratio", 0) > LIMIT and one["ms"] > 100]
    return {"limit": LIMIT, "above": slow, "shapes": found}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
