"""Floating-point and calendar text as Java writes it."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

_NAMES = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-3, 1e7
_EPOCH_SHIFT = 719468  # days from 0000-03-01 to 1970-01-01
_LAST_PLAIN_YEAR = 9999


def java_texts(array: pa.Array) -> pa.Array:
    """Text of ``Double.toString`` or ``Float.toString`` (JDK 19+) for each value; null stays.

    Arrow gives the shortest digits; only the form differs. Values outside 10⁻³ ≤ |x| < 10⁷
    are rare and are rewritten one by one.
    """
    text = array.cast(pa.string())
    size = pc.abs(array)
    plain = pc.or_(
        pc.and_(pc.greater_equal(size, _SMALLEST_PLAIN), pc.less(size, _LARGEST_PLAIN)),
        pc.equal(size, 0.0),
    )
    whole = pc.and_(plain, pc.equal(pc.floor(array), array))
    if pc.any(whole).as_py():
        text = pc.if_else(whole, pc.binary_join_element_wise(text, ".0", ""), text)
    odd = pc.fill_null(pc.invert(plain), fill_value=False)
    if not pc.any(odd).as_py():
        return text
    values = zip(text.filter(odd).to_pylist(), array.filter(odd).to_pylist(), strict=True)
    fixed = [_scientific(digits, value) for digits, value in values]
    return pc.replace_with_mask(text, odd, pa.array(fixed, pa.string()))


def _scientific(text: str, value: float) -> str:
    """``d.dddE±n``; Java shows the best two digits where one would do."""
    if text in _NAMES:
        return _NAMES[text]
    sign, digits, exponent = Decimal(text).normalize().as_tuple()
    if len(digits) == 1:
        sign, digits, exponent = Decimal(f"{value:.1e}").as_tuple()
    power = len(digits) - 1 + int(exponent)
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{power}"


def calendar_date(days: int) -> str:
    """ISO text of a day number of any size: ``-0044-03-15``, ``+10000-01-01``."""
    era, of_era = divmod(days + _EPOCH_SHIFT, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    day = of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004 - March starts the year
    full = year + era * 400 + (month <= 2)  # noqa: PLR2004 - January and February
    if full > _LAST_PLAIN_YEAR:
        return f"+{full}-{month:02d}-{day:02d}"
    sign = "-" if full < 0 else ""
    return f"{sign}{abs(full):04d}-{month:02d}-{day:02d}"
