"""Bad statements and bad clients: one clear answer each, and the gateway lives on."""

from __future__ import annotations

import base64
import os
import re
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard

from gateway.protocol.poll import LIFETIME_SECONDS, PollKeys, Sealer
from gateway.state import pollkeys
from tests.serving import Gateway
from tests.system.client import eventually, post, send, until_rows

pytestmark = pytest.mark.xdist_group("system-bad_input")

COUNT = "SELECT count(*) FROM claims"
ROWS = 36_596  # the European claims of the demo
MEMBERS = 6_087
LATE = "CASE WHEN channel IS NULL THEN 1 ELSE 0 END"  # only newer files hold channels
BILLION = "SELECT a.claim_id FROM claims a, claims b, claims c"
WORKER, CAPPED = "gateway.engines.worker", "multiprocessing-fork"


@pytest.fixture(autouse=True)
def _lives_on(gateway: Gateway):
    yield
    assert gateway.ready()
    assert gateway.connect("ana").run(COUNT).rows == [[ROWS]]


REFUSED = [
    ("statement", "FROBNICATE claims", "SYNTAX_ERROR", "Expecting: .*'SELECT'"),
    ("write", "INSERT INTO claims SELECT * FROM claims", "NOT_SUPPORTED", "INSERT"),
    ("node", "SELECT 1 FROM claims MATCH_RECOGNIZE (x)", "NOT_SUPPORTED", "use window functions"),
    ("function", "SELECT frob(region) FROM claims", "FUNCTION_NOT_FOUND", "'frob' not registered"),
    ("setting", "SET SESSION nope = 1", "INVALID_SESSION_PROPERTY", "known are .*meshgate.purpose"),
    ("table", "SELECT 1 FROM nope", "TABLE_NOT_FOUND", "'lake.claims.nope' does not exist"),
    ("schema", "SELECT 1 FROM nope.claims", "SCHEMA_NOT_FOUND", "'nope' does not exist"),
    ("catalog", "SELECT 1 FROM nope.a.b", "CATALOG_NOT_FOUND", "'nope' not found"),
    ("column", "SELECT nope FROM claims", "COLUMN_NOT_FOUND", "'nope' cannot be resolved"),
    ("prepared name", "EXECUTE nope", "NOT_FOUND", "Prepared statement not found: nope"),
    ("300 KB", f"SELECT '{'x' * 300_000}'", "QUERY_TEXT_TOO_LARGE", r"\(200000\).*join it"),
    ("100,000 tokens", "SELECT " + "1," * 50_000, "QUERY_REJECTED", "60000 words.*split it"),
    ("10,000 brackets", "SELECT " + "(" * 10_000 + "1", "QUERY_REJECTED", "deeper than 60.*WITH"),
    ("1,000 CASE", "SELECT " + "CASE WHEN true THEN " * 1000, "QUERY_REJECTED", "deeper.*WITH"),
    ("10,000 ORs", COUNT + " WHERE 1=2" + " OR 1=2" * 10_000, "QUERY_REJECTED", "500 .*use IN"),
    ("5,000 NOTs", "SELECT " + "NOT " * 5_000 + "true", "QUERY_REJECTED", "prefix.*remove"),
    ("5,000 commas", "SELECT 1 FROM claims" + ", claims" * 5_000, "QUERY_REJECTED", "300|split"),
    ("NUL", "SELECT '\0'", "SYNTAX_ERROR", "NUL.*remove it"),
    ("open quote", "SELECT 'x", "SYNTAX_ERROR", "the quote is never closed"),
    ("open comment", "SELECT 1 /* x", "SYNTAX_ERROR", "mismatched input"),
    ("two statements", f"{COUNT}; {COUNT}", "SYNTAX_ERROR", "one statement at a time"),
    ("division", "SELECT 1 / 0 FROM claims LIMIT 1", "DIVISION_BY_ZERO", "(?i)division by zero"),
    ("cast", "SELECT CAST('x' AS bigint) FROM claims", "INVALID_CAST_ARGUMENT", "use TRY_CAST"),
    ("late cast", "SELECT CAST(channel AS int) FROM claims", "INVALID_CAST_ARGUMENT", "TRY_CAST"),
    ("late division", f"SELECT 1 / ({LATE}) FROM claims", "DIVISION_BY_ZERO", "by zero"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sql", "name", "says"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_a_bad_statement_gets_one_clear_error(gateway, sql, name, says):
    error = gateway.connect("ana").run(sql).error
    assert error is not None
    assert error["errorName"] == name
    assert re.search(says, error["message"]), error["message"]
    assert "Traceback" not in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"SELECT '" + b"x" * (10 << 20) + b"'", 413, b"exceeds 8 MiB"),
        (b"SELECT '\xff\xfe'", 400, b"not UTF-8"),
        ("SELECT '\ud800'", 400, b"not UTF-8"),
        (b"", 400, b"empty"),
        (b" \n\t ", 400, b"empty"),
    ],
    ids=["10 MB", "bytes", "half a surrogate pair", "empty", "blank"],
)
def test_a_body_that_is_no_statement_gets_its_status(gateway, body, status, says):
    reply = post(gateway, body)
    assert reply.status == status
    assert says in reply.body


