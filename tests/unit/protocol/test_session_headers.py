"""Headers become sessions by Trino's rules; nothing a client sends makes the gateway fail."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.metadata.properties import SESSION_PROPERTIES
from gateway.protocol.properties import CHECKS, duration
from gateway.protocol.session import (
    BadRequestError,
    Headers,
    decode_prepared,
    encode_prepared,
    read_session,
)


def headers(*pairs):
    return Headers.of([(n.encode("latin-1"), v.encode("latin-1")) for n, v in pairs])


def session(*pairs):
    found = read_session(headers(*pairs), "127.0.0.1")
    assert found.problem is None, found.problem
    return found.session


def problem(*pairs):
    found = read_session(headers(*pairs), "127.0.0.1").problem
    assert found is not None
    return found.name


def test_names_are_folded_and_schema_needs_catalog():
    found = session(("X-Trino-Catalog", "Lake"), ("x-trino-schema", "CLAIMS"))
    assert (found.catalog, found.schema) == ("lake", "claims")
    with pytest.raises(BadRequestError):
        session(("X-Trino-Schema", "claims"))


def test_repeated_lines_are_joined_and_the_last_duplicate_wins():
    found = session(
        ("X-Trino-Session", "query_max_run_time=5m,meshgate.reason=a"),
        ("X-Trino-Session", "meshgate.reason=b%2Cc+d"),
        ("X-Trino-Session", ""),
    )
    assert found.properties == {"query_max_run_time": "5m", "meshgate.reason": "b,c d"}


def test_prepared_statements_come_one_a_line():
    found = session(
        ("X-Trino-Prepared-Statement", "statement1=SELECT+1"),
        ("X-Trino-Prepared-Statement", "statement2=SELECT+2,statement1=SELECT+3"),
    )
    assert found.prepared == {"statement1": "SELECT 3", "statement2": "SELECT 2"}


@pytest.mark.parametrize("text", ["novalue", "=x", "a b=c", "a=%ff"])
def test_malformed_lists_are_bad_requests(text):
    for name in ("X-Trino-Session", "X-Trino-Prepared-Statement"):
        with pytest.raises(BadRequestError):
            session((name, text))


@pytest.mark.parametrize(
    "text",
    [
        "spill_enabled=true", "lake.foo=1", "query_max_run_time=soon", "query_max_run_time=999d",
        "query_max_run_time=0s", "meshgate.truncate=maybe", "meshgate.warnings=loud",
        "join_distribution_type=MAGIC", "time_zone_id=Mars%2FBase", "meshgate.reason=a%00b",
    ],
)  # fmt: skip
def test_wrong_properties_are_errors_of_the_statement(text):
    assert problem(("X-Trino-Session", text)) == "INVALID_SESSION_PROPERTY"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Europe/Paris", "Europe/Paris"), ("europe/paris", "Europe/Paris"), ("UTC", "UTC"),
        ("Z", "UTC"), ("+02:00", "+02:00"), ("GMT-5", "-05:00"),
    ],
)  # fmt: skip
def test_time_zones(sent, kept):
    assert session(("X-Trino-Time-Zone", sent)).time_zone == kept


def test_a_time_zone_set_in_the_session_wins():
    found = session(("X-Trino-Time-Zone", "UTC"), ("X-Trino-Session", "time_zone_id=Asia%2FTokyo"))
    assert found.time_zone == "Asia/Tokyo"


def test_transaction_headers():
    none = read_session(headers(("X-Trino-Transaction-Id", "NONE")), "")
    assert none.transactions
    assert none.session.transaction_id is None
    assert not read_session(headers(), "").transactions
    with pytest.raises(BadRequestError):
        session(("X-Trino-Transaction-Id", "DROP TABLE"))


def test_claims_of_the_client_are_bounded():
    found = session(("X-Trino-Client-Info", "x" * 5000), ("X-Trino-Client-Tags", "a,b , purpose:c"))
    assert len(found.claimed["client_info"]) == 1000
    assert found.client_tags == ("a", "b", "purpose:c")


def test_long_prepared_statements_travel_packed():
    text = "SELECT " + ", ".join(f"column_{n}" for n in range(500))
    packed = encode_prepared(text)
    assert packed.startswith("$zstd:")
    assert len(packed) < len(text) / 2
    assert decode_prepared(packed) == text
    assert encode_prepared("SELECT 1") == "SELECT 1"


def test_a_packed_bomb_is_refused_without_unpacking_it():
    bomb = zstandard.ZstdCompressor().compress(b"x" * (64 << 20))
    text = "$zstd:" + base64.urlsafe_b64encode(bomb).decode()
    assert len(text) < 20_000
    with pytest.raises(BadRequestError):
        decode_prepared(text)


@pytest.mark.parametrize("text", ["$zstd:", "$zstd:!!!", "$zstd:AAAA", "$zstd:" + "A" * 1000])
def test_broken_packing_is_a_bad_request(text):
    with pytest.raises(BadRequestError):
        decode_prepared(text)


def test_sixty_four_kibibytes_of_prepared_statements_are_taken_and_no_more():
    line = ("X-Trino-Prepared-Statement", "s=" + "x" * 30_000)
    session(line, ("X-Trino-Prepared-Statement", "t=" + "x" * 30_000))
    with pytest.raises(BadRequestError):
        session(line, line, line)


def test_the_checked_properties_are_those_shown():
    assert set(CHECKS) == {row.name for row in SESSION_PROPERTIES}
    for row in SESSION_PROPERTIES:
        if row.default:
            assert CHECKS[row.name](row.default)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("1.50m", 90), ("200ms", 0.2)])
def test_durations(text, seconds):
    assert duration(text).total_seconds() == seconds


NAMES = st.sampled_from(
    [
        "x-trino-user", "x-trino-catalog", "x-trino-schema", "x-trino-session", "x-trino-role",
        "x-trino-prepared-statement", "x-trino-transaction-id", "x-trino-time-zone",
        "x-trino-language", "x-trino-client-tags", "x-trino-client-capabilities",
        "x-trino-original-user", "x-trino-extra-credential", "authorization", "host",
        "accept-encoding", "x-forwarded-for", "x-forwarded-proto", "content-length",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60),
    st.text(max_size=30).map(lambda text: "system=" + quote_plus(text, errors="replace")),
    st.sampled_from(
        ["a=b", "Basic ", "Basic Og==", "Bearer mg_x_y", "NONE", "%", "=", ",", "$zstd:AA"]
    ),
)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.binary(max_size=40))
@settings(max_examples=400, deadline=None)
async def test_any_headers_get_an_orderly_answer(make_world_once, pairs, body):
    world = make_world_once
    sent = [(name, value) for name, value in pairs]
    reply = await world.client().request("POST", "/v1/statement", sent, body)
    assert reply.status in {200, 400, 401, 403, 429}
    assert b"Traceback" not in reply.body
    if reply.status == 200:
        assert reply.page["error"]["errorName"] != "GENERIC_INTERNAL_ERROR"


@given(st.lists(st.text(st.characters(exclude_characters="/?"), max_size=20), max_size=7))
@settings(max_examples=300, deadline=None)
async def test_any_path_gets_an_orderly_answer(make_world_once, segments):
    world = make_world_once
    for method in ("GET", "DELETE", "HEAD", "PUT"):
        path = "/v1/statement/" + "/".join(segments)
        reply = await world.client().request(method, path)
        assert reply.status in {200, 404, 405}


@pytest.fixture(scope="module")
def make_world_once():
    from tests.unit.protocol.conftest import build  # noqa: PLC0415

    return build()
