"""The statement endpoint: ``/v1/statement`` and ``/v1/query``, straight on ASGI."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace

import orjson
import structlog

from gateway.errors import MeshgateError
from gateway.identity.authenticate import (
    AuthenticationError,
    Authenticator,
    Presented,
)
from gateway.protocol.http import (
    Answer,
    Edge,
    Gzip,
    HangUpError,
    Receive,
    Scope,
    Send,
    TooLargeError,
    read_headers,
    read_text,
    respond,
    takes_gzip,
)
from gateway.protocol.poll import Poll, PollKeys, Sealer, UnknownPollError
from gateway.protocol.relays import RelayedQueries
from gateway.protocol.served import GoneError, NotHereError
from gateway.protocol.session import BadRequestError, Headers
from gateway.protocol.submit import Submitter
from gateway.protocol.table import OpenQuery, RunningQueries
from gateway.query.recording import LoginAttempt
from gateway.telemetry import QUERY_DEFECT, Metrics, where

_LOG = structlog.get_logger()
_TEXT = "text/plain; charset=utf-8"
_POLL_PARTS = 6  # v1, statement, phase, query id, slug, token
_QUERY_PARTS = 3
_PARTIAL = "partialCancel"
_UNAVAILABLE = 503
_SCHEMES = frozenset({"basic", "bearer"})


_PLAIN_FAILURES: tuple[tuple[type[Exception], int, bytes], ...] = (
    (TooLargeError, 413, b"the statement exceeds 8 MiB"),
    (GoneError, 410, b"this page was replaced by a later one"),
    (UnknownPollError, 404, b"Query not found"),
    (NotHereError, 404, b"Query not found"),
)


class _StatusError(Exception):
    """Ends a request with an HTTP status and a line of text."""

    def __init__(self, status: int, text: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.answer = Answer(status, (text.encode(),), headers or {}, _TEXT)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request, read as far as its headers."""

    method: str
    headers: Headers
    presented: Presented
    base: str
    peer: str


