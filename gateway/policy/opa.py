"""The ``opa`` engine: a real OPA server behind the batch rule, one request a query."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from opa_client.opa_async import AsyncOpaClient

from gateway.policy.ask import QUERY_POSITION, Answer, Answers, Item, Question
from gateway.policy.package import GUARDRAILS, QUERY

LEAST_VERSION = (1, 21, 3)
_PARAMETERS = {"provenance": "true", "strict-builtin-errors": "true"}
_CONFIRMED_SECONDS = 5.0


class OpaEngine:
    """Asks one OPA. A failing answer is asked again per domain, to name the culprit."""

    def __init__(
        self,
        url: str,
        *,
        timeout_seconds: float = 1.0,
        max_stale_seconds: float = 900.0,
        token: str | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"not an http(s) address of OPA: {url}")
        self._timeout = timeout_seconds
        self._max_stale = max_stale_seconds
        self._client = AsyncOpaClient(
            host=parts.hostname,
            port=parts.port or (443 if parts.scheme == "https" else 8181),
            ssl=parts.scheme == "https",
            token=token,
            retries=0,
            timeout=timeout_seconds,
        )
        self._opened = False
        self._opening = asyncio.Lock()
        self._version = ""
        self._revisions: Mapping[str, str] = {}
        self._confirmed = -_CONFIRMED_SECONDS
        self._stale: frozenset[str] = frozenset()
        self._checked = -_CONFIRMED_SECONDS
        self._unhealthy: dict[str, float] = {}

    @property
    def name(self) -> str:
        """``opa/<version>`` once it has answered."""
        return f"opa/{self._version or 'unknown'}"

    def revision(self, package: str) -> str | None:
        """The revision OPA named within the last seconds; None sends the question again."""
        if time.monotonic() - self._confirmed > _CONFIRMED_SECONDS:
            return None
        return _named(self._revisions, package)

    async def ask(self, question: Question) -> Answers:
        """One request; after a failure one per domain, in parallel."""
        await self._open()
        answers, _ = await asyncio.gather(self._ask(question), self._check_bundles())
        return self._fresh(answers)

    async def _ask(self, question: Question) -> Answers:
        try:
            return await self._request(question)
        except _OpaError as error:
            parts = _split(question)
            if len(parts) == 1:
                return _all(question, error)
        found = await asyncio.gather(*(self._part(part) for part in parts))
        return {key: value for answers in found for key, value in answers.items()}

    async def _part(self, question: Question) -> Answers:
        try:
            return await self._request(question)
        except _OpaError as error:
            return _all(question, error)

    async def _open(self) -> None:
        async with self._opening:
            if not self._opened:
                await self._client.__aenter__()
                self._opened = True

    async def _request(self, question: Question) -> Answers:
        document: dict[str, Any] = {
            "common": dict(question.common),
            "tables": [dict(item.body) for item in question.items],
        }
        if question.query is not None:
            document["query"] = [dict(entry) for entry in question.query]
        body = await self._post(document)
        self._learn(body.get("provenance"))
        if self._version and _version(self._version) < LEAST_VERSION:
            raise _OpaError("policy_error", f"OPA {self._version} is older than 1.21.3")
        result = body.get("result")
        if not isinstance(result, dict) or result.keys() != {"decisions", "query"}:
            raise _OpaError("invalid_output", "OPA answered without the batch rule's result")
        return self._read(question, result["decisions"], result["query"])

    async def _post(self, document: dict[str, Any]) -> dict[str, Any]:
        call = self._client.query_rule(document, "platform.batch", "answer", _PARAMETERS)
        try:
            body = await asyncio.wait_for(call, self._timeout)
        except TimeoutError:
            raise _OpaError("policy_timeout", "OPA missed the deadline") from None
        except aiohttp.ClientResponseError as error:
            raise _OpaError("policy_error", f"OPA answered {error.status}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise _OpaError("policy_error", f"OPA: {type(error).__name__}") from None
        except ValueError:
            raise _OpaError("invalid_output", "OPA's answer is not JSON") from None
        if not isinstance(body, dict):
            raise _OpaError("invalid_output", "OPA's answer is not an object")
        return body

    def _learn(self, provenance: object) -> None:
        if not isinstance(provenance, dict):
            return
        self._version = str(provenance.get("version", ""))
        bundles = provenance.get("bundles")
        named = bundles if isinstance(bundles, dict) else {}
        self._revisions = {
            str(name).rstrip("/").rpartition("/")[2]: str(value.get("revision", ""))
            for name, value in named.items()
            if isinstance(value, dict)
        }
        self._confirmed = time.monotonic()

    def _read(self, question: Question, decisions: object, query: object) -> Answers:
        """Answers match by position and table name."""
        if not isinstance(decisions, list) or len(decisions) != len(question.items):
            raise _OpaError("invalid_output", "OPA answered another number of tables")
        answers: dict[tuple[int, str], Answer] = {}
        for item, entry in zip(question.items, decisions, strict=True):
            keys = entry.keys() if isinstance(entry, dict) else set()
            if keys != {"fqn", "global", "domain"} or entry["fqn"] != item.fqn:
                raise _OpaError("invalid_output", "OPA answered for another table")
            for package in item.packages:
                given = entry["global" if package == GUARDRAILS else "domain"]
                answers[item.position, package] = self._one(package, given)
        if question.query is not None:
            answers[QUERY_POSITION, QUERY] = self._one(QUERY, query)
        return answers

    def _one(self, package: str, given: object) -> Answer:
        revision = _named(self._revisions, package) or ""
        if not isinstance(given, list) or len(given) > 1:
            return Answer(failure="invalid_output", detail="not one decision", revision=revision)
        if not given:
            return Answer(failure="no_package", detail="decision is undefined", revision=revision)
        return Answer(value=given[0], revision=revision)

    def _fresh(self, answers: Answers) -> Answers:
        if not self._stale:
            return answers
        stale = Answer(failure="policy_stale", detail="its bundle is too old")
        return {at: stale if _bundle(at[1]) in self._stale else a for at, a in answers.items()}

    async def _check_bundles(self) -> None:
        """Which bundles have been unhealthy for too long; nothing if OPA reports no status."""
        if time.monotonic() - self._checked < _CONFIRMED_SECONDS:
            return
        self._checked = time.monotonic()
        try:
            body = await asyncio.wait_for(self._client.get_status(), self._timeout)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return
        result = body.get("result") if isinstance(body, dict) else None
        bundles = result.get("bundles") if isinstance(result, dict) else None
        now = datetime.now(UTC)
        aged = {
            str(name): self._age(str(name), status, now)
            for name, status in (bundles or {}).items()
            if isinstance(status, dict)
        }
        self._stale = frozenset(name for name, age in aged.items() if age > self._max_stale)

    def _age(self, name: str, status: Mapping[str, Any], now: datetime) -> float:
        """Seconds since the bundle was last known to be good."""
        since = 0.0
        if status.get("code"):
            since = time.monotonic() - self._unhealthy.setdefault(name, time.monotonic())
        else:
            self._unhealthy.pop(name, None)
        last = str(status.get("last_successful_request", ""))
        try:
            asked = (now - datetime.fromisoformat(last[:19] + "+00:00")).total_seconds()
        except ValueError:
            return since
        never = asked > now.timestamp() / 2  # OPA's zero time: bundles read from disk
        return since if never else max(since, asked)

    async def close(self) -> None:
        """Close the connections."""
        if self._opened:
            await self._client.close_connection()


class _OpaError(Exception):
    """The whole request failed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def _split(question: Question) -> list[Question]:
    """One question per domain, and one for the query as a whole."""
    groups: dict[str, list[Item]] = {}
    for item in question.items:
        groups.setdefault(item.packages[-1], []).append(item)
    parts = [replace(question, items=tuple(group), query=None) for group in groups.values()]
    if question.query is not None:
        parts.append(replace(question, items=()))
    return parts


def _all(question: Question, error: _OpaError) -> Answers:
    failed = Answer(failure=error.code, detail=error.detail)
    answers = {(i.position, name): failed for i in question.items for name in i.packages}
    if question.query is not None:
        answers[QUERY_POSITION, QUERY] = failed
    return answers


def _bundle(package: str) -> str:
    head, _, rest = package.partition(".")
    return rest if head == "domains" else head


def _named(revisions: Mapping[str, str], package: str) -> str | None:
    if len(revisions) == 1:
        return next(iter(revisions.values())) or None
    return revisions.get(_bundle(package)) or None


def _version(text: str) -> tuple[int, ...]:
    numbers = text.partition("-")[0].split(".")
    return tuple(int(n) if n.isdigit() else 0 for n in numbers)
