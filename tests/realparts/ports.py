"""Ports for the lab's servers."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_of(url: str) -> int:
    """The port an address names; raises ValueError if it names none."""
    port = urlsplit(url).port
    if port is None:
        raise ValueError(f"no port in {url}")
    return port
