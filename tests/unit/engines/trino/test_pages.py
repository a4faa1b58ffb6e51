"""Pages are cut, not rewritten: columns and rows stay the bytes that Trino wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engines.trino.pages import PageError, read_page
from tests.unit.engines.trino.pages import (
    BIGINT,
    CAPTURED,
    HOST,
    QUERY_ID,
    compact,
    error,
    page,
    uri,
)

_TRAPS = st.sampled_from(
    (',"data":', ',"stats":', '"data":[[1]]', ',"stats":{', "\\", '"', ',"', '"}', "\u2028", "é")
)
_TEXT = st.lists(st.one_of(_TRAPS, st.text(max_size=6)), max_size=4).map("".join)
_VALUE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        _TEXT,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from(("data", "stats")), _TEXT), inner, max_size=3),
    ),
    max_leaves=6,
)
_ROWS = st.lists(st.lists(_VALUE, max_size=3), min_size=1, max_size=5)
_COLUMN = st.builds(lambda name: BIGINT | {"name": name}, _TEXT)
_COLUMNS = st.lists(_COLUMN, max_size=3)
_STATS = st.builds(
    lambda state, stage: {"state": state, "queued": False, "scheduled": True, "rootStage": stage},
    st.sampled_from(("QUEUED", "RUNNING", "FINISHED")),
    st.fixed_dictionaries({"stageId": _TEXT, "subStages": st.just([])}),
)
_PAGE = st.fixed_dictionaries(
    {"columns": _COLUMNS, "data": _ROWS, "stats": _STATS},
    optional={
        "nextUri": st.just(uri("executing", 3)),
        "updateType": _TEXT,
        "updateCount": st.integers(0, 9),
        "warnings": st.lists(st.fixed_dictionaries({"message": _TEXT}), max_size=2),
        "error": st.just(error("DIVISION_BY_ZERO")),
        "unknown": _VALUE,
    },
)


@pytest.mark.parametrize("name", sorted(CAPTURED))
def test_captured_pages_keep_their_bytes(name: str) -> None:
    for text in CAPTURED[name]:
        whole = json.loads(text)
        read = read_page(text.encode())
        assert read.id == whole["id"]
        assert read.next_uri == whole.get("nextUri")
        assert read.rows == len(whole.get("data", []))
        for part, found in (("columns", read.columns), ("data", read.data)):
            if part in whole:
                assert found is not None
                assert json.loads(bytes(found)) == whole[part]
                assert bytes(found) in text.encode()
            else:
                assert found is None
        assert (read.error.error_name if read.error else None) == whole.get("error", {}).get(
            "errorName"
        )


@given(_PAGE)
def test_any_legal_page_keeps_its_bytes(fields: dict[str, Any]) -> None:
    _check_bytes(page(**fields), fields)


@given(_PAGE, st.randoms(use_true_random=False))
def test_any_order_of_fields_keeps_the_bytes(fields: dict[str, Any], random: Any) -> None:
    ordered = list(json.loads(page(**fields)).items())
    random.shuffle(ordered)
    _check_bytes(compact(dict(ordered)).encode(), fields)


def _check_bytes(body: bytes, fields: dict[str, Any]) -> None:
    read = read_page(body)
    assert read.columns == compact(fields["columns"]).encode()
    assert read.data is not None
    assert bytes(read.data) == compact(fields["data"]).encode()
    assert read.rows == len(fields["data"])
    assert read.next_uri == fields.get("nextUri")
    assert read.stats.state == fields["stats"]["state"]
    assert (read.error is not None) == ("error" in fields)
    assert read.update_type == fields.get("updateType")
    assert read.update_count == fields.get("updateCount")


@given(_PAGE, st.floats(0, 1, exclude_max=True))
def test_a_cut_page_is_refused_wherever_it_ends(fields: dict[str, Any], share: float) -> None:
    body = page(**fields)
    with pytest.raises(PageError):
        read_page(body[: int(len(body) * share)])


@given(_PAGE, _PAGE)
def test_two_pages_are_not_one(first: dict[str, Any], second: dict[str, Any]) -> None:
    with pytest.raises(PageError):
        read_page(page(**first) + page(**second))


def test_no_rows_is_no_data() -> None:
    assert read_page(page(columns=[BIGINT])).data is None
    empty = read_page(page(columns=[BIGINT], data=[]))
    assert empty.data is None
    assert empty.rows == 0


_GOOD = {"columns": [BIGINT], "data": [[1], [2]]}
_STATS_TEXT = b'"stats":{"state":"RUNNING"}'
_HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no object": b"[]",
    "not utf-8 in its id": page(**_GOOD).replace(QUERY_ID.encode(), b"\xff\xfe"),
    "a spooled object": page(columns=[BIGINT], data={"encoding": "json", "segments": []}),
    "data is text": page(columns=[BIGINT], data="rows"),
    "data is a number": page(columns=[BIGINT], data=7),
    "rows are no lists": page(columns=[BIGINT], data=[1, 2]),
    "rows are objects": page(columns=[BIGINT], data=[{"n": 1}]),
    "rows without columns": page(data=[[1]]),
    "columns are no list": page(columns={"n": 1}, data=[[1]]),
    "a column without type": page(columns=[{"name": "n"}], data=[[1]]),
    "no stats": page(stats=None, **_GOOD),
    "stats are no object": page(stats=[], **_GOOD),
    "an unknown state": page(stats={"state": "LEAKING"}, **_GOOD),
    "no id": page(id=None, **_GOOD),
    "the id is a number": page(id=7, **_GOOD),
    "the next address is a number": page(nextUri=7, **_GOOD),
    "an error without name": page(error={"message": "x"}, **_GOOD),
    "data twice": page(**_GOOD).replace(b',"data":', b',"data":[[9]],"data":'),
    "data twice, around stats": page(**_GOOD)[:-1] + b',"data":[[9]]}',
    "stats twice": page(**_GOOD)[:-1] + b"," + _STATS_TEXT + b"}",
    "stats before data": b'{"id":"%b",%b,"columns":[],"data":[[1]],%b}'
    % (QUERY_ID.encode(), _STATS_TEXT, _STATS_TEXT),
    "the next address twice": page(**_GOOD)[:-1] + b',"nextUri":"%b/x","nextUri":"y"}' % b"h",
    "a trailing comma": page(**_GOOD)[:-1] + b",}",
    "a comma in the rows": page(**_GOOD).replace(b"[2]]", b"[2],]"),
    "a literal that is no JSON": page(**_GOOD).replace(b"[2]", b"[NaN]"),
    "text behind": page(**_GOOD) + b"x",
    "depth": page(**_GOOD).replace(b"[2]", b"[" * 100_000 + b"]" * 100_000),
    "depth in a field nobody reads": page(**_GOOD)[:-1] + b',"z":' + b"[" * 100_000,
}


@pytest.mark.parametrize("what", sorted(_HOSTILE))
def test_hostile_pages_are_refused(what: str) -> None:
    with pytest.raises(PageError) as refused:
        read_page(_HOSTILE[what])
    assert HOST not in str(refused.value)
