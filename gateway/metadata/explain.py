"""EXPLAIN and EXPLAIN ACCESS: what a query would do and why, never how the engine would do it.

An engine's plan prints filters; this prints decisions. A condition is shown only where
its policy discloses the reason.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.catalog.model import CatalogSnapshot
from gateway.datatypes import DataType
from gateway.errors import MeshgateError
from gateway.metadata.access import AccessRow, access_rows, reads
from gateway.metadata.show import table_answer
from gateway.metadata.stats import statistics
from gateway.policy.model import Decision
from gateway.results import Answer
from gateway.sql.lineage import CLEAR, Lineage, OutputLineage, Source, Usage, lineage
from gateway.sql.model import GovernedQuery, Kind, Output, Scan, Statement

_HEADINGS = ("item", "name", "effect", "detail", "reason", "rule", "steward", "next_step")
_PLAN = "Query Plan"


def answer(
    statement: Statement,
    decision: Decision | None,
    governed: GovernedQuery | None,
    snapshot: CatalogSnapshot,
    purpose: str,
) -> Answer:
    """Explain an admitted query; ``decision`` is None where it reads no governed table.

    Raises:
        MeshgateError: NOT_SUPPORTED for a form of EXPLAIN that is not answered here.

    """
    if statement.kind is Kind.SHOW_STATS:
        return statistics([output.name for output in governed.outputs] if governed else [])
    kind = (statement.words.get("type") or "").lower()
    if statement.kind is Kind.EXPLAIN_ACCESS:
        kind = "access"
    form = (statement.words.get("format") or "text").lower()
    if form not in {"text", "json"}:
        raise MeshgateError("NOT_SUPPORTED", "EXPLAIN is answered as FORMAT TEXT or FORMAT JSON")
    if kind == "validate":
        return table_answer(["Valid:boolean"], [[True]])
    if kind == "io":
        return _one(_io(governed))
    if kind == "access":
        return _access(decision, governed, snapshot, as_json=form == "json")
    if kind not in {"", "logical", "distributed"}:
        raise MeshgateError("NOT_SUPPORTED", f"EXPLAIN (TYPE {kind.upper()}) is not supported")
    if form == "json":
        return _one(_json(_document(decision, governed, snapshot, purpose)))
    return _one(_summary(decision, governed, snapshot, purpose))


def refusal(statement: Statement, rows: list[AccessRow]) -> Answer:
    """Print what a refused query was refused for, as EXPLAIN ACCESS was asked to."""
    form = (statement.words.get("format") or "text").lower()
    return _rows(rows, as_json=form == "json")


def _one(text: str) -> Answer:
    return table_answer([_PLAN], [[text]])


def _json(document: object) -> str:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _access(
    decision: Decision | None,
    governed: GovernedQuery | None,
    snapshot: CatalogSnapshot,
    *,
    as_json: bool,
) -> Answer:
    return _rows(access_rows(decision, governed, snapshot), as_json=as_json)


def _rows(rows: list[AccessRow], *, as_json: bool) -> Answer:
    if as_json:
        return _one(_json([_as_dict(row) for row in rows]))
    return table_answer(_HEADINGS, rows)


def _as_dict(row: AccessRow) -> dict[str, str]:
    return dict(zip(_HEADINGS, row, strict=True))


def _summary(
    decision: Decision | None,
    governed: GovernedQuery | None,
    snapshot: CatalogSnapshot,
    purpose: str,
) -> str:
    lines = [f"Governed query for purpose {purpose}"]
    rows = access_rows(decision, governed, snapshot)
    if rows:
        lines.append("Access")
        lines += [f"  {_line(row)}" for row in rows]
    if governed is not None:
        lines.append("Output")
        flows = zip(governed.outputs, lineage(governed).outputs, strict=True)
        lines += [f"  {_output(output, flow)}" for output, flow in flows]
    return "\n".join(lines)


def _line(row: AccessRow) -> str:
    parts = [f"{row.item} {row.name}: {row.effect}"]
    parts += [part for part in (row.detail, row.reason) if part]
    rule = f" ({row.rule})" if row.rule else ""
    return "; ".join(parts) + rule


def _output(output: Output, flow: OutputLineage) -> str:
    kind = output.type.compact() if output.type else "unknown"
    sources = ", ".join(map(_source, flow.sources))
    return f"{output.name} {kind}" + (f" <- {output.kind} of {sources}" if sources else "")


def _source(source: Source) -> str:
    treated = "" if source.effect == CLEAR else f" [{source.effect}]"
    return f"{source.table}.{source.column}{treated}"


def _document(
    decision: Decision | None,
    governed: GovernedQuery | None,
    snapshot: CatalogSnapshot,
    purpose: str,
) -> dict[str, Any]:
    """The lineage of the query beside what was decided about its tables."""
    flow = lineage(governed) if governed else Lineage((), (), ())
    types = [output.type for output in governed.outputs] if governed else []
    return {
        "purpose": purpose,
        "access": [_as_dict(row) for row in access_rows(decision, governed, snapshot)],
        "outputs": [
            _output_document(output, kind) for output, kind in zip(flow.outputs, types, strict=True)
        ],
        "usage": [_usage_document(one) for one in flow.usage],
    }


def _usage_document(usage: Usage) -> dict[str, Any]:
    return {
        "table": str(usage.table),
        "column": usage.column,
        "in": list(usage.places),
        "by": usage.by,
    }


def _output_document(output: OutputLineage, kind: DataType | None) -> dict[str, Any]:
    return {
        "name": output.name,
        "type": kind.compact() if kind else None,
        "kind": output.kind,
        "sources": [
            {"table": str(one.table), "column": one.column, "effect": one.effect}
            for one in output.sources
        ],
    }


def _io(governed: GovernedQuery | None) -> str:
    """Trino's shape of TYPE IO without constraints, which could tell of filters."""
    tables = [_io_table(scan) for scan in reads(governed)]
    return _json({"inputTableColumnInfos": tables, "estimate": _unknown()})


def _io_table(scan: Scan) -> dict[str, Any]:
    name = scan.table.name
    return {
        "table": {
            "catalog": name.catalog,
            "schemaTable": {"schema": name.schema, "table": name.table},
        },
        "constraint": {"none": False, "columnConstraints": []},
        "estimate": _unknown(),
    }


def _unknown() -> dict[str, str]:
    keys = ("outputRowCount", "outputSizeInBytes", "cpuCost", "maxMemory", "networkCost")
    return dict.fromkeys(keys, "NaN")
