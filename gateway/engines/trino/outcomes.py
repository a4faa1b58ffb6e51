"""What a cluster's answers mean to the gateway: pages, errors, losses."""

from __future__ import annotations

from types import MappingProxyType

import structlog

from gateway.engines.failures import failure, scrubbed
from gateway.engines.trino.pages import Page, Stats, UpstreamError
from gateway.errors import MeshgateError
from gateway.relayed import Handle, Progress, RelayedPage
from gateway.tokens.names import KEY_CATALOG, KEY_SCHEMA, KEY_TABLE

_LOG = structlog.get_logger()
_FIRST = ("state", "queued", "scheduled", "progressPercentage")
_TIMES = ("elapsedTimeMillis", "queuedTimeMillis")
_NUMBERS = tuple(
    (field, name)
    for field, name in zip(Stats.__struct_fields__, Stats.__struct_encode_fields__, strict=True)
    if name not in _FIRST + _TIMES
)
_HINTS = frozenset({"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND", "COLUMN_NOT_FOUND"})
_KEY_NAMES = (
    f"{KEY_CATALOG}.{KEY_SCHEMA}",
    f"'{KEY_CATALOG}'",
    f'"{KEY_SCHEMA}"."{KEY_TABLE}"',
)
_OUR_DEFECTS = frozenset({"SYNTAX_ERROR", "COLUMN_NOT_FOUND", "PERMISSION_DENIED"})
_REFUSED = (
    "the cluster does not accept this gateway at the moment; try again later, or tell the operators"
)
_NOT_READY = frozenset(
    {
        "SERVER_STARTING_UP",
        "SERVER_SHUTTING_DOWN",
        "NO_NODES_AVAILABLE",
        "REMOTE_HOST_GONE",
        "CATALOG_NOT_AVAILABLE",
    }
)
"""Errors after which a read-only statement may be sent again while no row was delivered."""


class NotReadyError(MeshgateError):
    """The cluster does not run the statement now, but may in a moment.

    ``answered`` is False where it could not even be reached.
    """

    def __init__(self, error: MeshgateError, *, answered: bool = True) -> None:
        super().__init__(error.name, error.message, audit=error.audit)
        self.answered = answered


def is_not_ready(error: UpstreamError | None) -> bool:
    """Whether an error of a page says that the cluster is not ready."""
    return error is not None and error.error_name in _NOT_READY


def relayed(page: Page, handle: Handle, after: Handle | None) -> RelayedPage:
    """Turn a page of the cluster into what a client may have of it.

    The cluster's own warnings stay behind: they speak of the rewritten text.
    """
    error = None if page.error is None else page_error(page.error, handle)
    return RelayedPage(
        progress(page.stats),
        page.columns,
        page.data,
        page.rows,
        None if error else after,
        error,
        update_type=page.update_type,
        update_count=page.update_count,
    )


def progress(stats: Stats) -> Progress:
    """Take over the statistics; which of them a client sees is decided later."""
    percent = stats.progress_percentage or 0.0
    return Progress(
        stats.state,
        stats.queued,
        stats.scheduled,
        max(stats.elapsed_time_millis, 0),
        max(stats.queued_time_millis, 0),
        int(min(max(percent, 0.0), 100.0)),
        MappingProxyType({name: getattr(stats, field) for field, name in _NUMBERS}),
    )


def page_error(error: UpstreamError, handle: Handle) -> MeshgateError:
    """Redact an error of the cluster; what only a defect of ours can cause is logged loudly."""
    if _tells_of_keys(error):
        return no_key(error.error_name)
    if error.error_name in _OUR_DEFECTS:
        event = "trino.lock_refused" if error.error_name == "PERMISSION_DENIED" else "trino.defect"
        _LOG.error(event, upstream=handle.upstream_id, error=error.error_name)
    return scrubbed(error.error_name, error.message)


def no_key(cause: str) -> MeshgateError:
    """A mask found no key, or more than one."""
    _LOG.error("trino.key_unavailable", cause=cause)
    return failure("TOKEN_KEY_UNAVAILABLE", "", cause=cause)


def _tells_of_keys(error: UpstreamError) -> bool:
    """Whether a mask found no key: the texts that Trino has for it (HMAC, analyzer, connector)."""
    if error.error_name == "GENERIC_INTERNAL_ERROR":
        return error.message == "Empty key"
    if error.error_name == "JDBC_ERROR":  # the only catalog of that kind holds the keys
        return True
    return error.error_name in _HINTS and any(name in error.message for name in _KEY_NAMES)


def unreachable(cause: str) -> MeshgateError:
    """No cluster took the statement: nothing runs."""
    _LOG.error("trino.unreachable", cause=cause)
    return NotReadyError(failure("NO_NODES_AVAILABLE", "", cause=cause), answered=False)


def lost(handle: Handle, cause: str) -> MeshgateError:
    """The cluster lost a statement that it had, or does not answer for it."""
    _LOG.warning("trino.lost", upstream=handle.upstream_id, cause=cause)
    return failure("REMOTE_HOST_GONE", "", cause=cause)


def not_whole(error: Exception, upstream_id: str) -> MeshgateError:
    """Refuse an answer that is not of the known shape."""
    _LOG.error("trino.page_refused", upstream=upstream_id, cause=str(error))
    return failure("GENERIC_INTERNAL_ERROR", "", cause=type(error).__name__)


def refused_status(status: int) -> MeshgateError:
    """Name an HTTP answer that is none of the statement protocol."""
    if status in {401, 403}:
        _LOG.error("trino.credentials_refused", status=status, do="check the service's password")
        return MeshgateError("CONFIGURATION_UNAVAILABLE", _REFUSED, audit=_cause(status))
    _LOG.error("trino.status", status=status)
    if status in {429, 502, 503, 504}:
        return NotReadyError(
            failure("NO_NODES_AVAILABLE", "", cause=_cause(status)["engine_error"])
        )
    return failure("GENERIC_INTERNAL_ERROR", "", cause=f"HTTP {status}")


def _cause(status: int) -> dict[str, str]:
    return {"engine_error": f"HTTP {status}"}
