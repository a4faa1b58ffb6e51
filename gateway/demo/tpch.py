"""TPC-H tables, made by ``tpchgen-cli`` at any scale."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gateway.demo.data import DemoTable

DEMO_SCALE = 0.1
TABLES = ("region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem")


def tables(scale: float) -> Iterator[DemoTable]:
    """Generate all tables, then give one at a time."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("-s", str(scale), "--output-dir", folder, "--quiet")
        subprocess.run([_program(), "parquet", *options], check=True)  # noqa: S603 - our own words
        for name in TABLES:
            yield DemoTable(
                f"tpch.{name}", _read(Path(folder) / f"{name}.parquet"), f"TPC-H {name}"
            )


def _read(path: Path) -> pa.Table:
    table = pq.read_table(path)
    path.unlink()
    # The generator's text views and field numbers are its own.
    fields = [
        pa.field(f.name, pa.string() if pa.types.is_string_view(f.type) else f.type, f.nullable)
        for f in table.schema
    ]
    return table.cast(pa.schema(fields))


def _program() -> str:
    """Find the generator where its package was installed."""
    try:
        files = distribution("tpchgen-cli").files or ()
    except PackageNotFoundError:
        files = ()
    for file in files:
        if file.name in {"tpchgen-cli", "tpchgen-cli.exe"}:
            return str(file.locate())
    raise FileNotFoundError("tpchgen-cli is not installed: run make demo, or pip install it")
