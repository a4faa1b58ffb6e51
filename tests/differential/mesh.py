"""World ``drawn`` as one more domain of a served mesh: its tables, people and policy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from pyiceberg.catalog.sql import SqlCatalog

from tests.oracle.drawn_rows import KEY, raw_tables

_WORLD = Path(__file__).parents[1] / "worlds"
DOMAIN = "drawn"


def people() -> tuple[str, ...]:
    """The principals the domain brings."""
    return tuple(_read(_WORLD / "drawn.yaml")["principals"])


def extend(catalogs: Path, policies: Path) -> None:
    """Add the domain to copies of a mesh's folders; its tables are in catalog ``lake``.

    Columns are numbered as Iceberg numbers them in a table it creates.
    """
    world = _read(_WORLD / "drawn.yaml")
    key = catalogs / "drawn-keys.json"
    key.touch(mode=0o600)
    key.write_text(f'{{"customer:1": "{KEY.hex()}"}}\n', "utf-8")
    served = {"schema_version": 1, "domain": DOMAIN, **_domain(world["domains"][DOMAIN])}
    served["catalog"] = _read(catalogs / "tpch.yaml")["catalog"]
    (catalogs / "drawn.yaml").write_text(yaml.safe_dump(served, sort_keys=False), "utf-8")
    known = _read(catalogs / "principals.yaml")
    known["principals"] |= world["principals"]
    (catalogs / "principals.yaml").write_text(yaml.safe_dump(known), "utf-8")
    rules = _WORLD / "drawn" / "policies" / "domains" / DOMAIN
    shutil.copytree(rules, policies / "domains" / DOMAIN, dirs_exist_ok=True)
    declared = policies / "input.schema.json"
    schema = json.loads(declared.read_text("utf-8"))
    attributes = schema["properties"]["subject"]["properties"]["attributes"]
    attributes["properties"]["who"] = {"type": "string"}
    declared.write_text(json.dumps(schema), "utf-8")


def store(catalog: SqlCatalog) -> None:
    """Write its tables into an Iceberg catalog that has none of them."""
    catalog.create_namespace(DOMAIN)
    for name, rows in raw_tables().items():
        catalog.create_table(f"{DOMAIN}.{name}", rows.schema).append(rows)


def _domain(domain: dict[str, Any]) -> dict[str, Any]:
    tokens = {name: _token(name, one) for name, one in domain["token_domains"].items()}
    tables = [
        {"name": name, "columns": _columns(table["columns"])}
        for name, table in domain["tables"].items()
    ]
    ports = [{"role": "output", "type": "trino", "table": table["name"]} for table in tables]
    return {
        "owners": ["group:drawn"],
        "stewards": ["group:drawn"],
        "contacts": domain["contacts"],
        "schemas": [{"name": DOMAIN}],
        "products": [_PRODUCT | {"ports": ports}],
        "token_domains": tokens,
        "tables": tables,
    }


_PRODUCT = {
    "guid": "5b1f6d7e-90ac-4c3e-8f21-6b2d4e8a7c10",
    "created": "2026-01-07T19:11:59.490Z",
    "owner": "drawn",
    "display_name": "Drawn",
    "description": "Small tables under every kind of filter and mask.",
    "key": DOMAIN,
    "required_security_group": "drawn",
    "status": "active",
    "version": "1.0.0",
    "visibility": "hidden",
}


def _token(name: str, domain: dict[str, Any]) -> dict[str, Any]:
    version = {"v": 1, "state": "active", "key": {"file": f"drawn-keys.json#{name}:1"}}
    return {
        "method": "ht1",
        **domain,
        "versions": [version | {"not_after": "2099-12-31"}],
        "pushdown": {"duckdb": "none", "trino": "none"},
    }


def _columns(columns: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for number, (name, column) in enumerate(columns.items(), 1):
        more = {} if isinstance(column, str) else {"token_domain": column["token_domain"]}
        found[name] = {"field_id": number, "classification": "internal", **more}
    return found


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))
