"""Nobody ever gets another's answer: many sessions at once, warm caches, policies in motion."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from tests.serving import Gateway
from tests.system.client import post, send

pytestmark = pytest.mark.xdist_group("system-isolation")

PEOPLE = ("ana", "olga", "bo", "clara")
SESSIONS, QUERIES_EACH = 8, 52
SHAPES = {
    "count": "SELECT count(*), min(claim_id), max(claim_id) FROM claims",
    "groups": "SELECT region, status, sum(billed) FROM claims GROUP BY 1, 2 ORDER BY 1, 2",
    "rows": "SELECT claim_id, member_id, billed, region FROM claims ORDER BY 1, 2, 3, 4 LIMIT 20",
    "tokens": "SELECT max(member_id), min(member_id), count(DISTINCT member_id) FROM claims",
    "channel": "SELECT channel, count(*) FROM claims GROUP BY channel ORDER BY channel",
    "join": "SELECT count(*), max(m.last_name), max(c.member_id) FROM claims c "
    "JOIN lake.members.members m ON c.member_id = m.member_id",
    "user": "SELECT current_user, count(*) FROM claims",
    "columns": "SELECT column_name FROM information_schema.columns WHERE table_name = 'claims'",
    "describe": "DESCRIBE claims",
    "access": "EXPLAIN ACCESS SELECT claim_id, member_id, billed FROM claims",
    "prepared": "EXECUTE mine",
}
PREPARED = "SELECT count(*), '{0}', max(billed) FROM claims WHERE '{0}' = current_user"
# The other policy: paid claims alone, no channel, other masks.
OTHER = """
row_filters contains {
	"id": "paid",
	"condition": {"type": "field", "operator": "eq", "field": "status", "value": "paid"},
	"reason": {"message": "paid claims alone", "disclose": true},
} if {
	input.table.fqn == "lake.claims.claims"
}

masks.claim_id contains {
	"id": "rounded", "kind": "bucket", "params": {"width": 100},
	"reason": {"message": "numbers are rounded", "disclose": true},
} if {
	not team
	input.table.fqn == "lake.claims.claims"
}

deny_columns.channel contains {"id": "channel", "reason": {"message": "closed"}} if {
	input.table.fqn == "lake.claims.claims"
}
"""


class Session:
    """One client with its own prepared statement, under one name for all."""

    def __init__(self, gateway: Gateway, user: str) -> None:
        self.user = user
        self._wire = gateway.connect(user)
        self._wire.prepared["mine"] = PREPARED.format(user)

    def ask(self, shape: str) -> str:
        """All that the client sees of the answer."""
        reply = self._wire.run(SHAPES[shape])
        return json.dumps([reply.columns, reply.rows, reply.error])


def policy(gateway: Gateway) -> Path:
    return gateway.root / "policies" / "domains" / "claims" / "policy.rego"


def save(path: Path, text: str) -> None:
    """As an editor that saves at once."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    draft.replace(path)


@pytest.fixture(autouse=True)
def _restored(gateway: Gateway, policies: tuple[str, str]) -> Iterator[None]:
    yield
    save(policy(gateway), policies[0])


@pytest.fixture(scope="module")
def policies(gateway: Gateway) -> Iterator[tuple[str, str]]:
    """The two texts that alternate; the first one stays at the end."""
    good = policy(gateway).read_text()
    yield good, good + OTHER
    save(policy(gateway), good)


@pytest.fixture(scope="module")
def allowed(gateway: Gateway, policies: tuple[str, str]) -> dict[tuple[str, str], list[str]]:
    """Every person's answer to every shape under each policy, asked alone."""
    found: dict[tuple[str, str], list[str]] = {}
    for text in policies:
        save(policy(gateway), text)
        for user in PEOPLE:
            session = Session(gateway, user)
            for shape in SHAPES:
                found.setdefault((user, shape), []).append(session.ask(shape))
    save(policy(gateway), policies[0])
    return found


def test_the_answers_tell_people_and_policies_apart(allowed):
    """A mixed-up answer would be seen: rows, groups, tokens, joins differ for each of the four."""
    for shape in ("count", "groups", "rows", "user", "prepared", "join"):
        for round_ in (0, 1):
            assert len({allowed[user, shape][round_] for user in PEOPLE}) == len(PEOPLE), shape
    for shape in ("count", "rows", "channel", "columns", "describe", "access", "prepared"):
        for user in PEOPLE:
            assert len(set(allowed[user, shape])) == 2, (user, shape)
    regions = {"ana": ["EU"], "olga": ["US"], "bo": ["EU", "US"]}
    for user, wanted in regions.items():
        for answer in allowed[user, "groups"]:
            assert {row[0] for row in json.loads(answer)[1]} == set(wanted)
    assert "errorName" in allowed["ana", "channel"][1]


@contextmanager
def alternating(path: Path, texts: tuple[str, str]) -> Iterator[Counter[str]]:
    """The two policies in turn, several a second, until the end."""
    stop, saved = threading.Event(), Counter()

    def edit() -> None:
        for text in cycle(texts[::-1]):
            save(path, text)
            saved["times"] += 1
            if stop.wait(0.4):
                return

    with ThreadPoolExecutor(1) as editor:
        done = editor.submit(edit)
        try:
            yield saved
        finally:
            stop.set()
            done.result()


