"""Upstream addresses: taken apart strictly, put together from their parts, never followed.

An answer of the cluster names the next page by a full URI. Only its path is read, by one closed
pattern; host and port are the operator's. So no answer can send a credential elsewhere.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from gateway.relayed import Handle

_ID = r"[0-9]{8}_[0-9]{6}_[0-9]{5}_[a-z0-9]{5}"
_SLUG = r"[A-Za-z0-9_-]{1,128}"
_TOKEN = r"0|[1-9][0-9]{0,17}"  # noqa: S105 - the number of a page
_ORIGIN = r"https?://[A-Za-z0-9.:\[\]-]{1,255}"
_NEXT = re.compile(
    rf"{_ORIGIN}/v1/statement/(queued|executing)/({_ID})/({_SLUG})/({_TOKEN})", re.ASCII
)
_PARTIAL = re.compile(
    rf"{_ORIGIN}/v1/statement/executing/partialCancel/({_ID})/([0-9]{{1,6}})/{_SLUG}/(?:{_TOKEN})",
    re.ASCII,
)
_QUERY_ID = re.compile(_ID, re.ASCII)
_PARTS = re.compile(rf"(?:queued|executing)/{_ID}/{_SLUG}/(?:{_TOKEN})", re.ASCII)


class AddressError(ValueError):
    """An address that is not of the one known shape; the text holds nothing of it."""


def base_url(url: str) -> tuple[str, Literal["http", "https"]]:
    """Read the operator's address of a cluster: ``(origin, scheme)``.

    Raises:
        AddressError: another scheme, user information, a path, a query or a bad port.

    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressError("the cluster's address does not read") from None
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    origin = f"{scheme}://{shown}" + (f":{port}" if port is not None else "")
    if parts.scheme not in {"http", "https"} or not host or url.rstrip("/").lower() != origin:
        raise AddressError("a cluster's address is http(s)://host:port, without anything more")
    return origin, scheme


def check_query_id(query_id: str) -> str:
    """Return a query id of Trino's form; raises AddressError for any other text."""
    if _QUERY_ID.fullmatch(query_id) is None:
        raise AddressError("an answer of the cluster names no query id of the known form")
    return query_id


def next_handle(uri: str, before: Handle) -> Handle:
    """Read ``nextUri`` of a page of the statement that stands at ``before``.

    The statement stays the same and its pages only go forward: executing never returns to
    queued, and a token grows.

    Raises:
        AddressError: any other shape, another statement, or a step backwards.

    """
    found = _NEXT.fullmatch(uri)
    if found is None:
        raise AddressError("the address of the next page has an unknown shape")
    phase, query_id, slug, token = found.groups()
    if query_id != before.upstream_id:
        raise AddressError("the next page belongs to another statement")
    after = Handle(before.cluster, query_id, phase, slug, int(token), before.attempt, before.stage)
    if (phase == "executing", after.token) <= (before.phase == "executing", before.token):
        raise AddressError("the next page is not a later one")
    return after


def partial_stage(uri: str, query_id: str) -> int:
    """Read the stage that ``partialCancelUri`` stops; raises AddressError."""
    found = _PARTIAL.fullmatch(uri)
    if found is None or found.group(1) != query_id:
        raise AddressError("the address to cancel a stage has an unknown shape")
    return int(found.group(2))


def page_path(handle: Handle) -> str:
    """Write the path of a page; raises AddressError for parts of an unknown shape."""
    path = f"{handle.phase}/{handle.upstream_id}/{handle.slug}/{handle.token}"
    if _PARTS.fullmatch(path) is None:
        raise AddressError("a handle has an unknown shape")
    return f"/v1/statement/{path}"


def stage_path(handle: Handle) -> str:
    """Write the path that stops the leaf stage of a handle; raises AddressError."""
    page_path(handle)
    place = f"{handle.upstream_id}/{int(handle.stage)}/{handle.slug}/{handle.token}"
    return f"/v1/statement/executing/partialCancel/{place}"
