"""A minimal client of the statement protocol: every page, every header, nothing hidden."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

_TIMEOUT_SECONDS = 60


@dataclass(slots=True)
class Reply:
    """What one statement came to, over all its pages."""

    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    update_type: str | None = None
    error: dict[str, Any] | None = None
    warnings: list[dict[str, Any]] = field(default_factory=list)
    pages: int = 0

    @property
    def outcome(self) -> str:
        """``rows``, the update type, or the error's name."""
        if self.error is not None:
            return str(self.error["errorName"])
        return self.update_type or "rows"


@dataclass(slots=True)
class Wire:
    """One connection: session state is kept as clients keep it, from headers."""

    base: str
    user: str
    catalog: str | None = None
    schema: str | None = None
    prepared: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    transaction: str = "NONE"

    def run(self, sql: str) -> Reply:
        """Send one statement and read all its pages."""
        reply = Reply()
        page = self._request("POST", f"{self.base}/v1/statement", sql.encode())
        self._take(reply, page)
        while "nextUri" in page:
            page = self._request("GET", page["nextUri"], None)
            self._take(reply, page)
        return reply

    def _request(self, method: str, url: str, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(url, body, self._headers(), method=method)
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            for name, value in answer.headers.items():
                self._remember(name.lower().removeprefix("x-trino-"), value)
            page: dict[str, Any] = json.load(answer)
        return page

    def _headers(self) -> dict[str, str]:
        found = {"X-Trino-User": self.user, "X-Trino-Transaction-Id": self.transaction}
        found["X-Trino-Client-Capabilities"] = "PATH,PARAMETRIC_DATETIME,SESSION_AUTHORIZATION"
        if self.catalog:
            found["X-Trino-Catalog"] = self.catalog
        if self.schema:
            found["X-Trino-Schema"] = self.schema
        if self.prepared:
            found["X-Trino-Prepared-Statement"] = _pairs(self.prepared)
        if self.properties:
            found["X-Trino-Session"] = _pairs(self.properties)
        return found

    def _remember(self, name: str, value: str) -> None:
        key, _, held = value.partition("=")
        if name == "set-catalog":
            self.catalog = value
        elif name == "set-schema":
            self.schema = value
        elif name == "set-session":
            self.properties[key] = unquote(held)
        elif name == "clear-session":
            self.properties.pop(value, None)
        elif name == "added-prepare":
            self.prepared[key] = unquote(held.replace("+", " "))
        elif name == "deallocated-prepare":
            self.prepared.pop(value, None)
        elif name == "started-transaction-id":
            self.transaction = value
        elif name == "clear-transaction-id":
            self.transaction = "NONE"

    @staticmethod
    def _take(reply: Reply, page: dict[str, Any]) -> None:
        reply.pages += 1
        if page.get("columns"):
            reply.columns = [(column["name"], column["type"]) for column in page["columns"]]
        reply.rows += page.get("data", [])
        reply.update_type = page.get("updateType", reply.update_type)
        reply.error = page.get("error")
        reply.warnings = page["warnings"]


def _pairs(values: dict[str, str]) -> str:
    return ",".join(f"{key}={quote(value, safe='')}" for key, value in values.items())
