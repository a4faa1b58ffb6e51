"""The clusters the benchmarks need, all started for one run, and what is measured on them.

Three Trino servers of one age: ``bare`` (no access control; a gateway with the lock off stands
before it), ``locked`` (asks the gateway before it), ``own`` (its own OPA plugin, batched, over a
real OPA that knows the same filters and masks).
"""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import governed, listing, many, open_queries, relay
from tests.bench.asking import Server
from tests.bench.own_opa import own_opa
from tests.realparts import meshgate
from tests.realparts.addresses import Addresses
from tests.realparts.configuration import gateway_settings
from tests.realparts.lab import laboratory
from tests.realparts.ports import free_port

PERSON = "ana"


def measure(only: str = "") -> dict[str, Any]:
    """All ratios on clusters; ``only`` names one part."""
    with _clusters() as (lab, open_gate, own):
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "relay": lambda: relay.measure(open_gate, Server(lab.bare, PERSON)),
            "governed": lambda: governed.measure(Server(lab.gateway, PERSON), open_gate, own),
            "listing": lambda: listing.measure(open_gate, own),
            "open_queries": lambda: open_queries.measure(lab, open_gate),
        }
        return {name: part() for name, part in parts.items() if only in {"", name}}


@contextmanager
def _clusters() -> Iterator[tuple[Addresses, Server, Server]]:
    root = Path(tempfile.mkdtemp(prefix="meshgate-bench-"))
    root.chmod(0o711)
    try:
        with laboratory(root) as lab:
            many.make(lab.database("iceberg"), Path(lab.warehouse))
            settings = _open_settings(lab)
            port = free_port()
            with (
                meshgate.meshgate(root, "open", port, settings) as open_gate,
                own_opa(root, lab, _policy(lab)) as own,
            ):
                yield lab, Server(open_gate.url, PERSON), Server(own, PERSON)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _open_settings(lab: Addresses) -> dict[str, str]:
    """A gateway before the bare cluster, which cannot ask it: the relay's cost alone."""
    settings = gateway_settings(lab, "open")
    folders = {name: Path(lab.root) / "open" / name for name in ("catalogs", "policies")}
    for name, folder in folders.items():
        shutil.copytree(Path(lab.root) / name, folder)
    flow = "{name: lake, type: sql, database: {driver: sqlite, path: none.db}, warehouse: none}"
    (folders["catalogs"] / "wide.yaml").write_text(many.domain(flow))
    (folders["policies"] / "domains" / "wide").mkdir()
    (folders["policies"] / "domains" / "wide" / "policy.rego").write_text(many.POLICY)
    for name in ("POLICY__OPA_URL", "STATE__DATABASE_URL", "TRINO__PASSWORD_FILE"):
        settings.pop(f"MESHGATE_{name}", None)
    return settings | {
        "MESHGATE_CATALOG__DIRECTORY": str(folders["catalogs"]),
        "MESHGATE_POLICY__DIRECTORY": str(folders["policies"]),
        "MESHGATE_POLICY__ENGINE": "rego",
        "MESHGATE_TRINO__URL": lab.bare,
        "MESHGATE_TRINO__SECOND_LOCK": "off",
        "MESHGATE_TRINO__FORWARDED_HTTPS": "false",
        "MESHGATE_SERVER__GZIP": "always",
        "MESHGATE_SERVER__INTERNAL_PORT": str(free_port()),
        "MESHGATE_QUERY__MAX_OPEN": "2000",
        "MESHGATE_QUERY__MAX_OPEN_PER_PRINCIPAL": "2000",
    }


def _policy(lab: Addresses) -> dict[str, Any]:
    """What the gateway's second lock decides for the person, as data for another OPA."""
    tables = [f"lake.{many.SCHEMA}.{name}" for name in many.names()]
    filters: dict[str, list[str]] = {}
    masks: dict[str, dict[str, Any]] = {}
    for table, columns in governed.TABLES.items():
        parts = dict(zip(("catalogName", "schemaName", "tableName"), table.split("."), strict=True))
        rows = _asked(lab, "rowFilters", "GetRowFilters", {"resource": {"table": parts}})
        filters[table] = [row["expression"] for row in rows]
        resources = [{"column": parts | {"columnName": c, "columnType": t}} for c, t in columns]
        found = _asked(lab, "batchColumnMasks", "GetColumnMask", {"filterResources": resources})
        masks[table] = {columns[m["index"]][0]: m["viewExpression"] for m in found}
        tables.append(table)
    return {"bench": {"tables": tables, "filters": filters, "masks": masks}}


def _asked(lab: Addresses, way: str, operation: str, about: dict[str, Any]) -> list[dict[str, Any]]:
    context = {"identity": {"user": f"{PERSON}@direct", "groups": []}}
    body = {
        "input": {
            "context": context | {"softwareStack": {"trinoVersion": "476"}},
            "action": {"operation": operation, **about},
        }
    }
    request = urllib.request.Request(
        f"{lab.internal}/trino-opa/v1/{way}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["result"]
    return found
