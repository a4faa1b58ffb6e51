"""Pages as Trino writes them: captured ones, and made ones in its order of fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HOST = "http://trino.example:8080"
QUERY_ID = "20261121_172514_00609_2mhq2"
ORDER = (
    "id",
    "infoUri",
    "partialCancelUri",
    "nextUri",
    "columns",
    "data",
    "stats",
    "error",
    "warnings",
    "updateType",
    "updateCount",
)
CAPTURED: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "captured.json").read_text("utf-8")
)
BIGINT = {"name": "n", "type": "bigint", "typeSignature": {"rawType": "bigint", "arguments": []}}


def uri(phase: str, token: int, *, query_id: str = QUERY_ID, host: str = HOST) -> str:
    return f"{host}/v1/statement/{phase}/{query_id}/y{token:040x}/{token}"


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def page(**fields: Any) -> bytes:
    """One page: the known fields in Trino's order, others behind, None left out."""
    known: dict[str, Any] = {
        "id": QUERY_ID,
        "infoUri": f"{HOST}/ui/query.html?{QUERY_ID}",
        "stats": {"state": "RUNNING", "queued": False, "scheduled": True, "nodes": 1},
        "warnings": [],
    }
    known |= fields
    ordered = [name for name in ORDER if name in known]
    ordered += [name for name in known if name not in ORDER]
    return compact({name: known[name] for name in ordered if known[name] is not None}).encode()


def error(name: str, message: str = "secret-7", code: int = 65536) -> dict[str, Any]:
    return {
        "message": message,
        "errorCode": code,
        "errorName": name,
        "errorType": "INTERNAL_ERROR",
        "errorLocation": {"lineNumber": 3, "columnNumber": 9},
        "failureInfo": {"type": "x", "message": message, "suppressed": [], "stack": [message]},
    }


def failed(name: str, message: str = "secret-7", **fields: Any) -> bytes:
    stats = {"state": "FAILED", "queued": False, "scheduled": False}
    return page(stats=stats, error=error(name, message), **fields)
