"""The second lock as an ASGI application: ``POST /trino-opa/v1/…``, asked by every cluster.

Any doubt, and any defect, is answered with 500 and no body: Trino fails the statement, and its
error text, which people read, has nothing of ours to show.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from gateway.identity.principal import Principal
from gateway.lock.deciding import DirectDecisions
from gateway.lock.direct import Direct
from gateway.lock.identities import Identity, Role, identify
from gateway.lock.pins import Pins
from gateway.lock.roles import Bare, KeyReader, Nobody, Service
from gateway.lock.wire import Ask, DoubtError, read
from gateway.names import TableName
from gateway.policy.service import PolicyService
from gateway.query.service import Sources
from gateway.state.active import ActiveDecisions

PREFIX = "/trino-opa/v1/"
MAX_BYTES = 64 << 20
_KNOWN = ()  # pinned like a table or a catalog, and equal to the name of none
_LOG = structlog.get_logger(__name__)
_Way = Callable[[Ask, Direct | Nobody], Awaitable[object]]
_ENCODE = msgspec.json.Encoder().encode


class SecondLock:
    """Answers one cluster's questions from the decisions the gateway itself would take.

    Args:
        policy: takes the decisions about direct logins.
        sources: the current catalog, grants and clock.
        principal: a person of the directory by bare name; None for a name nobody has.
        active: what statements through the gateway may read at this moment.
        service: the gateway's own login name on the cluster.
        key_table: ``catalog.schema.table`` of token keys.
        refused: why a token domain's key version is not served on the cluster; None if it is.
        pin_seconds: for how long one identity hears one answer, at least.

    """

    def __init__(
        self,
        policy: PolicyService,
        sources: Sources,
        principal: Callable[[str], Principal | None],
        active: ActiveDecisions,
        *,
        service: str = "meshgate",
        key_table: str = "gov.gw.keys",
        refused: Callable[[str, int], str | None] = lambda _domain, _version: None,
        pin_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources, self._active, self._service = sources, active, service
        self._key_table = TableName.parse(key_table)
        self._refused = refused
        self._decisions = DirectDecisions(policy, sources, principal, clock)
        self._pins = Pins(pin_seconds, clock)
        self._ways: dict[str, _Way] = {
            "allow": _allow,
            "batch": _batch,
            "rowFilters": _row_filters,
            "batchColumnMasks": _masks,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of the plugin."""
        way = self._ways.get(scope["path"].removeprefix(PREFIX))
        if scope["method"] != "POST" or way is None:
            await _send(send, 404, b"")
            return
        ask = None
        try:
            ask = read(await _body(receive))
            answer = await self._answer(ask, way)
        except DoubtError as doubt:
            _LOG.warning("lock.doubt", **_told(ask), reason=str(doubt))
            await _send(send, 500, b"")
        except Exception:  # noqa: BLE001 - a defect must not become an answer
            _LOG.exception("lock.failed", **_told(ask))
            await _send(send, 500, b"")
        else:
            await _send(send, 200, _ENCODE({"result": answer}))

    async def _answer(self, ask: Ask, way: _Way) -> object:
        if ask.operation.startswith("CreateView"):
            return False
        identity = identify(ask.user, self._service)
        if identity.role is Role.BARE:
            return await self._bare(ask, way, identity.name)
        return await way(ask, await self._who(identity))

    async def _bare(self, ask: Ask, way: _Way, name: str) -> object:
        """Refuse only by the newest state: another gateway may have opened a decision just now.

        A filter too is told by the newest state alone: it must be as wide as every statement's.
        """
        fresh = ask.operation == "GetRowFilters"
        answer = await way(ask, Bare(await self._active.of(name, fresh=fresh), self._key_table))
        if answer is False and not fresh:
            active = await self._active.of(name, fresh=True)
            return await way(ask, Bare(active, self._key_table))
        return answer

    async def _direct(self, name: str) -> Direct | Nobody:
        view = await self._decisions.view(name)
        self._pins.hold(name, _KNOWN, view is not None)
        return Nobody() if view is None else Direct(name, view, self._pins, self._refused)

    async def _who(self, identity: Identity) -> Direct | Nobody:
        match identity.role:
            case Role.DIRECT:
                return await self._direct(identity.name)
            case Role.KEYS:
                return KeyReader(self._sources.snapshot().tables, self._key_table)
            case Role.SERVICE:
                return Service(self._key_table)
        return Nobody()


def _told(ask: Ask | None) -> dict[str, str]:
    return {} if ask is None else {"user": ask.user, "operation": ask.operation}


async def _allow(ask: Ask, who: Direct | Nobody) -> object:
    return who.allow(ask)


async def _batch(ask: Ask, who: Direct | Nobody) -> object:
    return who.batch(ask)


async def _row_filters(ask: Ask, who: Direct | Nobody) -> object:
    if ask.operation != "GetRowFilters":
        raise DoubtError("another question at the address for row filters")
    if isinstance(who, (Direct, Bare)):
        return who.row_filters(ask)
    return [] if who.readable(ask.table()) else False


async def _masks(ask: Ask, who: Direct | Nobody) -> object:
    if ask.operation != "GetColumnMask":
        raise DoubtError("another question at the address for masks")
    if isinstance(who, Direct):
        return await who.masks(ask)
    return [] if who.readable(ask.asked_columns()[0]) else False


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise DoubtError("the connection ended")
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BYTES:
            raise DoubtError("the question is too large")
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
