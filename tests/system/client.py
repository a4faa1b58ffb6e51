"""Single requests of the statement protocol, for clients that do not behave."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.serving import Gateway

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def page(self) -> dict[str, Any]:
        """The page it carries."""
        found: dict[str, Any] = json.loads(self.body)
        return found


def send(
    gateway: Gateway,
    method: str,
    target: str,
    body: str | bytes | None = None,
    *,
    user: str = "ana",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One request, as written; ``target`` is a path or an address of this gateway."""
    parts = urlsplit(target)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    payload = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request(method, path, payload, {"X-Trino-User": user, **(headers or {})})
        answer = connection.getresponse()
        return Reply(answer.status, answer.read(), dict(answer.getheaders()))
    finally:
        connection.close()


def post(
    gateway: Gateway,
    sql: str | bytes,
    *,
    user: str = "ana",
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Send a statement in ``lake.claims`` and read no further."""
    known = {"X-Trino-Catalog": "lake", "X-Trino-Schema": "claims"}
    return send(
        gateway, "POST", "/v1/statement", sql, user=user, headers={**known, **(headers or {})}
    )


def until_rows(gateway: Gateway, sql: str, user: str = "ana") -> dict[str, Any]:
    """Send a statement and read up to its first page with rows."""
    page = post(gateway, sql, user=user).page
    while "data" not in page:
        assert "error" not in page, page["error"]
        page = send(gateway, "GET", page["nextUri"], user=user).page
    return page


def eventually(found: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until something holds; fail if it never does."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.1)
