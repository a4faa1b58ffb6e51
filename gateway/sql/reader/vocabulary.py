"""Functions that may stand outside secured sub-queries, per engine."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from gateway.sql.functions import FUNCTIONS

_DUCKDB = """
abs acos asin atan atan2 ceil ceiling cos cosh cot degrees exp floor ln log log10 log2 mod pi pow
power radians round sign sin sinh sqrt cbrt tan tanh trunc isnan isinf isfinite gcd lcm fdiv
bit_count xor chr length strlen lower upper ltrim rtrim trim lpad rpad replace reverse repeat
substr substring strpos instr position starts_with contains prefix suffix concat concat_ws
split_part string_split str_split translate regexp_matches regexp_full_match regexp_replace
regexp_extract regexp_extract_all regexp_split_to_array unicode ascii ord md5 sha1 sha256 hex
unhex to_hex from_hex encode decode base64 to_base64 from_base64 url_encode url_decode
date_trunc date_part date_diff date_sub date_add datediff datesub datepart extract strftime
strptime try_strptime make_date make_timestamp make_time epoch epoch_ms epoch_us to_timestamp
timezone year month day hour minute second millisecond microsecond quarter week weekofyear dayofweek
dayofyear isodow last_day to_years to_months to_days to_hours to_minutes to_seconds to_milliseconds
to_microseconds age greatest least coalesce nullif ifnull if typeof
array_length array_agg list list_value list_aggregate list_concat list_contains list_distinct
list_extract list_element list_filter list_transform list_reduce list_sort list_reverse_sort
list_slice list_unique list_position list_has_any list_has_all list_zip list_any_value len
array_slice array_extract array_concat array_contains array_to_string flatten range generate_series
unnest struct_pack struct_extract row map map_from_entries map_keys map_values map_entries
map_extract map_concat element_at cardinality list_resize list_min list_max list_sum list_bool_and
list_bool_or list_count list_cosine_similarity list_dot_product list_append list_prepend
json json_extract json_extract_string json_array_length json_valid json_type json_keys to_json
sum avg count min max min_by max_by arg_min arg_max bool_and bool_or any_value first last
count_if countif sum_no_overflow kahan_sum fsum favg string_agg histogram
stddev stddev_pop stddev_samp variance var_pop var_samp corr covar_pop covar_samp kurtosis
kurtosis_pop skewness regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
regr_sxy regr_syy product bit_and bit_or bit_xor approx_count_distinct quantile_cont quantile_disc
row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value nth_value
grouping grouping_id geomean levenshtein damerau_levenshtein
nfc_normalize strip_accents to_base bin bar bit_length octet_length left right
ends_with isoyear hamming list_reverse map_contains
"""
_CLOSED = frozenset(_DUCKDB.split())


@cache
def _trino() -> frozenset[str]:
    return frozenset(name for name, row in FUNCTIONS.items() if row.refused_because is None)


def known_function(engine: str) -> Callable[[str], bool]:
    """Tell for a lower-case name whether governed text may call it unqualified.

    DuckDB's list is closed on purpose: ``query``, ``read_…``, ``getvariable`` and all
    functions that reach outside the statement are absent.
    """
    names = _trino() if engine == "trino" else _CLOSED
    return names.__contains__
