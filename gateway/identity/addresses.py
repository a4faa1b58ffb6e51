"""Where a connection comes from."""

from __future__ import annotations

import ipaddress


def is_loopback(address: str) -> bool:
    """Whether an address is this machine. Names are not resolved, and Unix sockets are local."""
    if address in {"localhost", "unix"}:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
