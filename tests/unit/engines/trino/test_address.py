"""No answer of a cluster can lead a request anywhere but to the cluster of the settings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.engines.trino.address import (
    AddressError,
    base_url,
    check_query_id,
    next_handle,
    page_path,
    partial_stage,
    stage_path,
)
from gateway.engines.trino.headers import HeaderError, upstream_headers
from gateway.relayed import ClientSettings, Handle
from tests.unit.engines.trino.pages import HOST, QUERY_ID, uri

START = Handle("main", QUERY_ID, "queued", "", -1)
OTHER_ID = "20261121_172514_00610_2mhq2"


def test_the_next_page_is_taken_apart_and_its_host_forgotten() -> None:
    first = next_handle(uri("queued", 1, host="https://elsewhere.example"), START)
    assert first == Handle("main", QUERY_ID, "queued", f"y{1:040x}", 1)
    assert page_path(first) == uri("queued", 1).removeprefix(HOST)
    running = next_handle(uri("executing", 0), replace(first, attempt=2, stage=3))
    assert (running.phase, running.token, running.attempt, running.stage) == ("executing", 0, 2, 3)


@pytest.mark.parametrize(
    "hostile",
    [
        uri("queued", 1, query_id=OTHER_ID),
        uri("queued", 1) + "?slug=x",
        uri("queued", 1) + "#x",
        uri("queued", 1) + "/",
        uri("queued", 1) + "\n",
        uri("spooled", 1),
        uri("queued", 1).replace("/v1/statement", "/v1/../v1/statement"),
        uri("queued", 1).replace("/v1/statement", "/x/v1/statement"),
        uri("queued", 1).replace("/y", "/%2e%2e/y"),
        uri("queued", 1).replace("/y", "/.."),
        uri("queued", 1).replace("http://", "http://meshgate:pw@"),
        uri("queued", 1).replace("http://", "file://"),
        uri("queued", 1).removeprefix(HOST),
        uri("queued", 1)[:-1] + "01",
        uri("queued", 1)[:-1] + "-1",
        uri("queued", 1)[:-1] + "\u0661",
        uri("queued", 1)[:-1] + "9" * 40,
        "",
    ],
)
def test_hostile_addresses_are_refused(hostile: str) -> None:
    with pytest.raises(AddressError):
        next_handle(hostile, START)


def test_pages_only_go_forward() -> None:
    at_two = Handle("main", QUERY_ID, "executing", "y2", 2)
    assert next_handle(uri("executing", 3), at_two).token == 3
    for back in (uri("executing", 2), uri("executing", 1), uri("queued", 9)):
        with pytest.raises(AddressError):
            next_handle(back, at_two)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.integers())
def test_no_handle_writes_a_path_of_another_shape(
    phase: str, query_id: str, slug: str, token: int
) -> None:
    handle = Handle("main", query_id, phase, slug, token)
    for write in (page_path, stage_path):
        with pytest.raises(AddressError):
            write(handle)


def test_a_stage_is_read_and_written() -> None:
    partial = f"{HOST}/v1/statement/executing/partialCancel/{QUERY_ID}/4/yab/2"
    assert partial_stage(partial, QUERY_ID) == 4
    handle = Handle("main", QUERY_ID, "executing", "yab", 2, stage=4)
    assert stage_path(handle) == partial.removeprefix(HOST)
    for wrong in (partial.replace("/4/", "/x/"), partial + "/..", uri("executing", 2)):
        with pytest.raises(AddressError):
            partial_stage(wrong, QUERY_ID)
    with pytest.raises(AddressError):
        partial_stage(partial, OTHER_ID)


@pytest.mark.parametrize("wrong", ["", "x", QUERY_ID + "x", QUERY_ID + "/..", "../../v1/query"])
def test_query_ids_have_one_form(wrong: str) -> None:
    assert check_query_id(QUERY_ID) == QUERY_ID
    with pytest.raises(AddressError):
        check_query_id(wrong)


def test_the_cluster_s_address_is_host_and_port() -> None:
    assert base_url("https://trino:8443") == ("https://trino:8443", "https")
    assert base_url("http://[::1]:8080/") == ("http://[::1]:8080", "http")
    for wrong in (
        "",
        "trino:8080",
        "ftp://trino",
        "https://u:p@trino",
        "https://trino/path",
        "https://trino:99999",
        "https://trino?x=1",
    ):
        with pytest.raises(AddressError):
            base_url(wrong)


def test_headers_are_built_from_nothing() -> None:
    settings = ClientSettings(
        "ann",
        "d1.1",
        "bi tool",
        ("a", "b"),
        "Europe/Paris",
        "de-DE",
        ("PARAMETRIC_DATETIME",),
        {"query_max_run_time": "5,0m"},
    )
    assert upstream_headers(settings) == {
        "X-Trino-User": "ann",
        "X-Trino-Source": "bi tool",
        "X-Trino-Client-Tags": "a,b",
        "X-Trino-Time-Zone": "Europe/Paris",
        "X-Trino-Language": "de-DE",
        "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",
        "X-Trino-Session": "query_max_run_time=5%2C0m",
        "X-Trino-Trace-Token": "d1.1",
        "Content-Type": "text/plain; charset=utf-8",
    }


@pytest.mark.parametrize(
    "hostile",
    [
        ClientSettings("", "t"),
        ClientSettings(" ann", "t"),
        ClientSettings("ann\r\nX-Trino-User: root", "t"),
        ClientSettings("ann", "t\n"),
        ClientSettings("ann", "t", source="a\x00"),
        ClientSettings("ann", "t", client_tags=("a,b",)),
        ClientSettings("ann", "t", properties={"a=b,c": "1"}),
        ClientSettings("ann", "t", properties={"cat.name": "1"}),
    ],
)
def test_a_value_that_could_become_another_header_is_refused(hostile: ClientSettings) -> None:
    with pytest.raises(HeaderError):
        upstream_headers(hostile)