@pytest.mark.parametrize(
    ("headers", "status", "says"),
    [
        ({"X-Trino-Catalog": ""}, 400, b"catalog is not"),
        ({"X-Trino-Session": "nonsense"}, 400, b"name=value"),
        ({"X-Trino-Prepared-Statement": "q=%FF"}, 400, b"not UTF-8"),
        ({"X-Trino-Prepared-Statement": "q=$zstd:!!"}, 400, b"cannot be read"),
        ({"X-Trino-Transaction-Id": "x"}, 400, b"not a transaction id"),
        ({"Host": "evil.example.org"}, 400, b"not known under that Host"),
        ({"Host": "127.0.0.1:80@evil.example.org"}, 400, b"not known under that Host"),
        ({"Host": "localhost:80/evil"}, 400, b"not known under that Host"),
        ({"X-Trino-Source": "x" * 300_000}, 400, b""),
    ],
    ids=[
        "schema alone",
        "session",
        "prepared",
        "zstd",
        "transaction",
        "host",
        "userinfo",
        "path",
        "huge",
    ],
)
def test_bad_headers_get_their_status(gateway, headers, status, says):
    reply = post(gateway, COUNT, headers=headers)
    assert reply.status == status
    assert says in reply.body


def test_prepared_statements_that_unpack_to_much_are_refused(gateway):
    packed = zstandard.ZstdCompressor().compress(b"x" * 1_000_000)
    text = quote("$zstd:" + base64.urlsafe_b64encode(packed).decode())
    bombs = ",".join(f"q{n}={text}" for n in range(400))
    reply = post(gateway, COUNT, headers={"X-Trino-Prepared-Statement": bombs})
    assert reply.status == 400
    assert b"deallocate some" in reply.body


def test_depth_below_the_limits_is_answered(gateway):
    wire = gateway.connect("ana")
    deep = "CASE WHEN claim_id > 0 THEN " * 50 + "1" + " END" * 50
    assert wire.run(f"SELECT {deep} FROM claims LIMIT 1").rows == [[1]]
    ors = " OR ".join(f"claim_id = {n}" for n in range(400))
    assert wire.run(f"{COUNT} WHERE {ors}").rows == [[0]]


def test_a_long_list_is_analysed_apart(gateway):
    """5,000 elements: parsed in a capped process, which may die without harm."""
    ids = ",".join(str(n) for n in range(5_000_003, 5_005_003))
    wire = gateway.connect("ana")
    expected = wire.run(f"{COUNT} WHERE claim_id BETWEEN 5000003 AND 5005002").rows
    assert wire.run(f"{COUNT} WHERE claim_id IN ({ids})").rows == expected
    (capped,) = gateway.children(CAPPED)
    os.kill(capped, signal.SIGKILL)
    assert wire.run(f"{COUNT} WHERE claim_id IN ({ids})").rows == expected


