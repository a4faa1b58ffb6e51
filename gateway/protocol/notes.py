"""Governance notes, small enough to travel in a statement's addresses.

Clients want the identical list on every page from the answer to POST on, and any gateway may
give the next page: so the list goes along, compressed, and is cut where it would not fit.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import msgspec

from gateway.protocol.messages import warnings_json
from gateway.results import Warning_

MAX_PACKED = 1024
_KEPT = 256
_SHORTEST = 40  # characters: less of a message tells nothing
_MAX_UNPACKED = 1 << 20


def distinct(warnings: Sequence[Warning_]) -> tuple[Warning_, ...]:
    """One warning a code, the first: drivers drop the others."""
    first: dict[int, Warning_] = {}
    for warning in warnings:
        first.setdefault(warning.code, warning)
    return tuple(first.values())


def pack(warnings: Sequence[Warning_], room: int) -> bytes:
    """The notes in at most ``room`` bytes (and ``MAX_PACKED``); what is left out is said.

    Empty where there are none, or where not even a shortened one fits.
    """
    room = min(room, MAX_PACKED)
    every = distinct(warnings)
    for count in range(len(every), 0, -1):
        packed = _packed(_first(every, count))
        if len(packed) <= room:
            return packed
    if every:
        return _shortened(every, room)
    return b""


def unpack(packed: bytes) -> tuple[Warning_, ...]:
    """The notes that ``pack`` packed."""
    if not packed:
        return ()
    text = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, _MAX_UNPACKED)
    found: list[list[Any]] = msgspec.msgpack.decode(text, type=list[Any])
    return tuple(Warning_(code, name, message) for code, name, message in found)


@lru_cache(_KEPT)
def notes_json(packed: bytes) -> bytes:
    """The ``warnings`` of every page of a statement with these notes."""
    return warnings_json(unpack(packed))


def _first(every: tuple[Warning_, ...], count: int) -> tuple[Warning_, ...]:
    left = len(every) - count
    if not left:
        return every
    last = every[count - 1]
    return (*every[: count - 1], replace(last, message=f"{last.message} (and {_more(left)})"))


def _shortened(every: tuple[Warning_, ...], room: int) -> bytes:
    """The first note alone, cut so that it fits."""
    first, left = every[0], len(every) - 1
    end = f" … (and {_more(left)})" if left else " …"
    size = len(first.message)
    while size >= _SHORTEST:
        packed = _packed((replace(first, message=first.message[:size] + end),))
        if len(packed) <= room:
            return packed
        size = size * 3 // 4
    return b""


def _more(left: int) -> str:
    return f"{left} more note{'s' if left > 1 else ''}: EXPLAIN ACCESS shows all"


def _packed(warnings: Sequence[Warning_]) -> bytes:
    plain = msgspec.msgpack.encode([[w.code, w.name, _clean(w.message)] for w in warnings])
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return packer.compress(plain) + packer.flush()


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
