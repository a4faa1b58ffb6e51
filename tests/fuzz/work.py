"""One worker's share of the fuzz, and the figures it comes back with."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import sqlglot
from sqlglot.errors import SqlglotError

from gateway.sql.model import Defaults
from tests.fuzz.breaches import breaches, table_breaches
from tests.fuzz.corpus import corpus
from tests.fuzz.governing import Outcome, governed
from tests.fuzz.mutants import Mutator
from tests.fuzz.naive import naive
from tests.judge.judge import Judge, Verdict, judge

_BATCH = 500
_KEPT = 12
_COUNTS = ("mutants", "parsed", "accepted", "answered", "embedded", "unread", "alone")
_EMBEDDED_EVERY = 4
"""Every so many accepted texts are written for the embedded engine too: defects alone count."""


@dataclass
class Figures:
    """What was seen. ``control`` is the first mutant at which the naive rewriter was caught."""

    mutants: int = 0
    parsed: int = 0
    accepted: int = 0
    answered: int = 0
    embedded: int = 0
    unread: int = 0
    """Governed texts that Trino's parser does not read."""
    alone: int = 0
    """Mutants that we read and Trino's parser does not."""
    control: int | None = None
    slowest: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    breaches: Counter[str] = field(default_factory=Counter)
    defects: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def keep(self, what: str, outcome: Outcome) -> None:
        """Keep one example of a kind."""
        if len(self.examples) < _KEPT * 4 and sum(e.startswith(what) for e in self.examples) < 3:
            self.examples.append(f"{what}: {outcome.given}  ==> {outcome.sql or outcome.why}")

    @classmethod
    def sum(cls, parts: Iterable[Figures]) -> Figures:
        """Add up what several workers saw."""
        total = cls()
        for part in parts:
            for name in _COUNTS:
                setattr(total, name, getattr(total, name) + getattr(part, name))
            caught = [at for at in (total.control, part.control) if at is not None]
            total.control = min(caught) if caught else None
            total.slowest = max(total.slowest, part.slowest)
            total.refused += part.refused
            total.breaches += part.breaches
            total.defects += part.defects
            total.examples += part.examples
        return total


def fuzz(seed: str, count: int, captures: Path, seconds: float) -> Figures:
    """Draw, govern and judge so many mutants, or as many as the time allows."""
    sqlglot.logger.disabled = True
    mutator, figures = Mutator(corpus(captures), seed), Figures()
    ends = time.monotonic() + seconds
    with judge() as judging:
        while figures.mutants < count and time.monotonic() < ends:
            drawn = [mutator.draw() for _ in range(min(_BATCH, count - figures.mutants))]
            _batch([(text, source.defaults) for source, text in drawn], judging, figures)
    return figures


def _batch(drawn: list[tuple[str, Defaults]], judging: Judge, figures: Figures) -> None:
    outcomes = [governed(text, defaults) for text, defaults in drawn]
    given = judging.judged([outcome.given for outcome in outcomes])
    made = iter(judging.judged([o.sql for o in outcomes if o.what == "governed"]))
    if figures.control is None:
        _control(drawn, given, judging, figures)
    for (_, defaults), outcome, read in zip(drawn, outcomes, given, strict=True):
        figures.mutants += 1
        figures.parsed += read.ok
        figures.slowest = max(figures.slowest, outcome.seconds)
        if outcome.what == "governed":
            _accepted(outcome, read, next(made), defaults, figures)
        elif outcome.what == "answered":
            figures.answered += 1
        elif outcome.what == "refused":
            figures.refused[outcome.why] += 1
        else:
            figures.defects[outcome.why] += 1
            figures.keep(f"DEFECT {outcome.why}", outcome)


def _accepted(
    outcome: Outcome, read: Verdict, made: Verdict, defaults: Defaults, figures: Figures
) -> None:
    figures.accepted += 1
    for what, wrong in (("unread", not made.ok), ("alone", not read.ok)):
        if wrong:
            setattr(figures, what, getattr(figures, what) + 1)
            figures.keep(what.upper(), outcome)
    for breach in breaches(read, made, outcome.tables, defaults, outcome.called):
        figures.breaches[breach] += 1
        figures.keep(f"BREACH {breach}", outcome)
    if figures.accepted % _EMBEDDED_EVERY == 0:
        figures.embedded += 1
        embedded = governed(outcome.given, defaults, "duckdb")
        if embedded.what == "defect":
            figures.defects[f"embedded {embedded.why}"] += 1
            figures.keep(f"DEFECT embedded {embedded.why}", embedded)


def _control(
    drawn: list[tuple[str, Defaults]], given: list[Verdict], judging: Judge, figures: Figures
) -> None:
    """Let the same judge look at what a naive rewriter makes of the same mutants."""
    texts = [_naive(text, defaults) for text, defaults in drawn]
    verdicts = judging.judged(texts)
    for at, ((_, defaults), read, made) in enumerate(zip(drawn, given, verdicts, strict=True), 1):
        if read.ok and made.ok and any(table_breaches(read, made, defaults)):
            figures.control = figures.mutants + at
            return


def _naive(text: str, defaults: Defaults) -> str:
    try:
        return naive(text, defaults)
    except (SqlglotError, RecursionError, ValueError, AttributeError, TypeError, KeyError):
        return ""