class StatementEndpoint:
    """An ASGI application for the statement protocol.

    Args:
        submitter: takes new statements.
        queries: the table of running ones.
        authenticator: who may ask.
        sealer, keys: continuation addresses.
        edge: how clients reach us.
        relays: the statements of a cluster, if there is one.
        gzip: when pages are packed.

    """

    def __init__(
        self,
        submitter: Submitter,
        queries: RunningQueries,
        authenticator: Authenticator,
        *,
        sealer: Sealer,
        keys: PollKeys,
        edge: Edge,
        metrics: Metrics,
        relays: RelayedQueries | None = None,
        gzip: Gzip = "auto",
    ) -> None:
        self._relays = relays
        self._gzip: Gzip = gzip
        self._submitter = submitter
        self._queries = queries
        self._authenticator = authenticator
        self._sealer = sealer
        self._keys = keys
        self._edge = edge
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; nothing escapes as a traceback."""
        packable = False
        try:
            headers = read_headers(scope)
            peer = self._edge.peer(scope, headers)
            packable = takes_gzip(headers, peer, self._gzip)
            request = _Request(
                scope["method"],
                headers,
                self._edge.presented(scope, headers),
                self._edge.base(scope, headers),
                peer,
            )
            parts = [part for part in scope["path"].split("/") if part]
            answer = await self._route(request, parts, receive)
        except HangUpError:
            return
        except AuthenticationError as error:
            answer = await self._login_failed(scope, error)
        except Exception as error:  # noqa: BLE001 - the edge: every defect becomes an answer
            answer = self._failed(error)
        if scope["method"] == "HEAD":
            answer = replace(answer, body=())
        await respond(send, answer, packable=packable)

    def _failed(self, error: Exception) -> Answer:
        if isinstance(error, _StatusError):
            return error.answer
        if isinstance(error, BadRequestError):
            return Answer(400, (str(error).encode("utf-8", "replace"),), type=_TEXT)
        if isinstance(error, MeshgateError):  # the shared state is down
            return Answer(_UNAVAILABLE, (error.message.encode(),), type=_TEXT)
        for kind, status, text in _PLAIN_FAILURES:
            if isinstance(error, kind):
                return Answer(status, (text,), type=_TEXT)
        _LOG.error(QUERY_DEFECT, **where(error))
        return Answer(500, (b"the gateway failed; its log says where",), type=_TEXT)

    async def _login_failed(self, scope: Scope, error: AuthenticationError) -> Answer:
        """Refuse a login; one that was tried is recorded before it is refused."""
        self._metrics.login_refused(error.status)
        try:
            if error.claimed is not None:
                headers = read_headers(scope)
                method = _scheme(headers.one("authorization"))
                peer = self._edge.peer(scope, headers)
                await self._submitter.login_failed(LoginAttempt(error.claimed, method, peer))
        except MeshgateError as failure:
            return Answer(_UNAVAILABLE, (failure.message.encode(),), type=_TEXT)
        return Answer(error.status, (error.message.encode(),), error.headers, _TEXT)

    async def _route(self, request: _Request, parts: list[str], receive: Receive) -> Answer:
        if parts == ["v1", "statement"]:
            return await self._statement(request, receive)
        if len(parts) == _POLL_PARTS and parts[:2] == ["v1", "statement"]:
            return await self._poll(request, parts)
        if len(parts) == _QUERY_PARTS and parts[:2] == ["v1", "query"]:
            return await self._query(request, parts[2])
        raise _StatusError(404, "Not found")

    async def _statement(self, request: _Request, receive: Receive) -> Answer:
        if request.method == "HEAD":
            self._metrics.request("info")
            await self._authenticator.authenticate(request.presented)
            return Answer(200)
        if request.method != "POST":
            raise _StatusError(405, "use POST", {"Allow": "POST, HEAD"})
        self._metrics.request("submit")
        if self._queries.draining:
            raise _StatusError(503, "this gateway is shutting down; retry elsewhere")
        caller = await self._authenticator.authenticate(request.presented)
        text = await read_text(receive)
        if not text.strip():
            raise BadRequestError("SQL statement is empty")
        credential = self._keys.credential(request.presented.authorization)
        page, headers = await self._submitter.submit(
            text, request.headers, caller, base=request.base, peer=request.peer,
            credential=credential,
        )  # fmt: skip
        return Answer(200, page.body(), headers)

    async def _poll(self, request: _Request, parts: list[str]) -> Answer:
        poll = self._sealer.open(*parts[2:])
        query = self._queries.get(poll.query_id)
        await self._check_poller(request.presented, poll)
        if query is None and self._relays is not None:
            query = self._queries.get(poll.query_id) or await self._relays.adopt(poll)
        if query is None:
            raise NotHereError
        if request.method == "HEAD":
            self._metrics.request("heartbeat")
            query.touch()
            return Answer(200)
        if request.method == "DELETE":
            return await self._cancel(query, poll)
        if request.method != "GET" or poll.phase == _PARTIAL:
            raise _StatusError(405, "use GET, HEAD or DELETE", {"Allow": "GET, HEAD, DELETE"})
        self._metrics.request("poll")
        page = await query.page(poll, request.base)
        return Answer(200, page.body(), query.headers)

    async def _cancel(self, query: OpenQuery, poll: Poll) -> Answer:
        self._metrics.request("cancel")
        if poll.phase == _PARTIAL:
            await query.finish_early()
        else:
            await query.cancel()
        return Answer(204)

    async def _check_poller(self, presented: Presented, poll: Poll) -> None:
        """The credential that submitted, even if expired since, or a valid one of that person."""
        if poll.credential:
            same = self._keys.credential(presented.authorization)
            if hmac.compare_digest(same, poll.credential):
                return
        caller = await self._authenticator.authenticate(presented)
        if caller.principal.id != poll.subject:
            raise NotHereError

    async def _query(self, request: _Request, query_id: str) -> Answer:
        caller = await self._authenticator.authenticate(request.presented)
        if request.method == "DELETE":
            self._metrics.request("cancel")
            if not await self._submitter.cancel(query_id, caller):
                raise NotHereError
            return Answer(204)
        record = self._submitter.seen(query_id, caller)
        if record is None:
            raise NotHereError
        if request.method != "GET":
            raise _StatusError(405, "use GET or DELETE", {"Allow": "GET, DELETE"})
        self._metrics.request("info")
        document = {
            "queryId": query_id,
            "state": record.state,
            "query": record.text.encode("utf-8", "replace").decode(),
            "user": record.principal,
            "createTime": record.created.isoformat(),
            "endTime": record.ended.isoformat() if record.ended else None,
            "errorName": record.error.name if record.error else None,
        }
        return Answer(200, (orjson.dumps(document),))


def _scheme(authorization: str | None) -> str:
    """The method a credential was presented by; nothing else of it."""
    scheme = (authorization or "").partition(" ")[0].lower()
    return scheme if scheme in _SCHEMES else "none"
