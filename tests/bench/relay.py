"""The relay against the cluster it stands before: the same statements, the same Trino, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import trino

from tests.bench.asking import Asker, Server
from tests.bench.delay import delayed
from tests.bench.ratios import interleaved

ONE_ROW = "SELECT 1"
TABLE_ROW = "SELECT count(*) FROM lake.tpch.nation"
LARGE = "SELECT * FROM lake.tpch.lineitem LIMIT 300000"
PYTHON_LARGE = "SELECT * FROM lake.tpch.orders LIMIT 50000"
_CLIENTS = 50
_WARM = 150
_EACH = 4
_ROUND_TRIP = 0.005


def measure(gateway: Server, direct: Server) -> dict[str, Any]:
    """Ratios of gateway to direct Trino. ``direct`` is the cluster behind ``gateway``.

    By the Python client, as people ask; a lean client shows what is left of it without one.
    """
    _warm(gateway, direct)
    return {
        "one_row_loopback": _python(gateway, direct, ONE_ROW, each=15) | {"limit": 1.0},
        "one_row_5ms": _behind_network(gateway, direct) | {"limit": 0.6},
        "table_row_loopback": _python(gateway, direct, TABLE_ROW, each=15),
        "one_row_lean_client": _lean(gateway, direct, ONE_ROW),
        "table_row_lean_client": _lean(gateway, direct, TABLE_ROW),
        "large_identity": _speed(gateway, direct, "identity") | {"at_least": 1.0},
        "large_gzip": _speed(gateway, direct, "gzip") | {"at_least": 0.9},
        "large_python_client": _inverse(_python(gateway, direct, PYTHON_LARGE)),
        "fifty_clients": _crowd(gateway, direct, _python_client) | {"at_least": 1.0},
        "fifty_lean_clients": _crowd(gateway, direct, _lean_client),
    }


def _warm(gateway: Server, direct: Server) -> None:
    """Until Trino's compilers have seen the statement: they slow down whoever asks first."""
    ours, theirs = Asker(gateway), Asker(direct)
    for _ in range(_WARM):
        for sql in (ONE_ROW, TABLE_ROW):
            ours.run(sql)
            theirs.run(sql)


def _lean(gateway: Server, direct: Server, sql: str) -> dict[str, Any]:
    ours, theirs = Asker(gateway), Asker(direct)
    found = interleaved(_seconds(ours, sql), _seconds(theirs, sql), each=15)
    found["exchanges"] = [ours.run(sql).exchanges, theirs.run(sql).exchanges]
    return found


def _behind_network(gateway: Server, direct: Server) -> dict[str, Any]:
    with (
        delayed(_port(gateway), _ROUND_TRIP) as our_port,
        delayed(_port(direct), _ROUND_TRIP) as their_port,
    ):
        ours, theirs = _at(gateway, our_port), _at(direct, their_port)
        return _python(ours, theirs, ONE_ROW, each=15)


def _speed(gateway: Server, direct: Server, encoding: str) -> dict[str, Any]:
    """Rows a second, ours ÷ theirs: the rows are the same, so it is their time ÷ ours."""
    ours, theirs = Asker(gateway, encoding), Asker(direct, encoding)
    return _inverse(interleaved(_seconds(ours, LARGE), _seconds(theirs, LARGE)))


def _inverse(found: dict[str, Any]) -> dict[str, Any]:
    low, high = found["interval"]
    turned = {
        "ratio": round(1 / found["ratio"], 3),
        "interval": [round(1 / high, 3), round(1 / low, 3)],
        "all": [round(1 / ratio, 3) for ratio in reversed(found["all"])],
    }
    return found | turned


def _seconds(asker: Asker, sql: str) -> Callable[[], float]:
    return lambda: asker.run(sql).seconds


def _python(gateway: Server, direct: Server, sql: str, each: int = 1) -> dict[str, Any]:
    """The Python client as people use it: packed answers, values made into objects."""
    ours, theirs = _connection(gateway), _connection(direct)
    return interleaved(lambda: _fetched(ours, sql), lambda: _fetched(theirs, sql), each=each)


def _connection(server: Server) -> trino.dbapi.Connection:
    parts = urlsplit(server.url)
    headers = {"X-Forwarded-Proto": "https"} if server.forwarded else {}
    return trino.dbapi.connect(
        host=parts.hostname, port=parts.port, user=server.user, catalog="lake", http_headers=headers
    )


def _fetched(connection: trino.dbapi.Connection, sql: str) -> float:
    began = time.perf_counter()
    cursor = connection.cursor()
    cursor.execute(sql)
    cursor.fetchall()
    return time.perf_counter() - began


def _crowd(gateway: Server, direct: Server, client: Callable[[Server], None]) -> dict[str, Any]:
    """Queries a second of 50 clients, ours ÷ theirs."""
    return _inverse(
        interleaved(lambda: _together(gateway, client), lambda: _together(direct, client), rounds=7)
    )


def _lean_client(server: Server) -> None:
    asker = Asker(server)
    for _ in range(_EACH):
        asker.run(TABLE_ROW)
    asker.close()


def _python_client(server: Server) -> None:
    with closing(_connection(server)) as connection:
        for _ in range(_EACH):
            _fetched(connection, TABLE_ROW)


def _together(server: Server, client: Callable[[Server], None]) -> float:
    """Seconds until 50 clients have asked their statements each; any error ends it."""
    began = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as pool:
        for done in [pool.submit(client, server) for _ in range(_CLIENTS)]:
            done.result()
    return time.perf_counter() - began


def _port(server: Server) -> int:
    return urlsplit(server.url).port or 0


def _at(server: Server, port: int) -> Server:
    return replace(server, url=f"http://127.0.0.1:{port}")
