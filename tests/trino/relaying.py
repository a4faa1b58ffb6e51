"""A client that sees every page of a gateway, and what Trino says of the statement behind."""

from __future__ import annotations

import json
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError

from tests.realparts.addresses import SERVICE, Addresses

_SECONDS = 60
LONG = "SELECT count(*) FROM lake.tpch.lineitem a CROSS JOIN lake.tpch.lineitem b"
"""Hours of work."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes

    @property
    def page(self) -> dict[str, Any]:
        """Its JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True, slots=True)
class Browser:
    """One person at one gateway, page by page."""

    url: str
    user: str
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, url: str, body: str | None = None) -> Answer:
        """Send one request; an HTTP error is an answer, too."""
        capabilities = {"X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME"}
        headers = {"X-Trino-User": self.user, **capabilities, **self.headers}
        target = self.url + url[url.index("/v1/") :]
        request = urllib.request.Request(
            target, body.encode() if body else None, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                return Answer(answer.status, answer.read())
        except HTTPError as error:
            return Answer(error.code, error.read())

    def post(self, sql: str) -> dict[str, Any]:
        """Submit a statement."""
        return self.ask("POST", "/v1/statement", sql).page

    def next(self, page: dict[str, Any]) -> dict[str, Any]:
        """The page after a page."""
        answer = self.ask("GET", page["nextUri"])
        assert answer.status == 200, answer
        return answer.page

    def pages(self, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The pages after a page."""
        while "nextUri" in page:
            page = self.next(page)
            yield page

    def rows(self, sql: str) -> list[Any]:
        """All rows of a statement; fails with its error."""
        found: list[Any] = []
        for page in self.pages(self.post(sql)):
            assert "error" not in page, page["error"]
            found += page.get("data", [])
        return found

    def running(self, sql: str) -> dict[str, Any]:
        """A page of a statement that has been running for a moment."""
        page = self.next(self.post(sql))
        assert "error" not in page, page["error"]
        assert page["stats"]["state"] in {"RUNNING", "PLANNING", "STARTING", "QUEUED"}
        return self.next(page)


def upstream_state(lab: Addresses, upstream_id: str) -> tuple[str, str]:
    """State and error name of a statement, as the locked Trino tells the service."""
    login = b64encode(f"{SERVICE}:{lab.passwords[SERVICE]}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "X-Forwarded-Proto": "https"}
    request = urllib.request.Request(f"{lab.locked}/v1/query/{upstream_id}", headers=headers)
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        found = json.load(answer)
    return found["state"], found.get("errorCode", {}).get("name", "")


def within(seconds: float, look: Callable[[], Any]) -> Any:
    """Look until something true is seen; fails in the end."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"not within {seconds:.0f} s"
        time.sleep(0.2)
    return found
