"""A mesh on disk for real clients: one Iceberg catalog, three domains, two people.

``alice`` belongs to the team and sees everything of hers; ``bob`` reads European rows with
masked numbers; nobody sees ``vault``.
"""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from gateway.catalog.connection import Connection, Sqlite
from gateway.catalog.stores import open_catalog

_DOMAIN = """\
schema_version: 1
domain: {name}
owners: [group:{name}-owners]
stewards: [group:{name}-stewards]
contacts: [{{role: steward, contact: "mailto:{name}-stewards@example.org"}}]
catalog:
  name: lake
  type: sql
  database: {{driver: sqlite, path: ../data/lake.db}}
  warehouse: ../data/warehouse
schemas:
  - {{name: {name}}}
"""
_PRODUCT = """\
products:
  - guid: "00000000-{key}"
    key: {key}
    owner: {key}-team
    display_name: {key}
    status: active
    required_security_group: ""
    visibility: described
    approval: {{mode: steward, purposes: [care], max_days: 180}}
    ports: [{{role: output, type: trino, table: {table}}}]
"""
_FILES = {
    "catalogs/x_cli.yaml": _DOMAIN.format(name="x_cli")
    + _PRODUCT.format(key="sealed", table="x_cli.sealed")
    + """\
tables:
  - {name: x_cli.base, undeclared_columns: expose}
  - {name: x_cli.kinds, undeclared_columns: expose}
  - {name: x_cli.sealed, undeclared_columns: expose}
""",
    "catalogs/claims.yaml": _DOMAIN.format(name="claims")
    + "tables:\n  - {name: claims.claim, undeclared_columns: expose}\n",
    "catalogs/vault.yaml": _DOMAIN.format(name="vault")
    + "tables:\n  - {name: vault.secret, undeclared_columns: expose}\n",
    "catalogs/grants.yaml": "grants: []\n",
    "catalogs/principals.yaml": """\
principals:
  alice: {groups: [team, readers]}
  bob: {groups: [readers]}
  carol: {groups: []}
""",
    "policies/global/purposes.yaml": 'care: {title: "Care", groups: ["*"]}\n',
    "policies/global/guardrails.rego": """\
# METADATA
# custom:
#   owner: platform
package global.guardrails

import rego.v1

decision := {
	"deny": set(), "row_filters": set(), "masks": {},
	"deny_columns": {}, "obligations": set(),
}
""",
    "policies/domains/claims/policy.rego": """\
# METADATA
# custom:
#   owner: claims-stewards
#   standing: {readers: [readers]}
package domains.claims

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": set(), "row_filters": set(), "masks": {},
	"deny_columns": {}, "obligations": set(),
}

grants contains "standing:readers" if "readers" in input.subject.groups
""",
    "policies/domains/vault/policy.rego": """\
# METADATA
# custom:
#   owner: vault-stewards
package domains.vault

import rego.v1

decision := {
	"grants": set(), "rights": set(), "deny": set(), "row_filters": set(), "masks": {},
	"deny_columns": {}, "obligations": set(),
}
""",
    "policies/domains/x_cli/policy.rego": """\
# METADATA
# custom:
#   owner: x_cli-stewards
#   standing: {readers: [readers]}
package domains.x_cli

import rego.v1

decision := {
	"grants": grants, "rights": set(), "deny": deny, "row_filters": row_filters, "masks": masks,
	"deny_columns": deny_columns, "obligations": set(),
}

team if "team" in input.subject.groups

grants contains "standing:readers" if "readers" in input.subject.groups

deny contains {
	"id": "sealed",
	"reason": {"message": "sealed until the audit ends", "disclose": true},
} if {
	input.table.fqn == "lake.x_cli.sealed"
}

row_filters contains {
	"id": "region",
	"condition": {"type": "field", "operator": "eq", "field": "region", "value": "EU"},
	"reason": {"message": "only European rows", "disclose": true},
} if {
	not team
	input.table.fqn == "lake.x_cli.base"
}

masks[c.name] contains {
	"id": "ssn", "kind": "show-last-4", "params": {},
	"reason": {"message": "numbers are personal", "disclose": true},
} if {
	not team
	some c in input.table.columns
	c.name == "ssn"
}

deny_columns[c.name] contains {"id": "member", "reason": {"message": "members are hidden"}} if {
	not team
	some c in input.table.columns
	c.name == "member_id"
}
""",
}


def build(root: Path) -> Path:
    """Write the mesh below ``root``: ``catalogs``, ``policies`` and ``data``."""
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, rows in _tables().items():
        _write(root, name, rows)
    return root


def _write(root: Path, name: str, rows: pa.Table) -> None:
    data = root / "data"
    data.mkdir(exist_ok=True)
    place = Connection("lake", Sqlite(str(data / "lake.db")), (data / "warehouse").as_uri())
    with closing(open_catalog(place, write=True)) as catalog:
        catalog.create_namespace_if_not_exists(name.partition(".")[0])
        catalog.create_table(name, rows.schema).append(rows)


def _tables() -> dict[str, pa.Table]:
    return {
        "x_cli.base": _base(),
        "x_cli.kinds": _kinds(),
        "x_cli.sealed": pa.table({"n": pa.array([1], pa.int64())}),
        "claims.claim": pa.table({"claim_id": pa.array([1, 2, 3], pa.int64())}),
        "vault.secret": pa.table({"n": pa.array([1], pa.int64())}),
    }


def _base() -> pa.Table:
    """20 rows; the last one has neither amount nor code."""
    every = range(1, 21)
    return pa.table(
        {
            "claim_id": pa.array(every, pa.int64()),
            "member_id": pa.array([f"m{n:02}" for n in every]),
            "ssn": pa.array([f"900-00-{n:04}" for n in every]),
            "region": pa.array([("EU", "US", "APAC")[n % 3] for n in every]),
            "amount": pa.array([n * 1.5 if n < 20 else None for n in every], pa.float64()),
            "code": pa.array([str(100 + n) if n < 20 else None for n in every]),
            "d": pa.array([date(2020, 1, 1) + timedelta(days=n) for n in every]),
        }
    )


def _kinds() -> pa.Table:
    """One row with a value of each type, one of NULLs."""
    moment = datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    return pa.table(
        {
            "id": pa.array([1, 2], pa.int32()),
            "yes": pa.array([True, None]),
            "small": pa.array([-7, None], pa.int32()),
            "big": pa.array([9223372036854775807, None], pa.int64()),
            "single": pa.array([1.5, None], pa.float32()),
            "twice": pa.array([-2.25, None], pa.float64()),
            "money": pa.array([Decimal("1234.50"), None], pa.decimal128(12, 2)),
            "word": pa.array(['it\'s "q" é 😀', None]),
            "day": pa.array([date(2020, 2, 29), None]),
            "moment": pa.array([moment.replace(tzinfo=None), None], pa.timestamp("us")),
            "instant": pa.array([moment, None], pa.timestamp("us", tz="UTC")),
        }
    )
