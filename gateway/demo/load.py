"""Writes the demo's data once: ``python -m gateway.demo.load``."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyiceberg.catalog import Catalog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from gateway.catalog.stores import locations
from gateway.demo import flights, health, lake, tpch
from gateway.demo.data import DemoTable
from gateway.demo.hashes import expected, verify
from gateway.demo.keys import ensure_keys

SETS = ("health", "flights", "tpch")
DEFAULT_DIRECTORY = ".run/demo"


@dataclass(frozen=True, slots=True)
class _Set:
    """Some tables that are made together; ``wanted`` holds each one's rows and hash, if known."""

    name: str
    tables: Callable[[], Iterator[DemoTable]]
    names: tuple[str, ...]
    wanted: Mapping[str, Mapping[str, Any]]
    scale: float | None = None

    @property
    def rows(self) -> int | None:
        """All rows to write, if known."""
        return sum(sum(table["rows"]) for table in self.wanted.values()) or None


def load_demo(data_dir: Path, *, sets: Sequence[str] = SETS, progress: bool = True) -> None:
    """Write the data sets below ``data_dir`` and make the token keys; what is there stays.

    Raises:
        DemoDataError: generated data differs from the reviewed hashes.
        FileNotFoundError: a source package is not installed.

    """
    _load(data_dir, [_demo_set(name) for name in sets], progress=progress)


def load_tpch(data_dir: Path, scale: float, *, progress: bool = True) -> None:
    """Write TPC-H at a scale of your choice; only the demo's scale has reviewed hashes."""
    wanted = expected()["tpch"] if scale == tpch.DEMO_SCALE else {}
    names = tuple(f"tpch.{name}" for name in tpch.TABLES)
    chosen = _Set("tpch", lambda: tpch.tables(scale), names, wanted, scale)
    _load(data_dir, [chosen], progress=progress)


def _demo_set(name: str) -> _Set:
    makers: Mapping[str, Callable[[], Iterator[DemoTable]]] = {
        "health": health.tables,
        "flights": flights.tables,
        "tpch": lambda: tpch.tables(tpch.DEMO_SCALE),
    }
    if name not in makers:
        raise ValueError(f"no data set {name}; there are {', '.join(SETS)}")
    wanted = expected()[name]
    scale = tpch.DEMO_SCALE if name == "tpch" else None
    return _Set(name, makers[name], tuple(wanted), wanted, scale)


def _load(data_dir: Path, sets: Sequence[_Set], *, progress: bool) -> None:
    data_dir.mkdir(parents=True, exist_ok=True)
    with _alone(data_dir):
        ensure_keys(data_dir)
        missing = [chosen for chosen in sets if not _is_there(data_dir, chosen)]
        with closing(lake.open_lake(data_dir)) as catalog, _bars(shown=progress) as bars:
            for chosen in missing:
                _write(data_dir, catalog, chosen, bars)


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """Let two loads of one directory run one after the other."""
    with (data_dir / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _bars(*, shown: bool) -> Progress:
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        TextColumn("{task.completed:>9,} rows"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not shown,
    )


def _write(data_dir: Path, catalog: Catalog, chosen: _Set, bars: Progress) -> None:
    marker = data_dir / f"{chosen.name}.json"
    marker.unlink(missing_ok=True)
    bar = bars.add_task(chosen.name, total=chosen.rows)
    for table in chosen.tables():
        bars.update(bar, description=table.name)
        if chosen.wanted:
            verify(table, chosen.wanted[table.name])
        lake.write(data_dir, catalog, table)
        bars.advance(bar, sum(part.num_rows for part in table.parts))
    bars.update(bar, description=chosen.name)
    # Last and at once: a load that was cut short starts over.
    temporary = marker.with_suffix(".tmp")
    temporary.write_text(json.dumps(_content(data_dir, chosen)), "utf-8")
    temporary.replace(marker)


def _content(data_dir: Path, chosen: _Set) -> dict[str, Any]:
    """Describe a set on disk; Iceberg's files name each other by absolute path."""
    return {"root": str(data_dir.absolute()), "scale": chosen.scale, "tables": chosen.wanted}


def _is_there(data_dir: Path, chosen: _Set) -> bool:
    marker = data_dir / f"{chosen.name}.json"
    if not marker.exists() or not (data_dir / "lake.db").exists():
        return False
    if marker.read_text("utf-8") != json.dumps(_content(data_dir, chosen)):
        return False
    present = {".".join(name): at for name, at in locations(lake.connection(data_dir)).items()}
    return all(
        name in present and Path(present[name].removeprefix("file://")).exists()
        for name in chosen.names
    )


def main() -> None:
    """Load the demo's data into ``$MESHGATE_DATA`` or ``.run/demo``."""
    default = os.environ.get("MESHGATE_DATA", DEFAULT_DIRECTORY)
    parser = argparse.ArgumentParser(prog="python -m gateway.demo.load", description=main.__doc__)
    parser.add_argument("--data-dir", type=Path, default=Path(default))
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    given = parser.parse_args()
    load_demo(given.data_dir, sets=given.sets, progress=not given.quiet)
    Console(stderr=True).print(f"demo data is in {given.data_dir}")


if __name__ == "__main__":
    main()