def test_a_result_of_a_billion_rows_can_be_dropped(gateway):
    """Both workers are given such a result; each is free as soon as its client leaves."""
    pages = [until_rows(gateway, BILLION) for _ in range(2)]
    for page in pages:
        assert send(gateway, "DELETE", page["nextUri"]).status == 204
    wire = gateway.connect("ana")
    assert wire.run(COUNT).rows == [[ROWS]]
    assert len(wire.run(f"{BILLION} LIMIT 7").rows) == 7
    after = send(gateway, "GET", pages[0]["nextUri"]).page
    assert after["error"]["errorName"] == "USER_CANCELED"


def test_clients_that_vanish_free_their_workers(gateway):
    pages = [until_rows(gateway, BILLION) for _ in range(2)]
    assert gateway.connect("ana").run(COUNT).rows == [[ROWS]]  # waits for the reaper

    def given_up() -> bool:
        known = [send(gateway, "GET", f"/v1/query/{page['id']}").page for page in pages]
        return all(query["errorName"] == "USER_CANCELED" for query in known)

    eventually(given_up)
    assert gateway.log().count('"outcome": "abandoned"') >= 2


def test_a_killed_worker_fails_its_query_alone(gateway):
    page = until_rows(gateway, BILLION)
    for worker in gateway.children(WORKER):  # the idle one too: it must not be handed out
        os.kill(worker, signal.SIGKILL)
    while "nextUri" in page:
        page = send(gateway, "GET", page["nextUri"]).page
    assert page["error"]["errorName"] == "GENERIC_INTERNAL_ERROR"
    assert "only this query failed: run it again" in page["error"]["message"]
    assert gateway.connect("ana").run(COUNT).rows == [[ROWS]]


def test_pages_of_others_of_old_and_of_nobody_do_not_exist(gateway):
    """Tampered, stolen, aged, forged and unknown: 404; replaced by a later page: 410."""
    first = post(gateway, COUNT).page["nextUri"]
    page = send(gateway, "GET", first).page
    head, slug, token = first.rsplit("/", 2)
    keys = PollKeys(pollkeys.from_file(gateway.root / "state" / "poll.keys"))
    poll = Sealer(keys).open(*first.split("/v1/statement/")[1].split("/"))
    aged = Sealer(keys, lambda: time.time() - LIFETIME_SECONDS - 1).path(poll)
    forged = Sealer(PollKeys((b"k" * 32,))).path(poll)
    flipped = slug[:-1] + ("A" if slug[-1] != "A" else "B")
    for target in (
        f"{head}/{flipped}/{token}",
        f"{head}/{slug}/2",
        first.replace("queued", "executing"),
        first.replace(page["id"], "20260101_000000_00000_aaaaa"),
        f"{head}/{slug}=/{token}",
        f"{head}/g1./{token}",
        f"{head}/{'A' * 3000}/{token}",
        aged,
        forged,
    ):
        assert send(gateway, "GET", target).status == 404, target
        assert send(gateway, "DELETE", target).status == 404, target
    for other in ("clara", "sam", "nobody-known"):
        assert send(gateway, "GET", first, user=other).status in {401, 403, 404}, other
    assert send(gateway, "GET", first).status in {200, 410}
    while "nextUri" in page:
        page = send(gateway, "GET", page["nextUri"]).page
        assert send(gateway, "GET", first).status == 410


def test_no_page_without_an_audit_record(gateway):
    """The store refuses to write: so does the gateway, until it can again."""
    wire = gateway.connect("ana")
    with closing(sqlite3.connect(gateway.root / "state" / "audit.db", timeout=10)) as store:
        for phase in ("started", "finished"):
            store.execute(
                "CREATE TRIGGER full BEFORE INSERT ON audit_record "
                f"WHEN new.phase = '{phase}' BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
            )
            store.commit()
            try:
                reply = wire.run(COUNT)
                refused = wire.run("SELECT nope FROM claims")
            finally:
                store.execute("DROP TRIGGER full")
                store.commit()
            assert reply.outcome == "CONFIGURATION_UNAVAILABLE"
            assert "try again, or tell the platform's operators" in reply.error["message"]
            if phase == "started":
                assert reply.rows == []
            else:
                assert refused.outcome == "CONFIGURATION_UNAVAILABLE"
    assert wire.run(COUNT).rows == [[ROWS]]


