"""Golden files: comment, command, input, ``----``, expected, blank line.

A file that is empty, a case without ``----`` and a line outside every case are errors:
a golden test that cannot fail is worse than none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

HERE = Path(__file__).parent
COMMANDS = {"govern", "answer", "refuse", "verify"}
SEPARATOR, BROKEN = "----", "=>"


class GoldenError(ValueError):
    """A golden file that does not follow the format."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case; ``options`` are the ``key=value`` words of its command."""

    file: Path
    line: int
    comment: tuple[str, ...]
    command: str
    options: dict[str, str]
    text: str
    expected: str

    @property
    def name(self) -> str:
        """What the test is called."""
        title = " ".join(word.lstrip("# ") for word in self.comment)
        return f"{self.file.stem}:{self.line}:{title[:70]}"

    def print(self) -> str:
        """The case as it stands in its file."""
        options = "".join(f" {key}={value}" for key, value in self.options.items())
        head = "".join(f"{line}\n" for line in self.comment)
        return f"{head}{self.command}{options}\n{self.text}\n{SEPARATOR}\n{self.expected}\n"


def read(path: Path) -> list[Case]:
    """All cases of a file, in order."""
    cases: list[Case] = []
    block: list[str] = []
    start = 1
    for number, line in enumerate([*path.read_text(encoding="utf-8").split("\n"), ""], 1):
        if line:
            block = block or []
            start = start if block else number
            block.append(line)
        elif block:
            if any(not text.startswith("#") for text in block):
                cases.append(_case(path, start, block))
            block = []
    if not cases:
        raise GoldenError(f"{path}: no case")
    return cases


def _case(path: Path, start: int, block: list[str]) -> Case:
    at = f"{path}:{start}"
    comment = tuple(line for line in block if line.startswith("#"))
    rest = block[len(comment) :]
    if not comment or rest != [line for line in block if not line.startswith("#")]:
        raise GoldenError(f"{at}: a case begins with a comment that says what it shows")
    if rest.count(SEPARATOR) != 1:
        raise GoldenError(f"{at}: a case has exactly one line {SEPARATOR}")
    split = rest.index(SEPARATOR)
    command, *words = rest[0].split()
    if command not in COMMANDS or any("=" not in word for word in words):
        raise GoldenError(f"{at}: unknown command {rest[0]}")
    text = "\n".join(rest[1:split])
    if not text:
        raise GoldenError(f"{at}: no input")
    options = dict(word.split("=", 1) for word in words)
    return Case(path, start, comment, command, options, text, "\n".join(rest[split + 1 :]))


def rewrite(path: Path, results: dict[int, str]) -> None:
    """Write the file anew with these results by line; comment blocks between cases stay."""
    kept = {case.line: replace(case, expected=results[case.line]) for case in read(path)}
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    headers = [b.strip("\n") for b in blocks if b.strip() and all(x.startswith("#") for x in b.strip("\n").split("\n"))]
    head = "\n\n".join(headers[:1])
    body = "\n".join(case.print() for case in kept.values())
    path.write_text((head + "\n\n" if head else "") + body, encoding="utf-8")


def files(pattern: str = "*.txt") -> list[Path]:
    """The golden files, by name."""
    return sorted(HERE.glob(pattern))
