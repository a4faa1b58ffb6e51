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


_BLANKS = " \t\n\x0b\f\r\x1c\x1d\x1e\x1f\u1680\u2028\u2029\u205f\u3000" + "".join(
    chr(code)
    for code in range(0x2000, 0x200B)
    if code != 0x2007  # noqa: PLR2004 - no-break
)
"""What Java calls white space."""
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
        WHEN s = 0 OR s > length(v) OR s < -length(v) THEN ''
        WHEN s > 0 THEN substring(v, least(s, 2147483647))
        ELSE substring(v, length(v) + greatest(least(s, 0), -2147483647) + 1) END""",
    """CREATE MACRO mg_m_substr_n(v, s, n) AS CASE WHEN n IS NULL THEN NULL
        WHEN v IS NULL OR s IS NULL THEN NULL
        WHEN n <= 0 THEN '' ELSE left(mg_m_substr(v, s), least(n, 2147483647)) END""",
    *(
        f"CREATE MACRO mg_m_{name}(v) AS {name}(v, '{_BLANKS}')"
        for name in ("trim", "ltrim", "rtrim")
    ),
    """CREATE MACRO mg_m_join(l, s) AS substring(list_reduce(
        list_filter(l, lambda mg_x: mg_x IS NOT NULL),
        lambda mg_x, mg_y: mg_x || s || mg_y, ''), length(s) + 1)""",
    """CREATE MACRO mg_m_replace(v, s, r) AS CASE WHEN s = '' AND v = '' THEN r
        WHEN s = '' THEN r || mg_m_join(regexp_extract_all(v, '(?s).'), r) || r
        ELSE replace(v, s, r) END""",
    """CREATE MACRO mg_m_split(v, s, n) AS CASE WHEN len(string_split(v, s)) <= n
        THEN string_split(v, s) WHEN n IS NOT NULL THEN string_split(v, s)[1:n - 1]
        || [mg_m_join(string_split(v, s)[n:], s)] END""",
    """CREATE MACRO mg_m_ln(v) AS CASE WHEN v > 0 THEN ln(v)
        WHEN v = 0 THEN CAST('-Infinity' AS DOUBLE)
        WHEN v IS NOT NULL THEN CAST('NaN' AS DOUBLE) END""",
    # Java: NaN also for 1 to the NaN and for -1, 1 to the infinite
    """CREATE MACRO mg_m_power(v, n) AS CASE WHEN v IS NULL OR n IS NULL THEN NULL
        WHEN isnan(n) OR (abs(v) = 1 AND isinf(n)) THEN CAST('NaN' AS DOUBLE) ELSE pow(v, n) END""",
    f"""CREATE MACRO mg_m_width_bucket(v, low, high, n) AS CASE
        WHEN v IS NULL OR low IS NULL OR high IS NULL OR n IS NULL THEN NULL
        WHEN n <= 0 OR n > 1000000 OR low = high OR isnan(v) OR NOT isfinite(low)
            OR NOT isfinite(high) OR isinf(v) THEN CAST({_REFUSED} AS BIGINT)
        WHEN low < high THEN CASE WHEN v < low THEN 0 WHEN v >= high THEN n + 1
            ELSE CAST(floor(CAST(n AS DOUBLE) * (v - low) / (high - low)) AS BIGINT) + 1 END
        ELSE CASE WHEN v > low THEN 0 WHEN v <= high THEN n + 1
            ELSE CAST(floor(CAST(n AS DOUBLE) * (low - v) / (low - high)) AS BIGINT) + 1 END END""",
    # three-valued: an unknown element makes a miss unknown
    """CREATE MACRO mg_m_any(l) AS CASE WHEN l IS NULL THEN NULL WHEN list_contains(l, true)
        THEN true WHEN len(l) > list_count(l) THEN NULL ELSE false END""",
    """CREATE MACRO mg_m_all(l) AS CASE WHEN l IS NULL THEN NULL WHEN list_contains(l, false)
        THEN false WHEN len(l) > list_count(l) THEN NULL ELSE true END""",
    """CREATE MACRO mg_m_contains(l, e) AS CASE WHEN l IS NULL OR e IS NULL THEN NULL
        WHEN list_contains(l, e) THEN true WHEN len(l) > list_count(l) THEN NULL ELSE false END""",
    """CREATE MACRO mg_m_overlap(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
        WHEN list_has_any(list_filter(a, lambda mg_x: mg_x IS NOT NULL),
            list_filter(b, lambda mg_x: mg_x IS NOT NULL)) THEN true
        WHEN len(a) = 0 OR len(b) = 0 THEN false
        WHEN len(a) > list_count(a) OR len(b) > list_count(b) THEN NULL ELSE false END""",
    """CREATE MACRO mg_m_array_equal(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
        WHEN len(a) <> len(b) THEN false
        ELSE mg_m_all(list_transform(list_zip(a, b), lambda mg_x: mg_x[1] = mg_x[2])) END""",
    # the first of equal elements stays where it is
    """CREATE MACRO mg_m_distinct(l) AS list_filter(l, lambda mg_x, mg_i:
        CASE WHEN mg_x IS NULL THEN len(list_filter(l[1:mg_i], lambda mg_y: mg_y IS NULL)) = 1
        ELSE list_position(l, mg_x) = mg_i END)""",
    """CREATE MACRO mg_m_has(l, e) AS CASE WHEN e IS NULL THEN len(l) > list_count(l)
        ELSE list_contains(l, e) END""",
    """CREATE MACRO mg_m_except(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
        ELSE list_filter(mg_m_distinct(a), lambda mg_z: NOT mg_m_has(b, mg_z)) END""",
    """CREATE MACRO mg_m_intersect(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
        ELSE list_filter(mg_m_distinct(a), lambda mg_z: mg_m_has(b, mg_z)) END""",
    """CREATE MACRO mg_m_slice(l, s, n) AS CASE WHEN l IS NULL OR s IS NULL OR n IS NULL THEN NULL
        WHEN n = 0 OR s > len(l) OR s < -len(l) THEN list_filter(l, lambda mg_x: false)
        ELSE l[CASE WHEN s > 0 THEN s ELSE len(l) + s + 1 END:
            CASE WHEN s > 0 THEN s ELSE len(l) + s + 1 END + least(n, len(l)) - 1] END""",
    """CREATE MACRO mg_m_map(k, v, failed) AS CASE WHEN k IS NULL OR v IS NULL THEN NULL
        WHEN len(k) <> len(v) OR len(k) > list_count(k) OR len(list_distinct(k)) <> len(k)
        THEN failed ELSE map(k, v) END""",
    """CREATE MACRO mg_m_entries(l, failed) AS CASE WHEN len(l) > list_count(l)
        OR len(list_distinct(list_transform(l, lambda mg_x: mg_x.f1))) <> len(l)
        THEN failed ELSE map_from_entries(l) END""",
    # never longer than allowed: DuckDB may evaluate it while planning, whatever CASE it stands in
    """CREATE MACRO mg_m_series(a, b, s) AS generate_series(a, CAST(CAST(a AS HUGEINT) + s
        * greatest(least((CAST(b AS HUGEINT) - a) // nullif(s, 0), 10000), 0) AS BIGINT), s)""",
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