def test_sessions_at_once_get_their_own_answers_while_policies_change(gateway, policies, allowed):
    seen: Counter[tuple[str, int]] = Counter()
    wrong: list[tuple[str, str, str]] = []

    def work(number: int) -> int:
        session = Session(gateway, PEOPLE[number % len(PEOPLE)])
        shapes = list(SHAPES)
        for turn in range(QUERIES_EACH):
            shape = shapes[(turn * 3 + number) % len(shapes)]
            answer = session.ask(shape)
            known = allowed[session.user, shape]
            if answer in known:
                seen[shape, known.index(answer)] += 1
            else:
                wrong.append((session.user, shape, answer[:500]))
        return QUERIES_EACH

    with alternating(policy(gateway), policies) as saved, ThreadPoolExecutor(SESSIONS) as pool:
        asked = sum(pool.map(work, range(SESSIONS)))
    assert wrong == []
    assert asked >= 400
    assert saved["times"] >= 4
    for shape in ("count", "columns", "describe"):
        assert seen[shape, 0], f"{shape}: the first policy was never met"
        assert seen[shape, 1], f"{shape}: the second policy was never met"


def test_a_saved_policy_holds_for_the_very_next_query(gateway, policies, allowed):
    session = Session(gateway, "ana")
    shapes = ("columns", "count", "describe")
    for turn in range(6):
        save(policy(gateway), policies[turn % 2])
        for shape in (*shapes[turn % 3 :], *shapes):  # each is the first one once
            assert session.ask(shape) == allowed["ana", shape][turn % 2]


def test_a_page_belongs_to_the_one_who_asked(gateway):
    page = post(gateway, "SELECT claim_id FROM claims", user="clara").page
    for other in ("ana", "sam"):
        for method in ("GET", "HEAD", "DELETE"):
            assert send(gateway, method, page["nextUri"], user=other).status == 404
        for path in (f"/v1/query/{page['id']}", f"/ui/query.html?{page['id']}"):
            assert send(gateway, "GET", path, user=other).status == 404
        assert send(gateway, "DELETE", f"/v1/query/{page['id']}", user=other).status == 404
        killed = gateway.connect(other).run(f"CALL system.runtime.kill_query('{page['id']}')")
        assert killed.outcome == "NOT_FOUND"
    answered = send(gateway, "GET", page["nextUri"], user="clara").page
    cancel = answered.get("partialCancelUri") or answered.get("nextUri")
    if cancel is not None:
        assert send(gateway, "DELETE", cancel, user="ana").status == 404
    rows = len(answered.get("data", []))
    while "nextUri" in answered:
        answered = send(gateway, "GET", answered["nextUri"], user="clara").page
        rows += len(answered.get("data", []))
    assert rows == 120_000


def test_sessions_share_nothing(gateway):
    """Prepared statements, properties, defaults and transactions are the client's alone."""
    one, two = gateway.connect("ana"), gateway.connect("ana")
    assert one.run("PREPARE q FROM SELECT 1 FROM claims LIMIT 1").error is None
    assert one.run("SET SESSION meshgate.warnings = 'off'").error is None
    assert one.run("USE lake.members").error is None
    assert one.run("EXECUTE q").outcome == "TABLE_NOT_FOUND"  # claims, read in lake.members
    assert two.run("EXECUTE q").outcome == "NOT_FOUND"
    assert two.run("SELECT count(*) FROM claims").warnings
    assert one.run("START TRANSACTION").error is None
    other = gateway.connect("clara")
    other.transaction = one.transaction
    assert other.run("SELECT count(*) FROM claims").outcome == "UNKNOWN_TRANSACTION"
    assert one.run("COMMIT").error is None


def test_the_user_header_alone_says_who_asks(gateway):
    """Nothing else in a request makes it someone else's: not twice, not by another header."""
    sql = "SELECT current_user, count(*) FROM claims"

    def answer(headers: dict[str, str]) -> list | None:
        """The rows; None for a refusal."""
        reply = post(gateway, sql, headers=headers)
        if reply.status != 200 or "error" in reply.page:
            return None
        page = reply.page
        rows: list = []
        while "nextUri" in page:
            page = send(gateway, "GET", page["nextUri"], headers=headers).page
            rows += page.get("data", [])
        return rows

    mine = answer({})
    assert mine == [["ana", 36_596]]
    for headers in (
        {"X-Trino-Original-User": "clara"},
        {"X-Trino-Role": "system=ROLE{claims-team}"},
        {"X-Trino-Role": "lake=ROLE{claims-team},system=ALL"},
        {"X-Trino-Extra-Credential": "user=clara"},
        {"X-Trino-Client-Info": '{"user": "clara"}'},
        {"X-Trino-Client-Tags": "claims-team,group:claims-team"},
        {"X-Trino-Set-Authorization-User": "clara"},
        {"X-Trino-Session": "meshgate.reason=claims-team"},
        {"X-Trino-Session": "meshgate.grant=standing:team"},
        {"X-Trino-Session": "meshgate.grant=ag-1042"},
        {"X-Trino-Session": "meshgate.purpose=fraud"},
        {"X-Forwarded-User": "clara"},
        {"X-Forwarded-For": "10.0.0.1"},
        {"Authorization": "Bearer clara"},
        {"Authorization": "Basic Y2xhcmE6"},
    ):
        assert answer(headers) in (None, mine), headers


@pytest.mark.parametrize("name", ["X-Trino-User", "Authorization", "Host", "X-Trino-Original-User"])
def test_a_request_that_names_two_senders_is_refused(gateway, name):
    """Proxies differ in which of two equal headers they believe."""
    body = b"SELECT current_user"
    values = {"Host": ("127.0.0.1", "localhost")}.get(name, ("ana", "clara"))
    lines = ["POST /v1/statement HTTP/1.1", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for value in values]
    lines += ["Host: 127.0.0.1"] * (name != "Host")
    lines += ["X-Trino-User: ana"] * (name != "X-Trino-User")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
    assert b"stands twice" in answer
