"""What the fuzz starts from: captured, the TPC's, the differential's, the golden files'."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.sql.model import Defaults
from tests.differential.corpus import shapes
from tests.golden.cases import files, read
from tests.golden.outcomes import DEFAULTS as WORLDS
from tests.parts import CACHE

TESTS = Path(__file__).parents[1]
CAPTURES = TESTS / "conformance" / "data"
_TPCH = TESTS / "oracle" / "data" / "tpch_answers.jsonl"
_HEAD = r"-- [^\n]*\| n=\d+ \|[^\n]*\n"
_WORD = re.compile(
    r"--[^\n]*|/\*.*?\*/|(?:U&|X)?'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|[A-Za-z_][A-Za-z_0-9]*"
    r"|[0-9.]+(?:[eE][+-]?[0-9]+)?\w*|<>|<=|>=|!=|\|\||->|=>|\S",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Source:
    """One statement as words, and the connection it was sent over."""

    topic: str
    words: tuple[str, ...]
    defaults: Defaults


def words(text: str) -> tuple[str, ...]:
    """Split a text; comments are left out."""
    return tuple(w for w in _WORD.findall(text) if not w.startswith(("--", "/*")))


def corpus(captures: Path = CAPTURES) -> list[Source]:
    """Every distinct statement; ``captures`` is a folder of recorded statements."""
    found = [
        Source(topic, split, defaults)
        for topic, text, defaults in _texts(captures)
        if (split := words(text))
    ]
    return list(dict.fromkeys(found))


def _texts(captures: Path) -> Iterator[tuple[str, str, Defaults]]:
    for shape in shapes():
        yield "differential", shape.sql, Defaults("lake", "drawn")
    for line in _TPCH.read_text("utf-8").splitlines()[1:]:
        yield "tpch", json.loads(line)["sql"], Defaults("lake", "tpch")
    for path in sorted((CACHE / "tpcds").glob("q*.sql")):
        yield "tpcds", path.read_text("utf-8").strip().removesuffix(";"), Defaults("lake", "tpcds")
    for path in sorted(captures.glob("*.sql")):
        for block in re.split(_HEAD, path.read_text("utf-8"))[1:]:
            yield path.stem, block.strip().removesuffix(";"), Defaults("lake", "x_cli")
    for path in files():
        for case in read(path):
            if case.command in {"govern", "refuse"}:
                yield "golden", case.text, Defaults(*WORLDS.get(case.options["world"], (None,) * 2))
