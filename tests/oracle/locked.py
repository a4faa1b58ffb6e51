"""Governed text over the real scan objects, in one locked database of this process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from gateway.catalog.model import Table
from gateway.engines.database import check_statement, lock, open_database
from gateway.engines.duckdb import scan_job
from gateway.engines.iceberg import Tables
from gateway.engines.job import WorkerConfig
from gateway.engines.naming import name_of
from gateway.engines.scan import GovernedScan
from gateway.errors import MeshgateError
from gateway.policy.model import ColumnDecision, Condition, Decision, TableDecision
from gateway.sql.govern import govern
from gateway.sql.model import Defaults, Engine, GovernedQuery
from gateway.sql.parse import parse
from gateway.sql.resolve import resolve

_DEFAULTS = Defaults("lake", "s")


@dataclass(frozen=True)
class Outcome:
    """How a statement ended: its sorted rows, or the name of its error."""

    error: str | None
    rows: tuple[Any, ...] = ()
    text: str = ""


def governed(
    sql: str,
    tables: Mapping[str, Table],
    filters: Mapping[str, Condition] | None = None,
    engine: Engine = "duckdb",
    defaults: Defaults = _DEFAULTS,
) -> GovernedQuery:
    """The pipeline's own text: every column allowed, row filters by table name."""
    statement = parse(sql, defaults)
    used = {ref.name: tables[ref.name.table] for ref in statement.tables}
    decided = {
        name: TableDecision(
            name,
            "allow",
            tuple(ColumnDecision(c.name, "allow") for c in table.columns),
            row_filter=(filters or {}).get(name.table),
        )
        for name, table in used.items()
    }
    expires = datetime.max.replace(tzinfo=UTC)
    decision = Decision("d", "f", "rego", {}, expires, "allow", decided)
    return govern(resolve(statement, decision, used), engine, {}, "00")


class Locked:
    """A locked database; ``files`` counts the data files the last statement planned to read."""

    def __init__(self, folder: Path) -> None:
        config = WorkerConfig(1 << 30, 2, str(folder), 0)
        self.connection = open_database(config)
        lock(self.connection, "UTC")
        self.plans = Tables()
        self.files = 0

    def run(
        self,
        query: GovernedQuery,
        tables: Mapping[str, Table],
        *,
        scan_filter: bool = True,
        hints: bool = True,
    ) -> Outcome:
        """Run it over these tables, as it is or with a defence or the hints taken away."""
        made: list[GovernedScan] = []
        self.files = 0
        try:
            check_statement(self.connection, query.sql)
            for scan in query.scans:
                job = scan_job(replace(scan, table=tables[scan.table.name.table]), {})
                job = job if scan_filter else replace(job, row_filter=None)
                job = job if hints else replace(job, hints=())
                made.append(GovernedScan(job, self.plans, threading.Event()))
                self.connection.register(made[-1].name, made[-1])
                self.files += made[-1].files
            reader = self.connection.sql(query.sql).to_arrow_reader(10_000)
            rows = [tuple(row.values()) for batch in reader for row in batch.to_pylist()]
        except (duckdb.Error, MeshgateError) as error:
            return Outcome(name_of(error), text=str(error))
        finally:
            for scan_object in made:
                self.connection.unregister(scan_object.name)
        return Outcome(None, tuple(sorted(rows, key=repr)))