@contextmanager
def broken(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """A file changed for a while."""
    good = path.read_text()
    path.write_text(change(good))
    try:
        yield
    finally:
        path.write_text(good)


def test_a_broken_domain_file_closes_its_domain_alone(gateway):
    wire = gateway.connect("ana")
    with broken(gateway.root / "catalogs" / "claims.yaml", lambda _: "schema_version: ["):
        eventually(lambda: wire.run(COUNT).error is not None)
        assert wire.run(COUNT).outcome == "SCHEMA_NOT_FOUND"
        assert wire.run("SELECT count(*) FROM lake.members.members").rows == [[MEMBERS]]
    eventually(lambda: wire.run(COUNT).error is None)


SLOW = """
slow contains a.name if {
	some a in input.table.columns
	some b in input.table.columns
	some c in input.table.columns
	some d in input.table.columns
	some e in input.table.columns
	count({a.name, b.name, c.name, d.name, e.name, "x"}) == 1
}
"""
TWO_ANSWERS = '\nregions := ["US"] if input.subject.id != ""\n'


@pytest.mark.parametrize(
    "change",
    [
        lambda good: good.replace('"rights": rights', '"rights": 7'),
        lambda good: good.replace('"rights": rights, ', ""),
        lambda good: good + TWO_ANSWERS,
        lambda good: good.replace('"deny": deny', '"deny": {x | some x in slow}') + SLOW,
    ],
    ids=["nonsense", "incomplete", "fails", "loops"],
)
def test_a_policy_without_an_answer_closes_its_domain_alone(gateway, change):
    """Who holds a grant there learns that it is unavailable; others learn nothing."""
    stranger = gateway.connect("sam").run(COUNT)
    with broken(gateway.root / "policies" / "domains" / "claims" / "policy.rego", change):
        reply = gateway.connect("ana").run(COUNT)
        assert reply.outcome == "CONFIGURATION_UNAVAILABLE"
        assert "policy of domain claims is unavailable; try again" in reply.error["message"]
        assert gateway.ready()
        assert gateway.connect("sam").run(COUNT).error == stranger.error
        schemas = gateway.connect("ana").run("SHOW SCHEMAS FROM lake").rows
        assert ["members"] in schemas
        assert ["claims"] not in schemas
        other = gateway.connect("ana").run("SELECT count(*) FROM lake.members.members")
        assert other.rows == [[MEMBERS]]


@pytest.mark.parametrize("text", ["\n}{", "\nx := nope.y", "\nx := http.send({})"])
def test_a_policy_that_does_not_compile_leaves_the_last_good_one(gateway, text):
    path = gateway.root / "policies" / "domains" / "claims" / "policy.rego"
    line = path.read_text().count("\n") + 2
    with broken(path, lambda good: good + text + "\n"):
        assert gateway.connect("ana").run(COUNT).rows == [[ROWS]]
        assert f"domains/claims/policy.rego:{line}:" in gateway.log()


def test_memory_stays_flat_under_bad_input(gateway):
    """Two rounds warm up; what three more add stays below what one kind of waste would."""

    def round_of(number: int) -> None:
        for n in range(5):
            post(gateway, b"SELECT '" + b"x" * 7_900_000 + b"'%d" % n)
            post(gateway, f"SELECT {number}{n} + '{'y' * 150_000}' FROM claims")
            values = ",".join(str(number * 10_000 + n * 1_000 + x) for x in range(900))
            post(gateway, f"EXPLAIN {COUNT} WHERE claim_id IN ({values})")
        send(gateway, "DELETE", until_rows(gateway, BILLION)["nextUri"])
        ids = ",".join(str(number * 5_000 + x) for x in range(5_000))
        assert post(gateway, f"EXPLAIN {COUNT} WHERE claim_id IN ({ids})").status == 200

    for number in range(2):
        round_of(number)
    before = gateway.resident_bytes()
    for number in range(2, 5):
        round_of(number)
    grown = gateway.resident_bytes() - before
    assert grown < 80 << 20, f"grew by {grown >> 20} MB"
