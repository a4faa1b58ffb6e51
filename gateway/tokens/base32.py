"""Base32 (RFC 4648) of many values at once: big-integer arithmetic instead of a loop."""

from __future__ import annotations

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_TABLE = _ALPHABET + bytes(256 - len(_ALPHABET))
_GROUP, _LANE = 5, 8
_SPREADS = ((20, 32), (10, 16), (5, 8))
"""40 bits of a 64-bit lane move apart in halves: to 32, 16, then 8 bits each."""


def encode(data: bytes) -> bytes:
    """Encode whole groups of five bytes as eight characters each, without padding.

    Raises ValueError where the length is no multiple of five.
    """
    lanes, rest = divmod(len(data), _GROUP)
    if rest:
        raise ValueError("base32 without padding takes multiples of five bytes")
    wide = bytearray(lanes * _LANE)
    for position in range(_GROUP):
        wide[_LANE - _GROUP + position :: _LANE] = data[position::_GROUP]
    number = int.from_bytes(wide, "big")
    for bits, distance in _SPREADS:
        low = int.from_bytes(_ones(bits, 2 * distance) * lanes, "big")
        high = low << bits
        number = (number & low) | ((number & high) << (distance - bits))
    return number.to_bytes(lanes * _LANE, "big").translate(_TABLE)


def _ones(bits: int, distance: int) -> bytes:
    """Build one lane with the low ``bits`` of every ``distance`` set."""
    lane = sum(((1 << bits) - 1) << start for start in range(0, _LANE * 8, distance))
    return lane.to_bytes(_LANE, "big")
