"""What generated text relies on in a DuckDB session."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "TimeZone": "UTC",
        "default_collation": "",
        "ieee_floating_point_ops": "true",
        "integer_division": "false",
        "error_on_division_by_zero": "true",
        "scalar_subquery_error_on_multiple_rows": "true",
        "default_null_order": "NULLS_LAST",
        "preserve_insertion_order": "true",
    }
)
"""Session settings by name, as text."""


_REFUSED = "CAST('MG:NOT_SUPPORTED' AS INTEGER)"
MACROS: tuple[str, ...] = (
    # halves go up, also before 1970
    """CREATE MACRO mg_m_round_timestamp(v, f) AS make_timestamp(
        epoch_us(v) + f // 2 - (((epoch_us(v) + f // 2) % f) + f) % f)""",
    f"""CREATE MACRO mg_m_date_text(v) AS CASE WHEN v IS NULL THEN NULL
        WHEN year(v) BETWEEN 1 AND 9999 THEN CAST(v AS VARCHAR)
        ELSE CAST({_REFUSED} AS VARCHAR) END""",
    f"""CREATE MACRO mg_m_timestamp_text(v, n) AS CASE WHEN v IS NULL THEN NULL
        WHEN year(v) BETWEEN 1 AND 9999 THEN left(strftime(v, '%Y-%m-%d %H:%M:%S.%f'), 19 + n)
        ELSE CAST({_REFUSED} AS VARCHAR) END""",
    """CREATE MACRO mg_m_time_text(v) AS CAST(v AS VARCHAR)
        || CASE WHEN length(CAST(v AS VARCHAR)) > 8 THEN '000000' ELSE '.000000' END""",
    """CREATE MACRO mg_m_day_interval_text(v) AS CASE WHEN v < 0 THEN '-' ELSE '' END
        || CAST(abs(v) // 86400000 AS VARCHAR) || ' '
        || printf('%02d:%02d:%02d.%03d', (abs(v) // 3600000) % 24, (abs(v) // 60000) % 60,
            (abs(v) // 1000) % 60, abs(v) % 1000)""",
    """CREATE MACRO mg_m_substr(v, s) AS CASE WHEN v IS NULL OR s IS NULL THEN NULL
        WHEN s = 0 OR s > length(v) OR -s > length(v) THEN ''
        WHEN s > 0 THEN substring(v, s) ELSE substring(v, length(v) + s + 1) END""",
    """CREATE MACRO mg_m_substr_n(v, s, n) AS CASE WHEN n IS NULL THEN NULL
        WHEN v IS NULL OR s IS NULL THEN NULL
        WHEN n <= 0 THEN '' ELSE left(mg_m_substr(v, s), least(n, 2147483647)) END""",
    # d: all digits, p: digits before the point, x: the exponent of the printed number
    """CREATE MACRO mg_m_sci(negative, d, p, x) AS CASE WHEN negative THEN '-' ELSE '' END
        || left(ltrim(d, '0'), 1) || '.'
        || CASE WHEN rtrim(substring(ltrim(d, '0'), 2), '0') = '' THEN '0'
           ELSE rtrim(substring(ltrim(d, '0'), 2), '0') END
        || 'E' || CAST(p - 1 - (length(d) - length(ltrim(d, '0'))) + x AS VARCHAR)""",
    """CREATE MACRO mg_m_sci_of(negative, m, x) AS mg_m_sci(negative, replace(m, '.', ''),
        length(split_part(m, '.', 1)), x)""",
    f"""CREATE MACRO mg_m_float_text(v) AS CASE WHEN v IS NULL THEN NULL WHEN isnan(v) THEN 'NaN'
        WHEN isinf(v) THEN CASE WHEN v > 0 THEN 'Infinity' ELSE '-Infinity' END
        WHEN v = 0 THEN CASE WHEN starts_with(CAST(v AS VARCHAR), '-') THEN '-0E0' ELSE '0E0' END
        WHEN abs(v) > 1e-7 AND abs(v) < 1e16 THEN mg_m_sci_of(v < 0,
            split_part(CAST(abs(v) AS VARCHAR), 'e', 1),
            coalesce(TRY_CAST(split_part(CAST(abs(v) AS VARCHAR), 'e', 2) AS INTEGER), 0))
        ELSE CAST({_REFUSED} AS VARCHAR) END""",
)
"""``CREATE MACRO`` statements to run, in this order, in the locked database."""
