"""The invented data is the reviewed data, visibly invented, and has the edges it promises."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from gateway.demo import flights, health, tpch
from gateway.demo.data import Chance, DemoTable
from gateway.demo.hashes import DemoDataError, describe, expected, verify

Tables = Mapping[str, DemoTable]


@pytest.fixture(scope="module")
def mesh() -> Tables:
    return {table.name: table for table in health.tables()}


@pytest.fixture(scope="module")
def year_2013() -> Tables:
    return {table.name: table for table in flights.tables()}


def _rows(table: DemoTable) -> pa.Table:
    parts = [part for part in (table.first, table.later) if part is not None]
    return pa.concat_tables(parts, promote_options="permissive")


def test_the_health_mesh_is_the_reviewed_one(mesh: Tables):
    assert {name: describe(table) for name, table in mesh.items()} == expected()["health"]


def test_the_flights_are_the_reviewed_ones(year_2013: Tables):
    assert {name: describe(table) for name, table in year_2013.items()} == expected()["flights"]


def test_tpch_is_the_reviewed_one_with_its_types():
    tables = {table.name: table for table in tpch.tables(tpch.DEMO_SCALE)}
    assert {name: describe(table) for name, table in tables.items()} == expected()["tpch"]
    lineitem = {field.name: str(field.type) for field in tables["tpch.lineitem"].first.schema}
    assert lineitem["l_orderkey"] == "int64"
    assert lineitem["l_linenumber"] == "int32"
    assert lineitem["l_quantity"] == "decimal128(15, 2)"
    assert lineitem["l_shipdate"] == "date32[day]"
    assert lineitem["l_comment"] == "string"


def test_the_sizes_are_as_promised(mesh: Tables, year_2013: Tables):
    sizes = {name: _rows(table).num_rows for name, table in {**mesh, **year_2013}.items()}
    assert sizes["members.members"] == 20_000
    assert sizes["providers.providers"] == 2_000
    assert sizes["claims.claims"] == 120_000
    assert sizes["call_center.calls"] == 60_000
    assert sizes["operations.flights"] == 336_776
    assert sizes["fleet.planes"] == 3_322
    assert sizes["fleet.airlines"] == 16
    assert sizes["places.airports"] == 1_458
    assert sizes["places.weather"] == 26_115


def test_na_is_null(year_2013: Tables):
    table = year_2013["operations.flights"].first
    assert table["dep_time"].null_count == 8_255
    assert table["tailnum"].null_count == 2_512
    assert "NA" not in set(table["tailnum"].to_pylist())
    assert str(table["time_hour"].type) == "timestamp[us, tz=UTC]"


def test_nobody_is_real(mesh: Tables):
    members = _rows(mesh["members.members"])
    calls = mesh["call_center.calls"].first
    areas = {ssn[:3] for ssn in members["ssn"].to_pylist() if ssn not in {None, "UNKNOWN"}}
    areas |= {
        ssn[:3] for ssn in calls["caller_ssn"].to_pylist() if ssn not in {None, "000 00 0000"}
    }
    assert min(areas) >= "900"
    assert all(e.endswith("@example.org") for e in members["email"].to_pylist() if e is not None)
    assert all("-555-01" in phone for phone in members["phone"].to_pylist())
    numbers = re.findall(r"[0-9][0-9-]{5,}", " ".join(calls["transcript"].to_pylist()))
    assert len(numbers) == 60_000
    assert all(re.fullmatch(r"555-01[0-9]{2}", number) for number in numbers)


def test_one_person_is_spelled_differently_in_each_domain(mesh: Tables):
    spelled = {
        name: set(_rows(mesh[name])["member_id"].to_pylist())
        for name in ("members.members", "claims.claims", "call_center.calls")
    }
    people, claimants, callers = spelled.values()
    assert not people & claimants
    assert len(callers - people - claimants) > 10_000

    def canonical(ids: set[str | None]) -> set[str]:
        return {re.sub("[^0-9A-Za-z]", "", i).upper() for i in ids if i is not None} - {"UNKNOWN"}

    assert len(canonical(people)) == 20_000
    assert canonical(claimants) <= canonical(people)
    assert canonical(callers) <= canonical(people)


def test_the_same_person_has_the_same_number_where_both_are_known(mesh: Tables):
    members, calls = _rows(mesh["members.members"]), mesh["call_center.calls"].first
    ssn_of = {
        re.sub("[^0-9]", "", m): re.sub("[^0-9]", "", s or "")
        for m, s in zip(members["member_id"].to_pylist(), members["ssn"].to_pylist(), strict=True)
    }
    typed = zip(calls["member_id"].to_pylist(), calls["caller_ssn"].to_pylist(), strict=True)
    both = [
        (ssn_of[re.sub("[^0-9]", "", m)], re.sub("[^0-9]", "", s))
        for m, s in typed
        if m and s and m != "UNKNOWN" and s != "000 00 0000"
    ]
    known = [(stored, heard) for stored, heard in both if stored]
    assert len(known) > 10_000
    assert all(stored == heard for stored, heard in known)


def test_sentinels_and_nulls_are_there(mesh: Tables):
    members, calls = _rows(mesh["members.members"]), mesh["call_center.calls"].first
    sentinels = Counter(members["ssn"].to_pylist())
    assert 300 < sentinels["UNKNOWN"] < 500
    assert members["ssn"].null_count > 100
    assert members["email"].null_count > 400
    assert Counter(calls["member_id"].to_pylist())["UNKNOWN"] > 500
    assert calls["member_id"].null_count > 800
    assert _rows(mesh["claims.claims"])["paid"].null_count > 10_000


def test_one_member_in_a_hundred_files_a_fifth_of_the_claims(mesh: Tables):
    counts = Counter(_rows(mesh["claims.claims"])["member_id"].to_pylist())
    heaviest = sum(count for _, count in counts.most_common(200))
    assert 0.19 < heaviest / 120_000 < 0.23


def test_a_correction_replaces_exactly_what_it_corrects(mesh: Tables):
    claims = mesh["claims.claims"]
    correction = claims.correction
    assert correction is not None
    assert set(correction["provider_id"].to_pylist()) == {"P-00017"}
    assert set(correction["status"].to_pylist()) == {"denied"}
    wrong = claims.first.filter(pc.is_in(claims.first["claim_id"], correction["claim_id"]))
    assert wrong.num_rows == correction.num_rows > 0
    assert set(wrong["status"].to_pylist()) != {"denied"}


def test_every_line_belongs_to_a_claim(mesh: Tables):
    lines, claims = mesh["claims.claim_lines"].first, _rows(mesh["claims.claims"])
    assert pc.all(pc.is_in(lines["claim_id"], claims["claim_id"])).as_py()
    keys = zip(lines["claim_id"].to_pylist(), lines["line_number"].to_pylist(), strict=True)
    assert len(set(keys)) == lines.num_rows


def test_a_changed_value_a_null_and_a_lost_row_are_all_noticed(mesh: Tables):
    table = mesh["providers.contracts"]
    wanted = expected()["health"]["providers.contracts"]
    verify(table, wanted)
    first = table.first
    terms = first["terms"].to_pylist()
    at = terms.index(None)
    changed = first.set_column(6, "terms", pa.array([*terms[:at], "", *terms[at + 1 :]]))
    for other in (first.slice(1), changed, first.rename_columns([*first.column_names[:-1], "t"])):
        with pytest.raises(DemoDataError, match=r"providers\.contracts differs"):
            verify(replace(table, first=other), wanted)


def test_the_hash_sees_values_not_chunks(mesh: Tables):
    table = mesh["providers.providers"]
    cut = pa.concat_tables([table.first.slice(0, 7), table.first.slice(7)])
    assert describe(replace(table, first=cut)) == describe(table)


def test_chance_is_even_bounded_and_repeatable():
    numbers = Chance(1).below(10, 100_000)
    assert numbers.min() == 0
    assert numbers.max() == 9
    assert np.bincount(numbers).min() > 9_500
    assert (Chance(1).below(10, 100_000) == numbers).all()
    assert 1_800 < Chance(2).flags(20, 100_000).sum() < 2_200
