"""The verifier: accepts what the writers make of any decision, refuses what differs by a token."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import MeshgateError
from gateway.names import quote
from gateway.policy.model import ColumnDecision, FieldCondition, Mask
from gateway.sql.conditions import is_plain
from gateway.sql.inject import secured
from gateway.sql.reader.conditions import normal
from gateway.sql.reader.tokens import UnreadableError, tokens
from gateway.sql.verify import verify
from tests.unit.sql.sqlback import SALT, TYPES, decide, decision, domain, scan, table
from tests.unit.sql.test_conditions import TABLE, TREES, condition_of

BOUND = table(**dict.fromkeys(("region", "code", "id", "digits", "digits16"), "member"))
TEXT = [
    Mask("sha-256-global"),
    Mask("show-first-4"),
    Mask("show-last-4"),
    Mask("email-domain"),
    Mask("mask-alphanum"),
    Mask("sha-256-query-local"),
    Mask("keyed-hash"),
    Mask("token"),
    Mask("mask-to-fixed-value"),
    Mask("replace-with-null"),
    Mask("partial", (("n", 4), ("side", "last"))),
    Mask("partial", (("n", 2), ("side", "first"))),
    Mask("regex", (("pattern", "[0-9]+"), ("replacement", "it's"))),
    Mask("constant", (("value", "it's"),)),
]
BUCKET, MONTH = Mask("bucket", (("width", 10),)), Mask("truncate-to-month")
NULL, FIXED = Mask("replace-with-null"), Mask("mask-to-fixed-value")
QUARTER = Mask("date-trunc", (("unit", "quarter"),))
MASKS = {
    "region": TEXT,
    "code": TEXT,
    "id": [Mask("token"), BUCKET, NULL, FIXED, Mask("constant", (("value", 7),))],
    "small": [BUCKET, NULL, FIXED],
    "amount": [BUCKET, NULL, FIXED, Mask("constant", (("value", "1.50"),))],
    "ratio": [BUCKET, NULL, FIXED, Mask("constant", (("value", "0.5"),))],
    "flag": [NULL, FIXED, Mask("constant", (("value", True),))],
    "day": [MONTH, QUARTER, NULL, FIXED, Mask("constant", (("value", "2026-01-02"),))],
    "seen": [MONTH, NULL, FIXED, Mask("constant", (("value", "2026-01-02T03:04:05.5"),))],
    "moment": [MONTH, QUARTER, FIXED, Mask("constant", (("value", "2026-01-02T03:04:05Z"),))],
    "digits": [Mask("token"), NULL, FIXED],
    "digits16": [Mask("token")],
    "guid": [NULL, FIXED],
    "tags": [NULL],
    "props": [NULL],
    "place": [NULL],
    "raw": [NULL],
}
SHAPES = st.fixed_dictionaries(
    {
        "shape": st.sampled_from(["text", "short", "email"]),
        "numeric": st.sampled_from(["i63", "i53"]),
        "canonicalizer": st.sampled_from(["raw", "digits", "upper_alnum", "email"]),
        "null_values": st.lists(st.text("AB0'", max_size=3), max_size=2).map(tuple),
    }
)
ENGINES = st.sampled_from(["trino", "duckdb"])
CHOSEN = st.fixed_dictionaries(
    {}, optional={name: st.none() | st.sampled_from(kinds) for name, kinds in MASKS.items()}
)


def _query(of: Any, decided: Any, used: tuple[str, ...], engine: Any, domains: Any) -> str:
    listed = ", ".join(f'"orders".{quote(name)}' for name in used) or "1"
    inner = secured(scan(of, decided, used), engine, domains, SALT)
    return f"SELECT {listed} FROM {inner}"


def check(sql: str, engine: Any, decided: Any, of: Any = BOUND, domains: Any = None) -> None:
    known = domains if domains is not None else {"member": domain()}
    verify(sql, engine, decision(decided), {of.name: of}, known, SALT)


@given(engine=ENGINES, chosen=CHOSEN, shape=SHAPES)
def test_every_mask_the_writers_make_is_read_back(engine, chosen, shape):
    domains = {"member": domain(**shape)}
    decided = decide(BOUND, masks={name: mask for name, mask in chosen.items() if mask})
    used = tuple(name for name in TYPES if name in chosen)
    check(_query(BOUND, decided, used, engine, domains), engine, decided, domains=domains)


@given(engine=ENGINES, tree=TREES)
def test_every_filter_the_writers_make_is_read_back(engine, tree):
    decided = decide(TABLE, row_filter=condition_of(tree))
    check(_query(TABLE, decided, ("i",), engine, {}), engine, decided, TABLE)


@given(engine=ENGINES, tree=TREES, other=TREES)
def test_a_filter_is_never_read_as_another_one(engine, tree, other):
    made, wanted = condition_of(tree), condition_of(other)
    text = _query(TABLE, decide(TABLE, row_filter=made), ("i",), engine, {})
    same_barrier = engine == "duckdb" or is_plain(made, TABLE) is is_plain(wanted, TABLE)
    if same_barrier and normal(made, TABLE) == normal(wanted, TABLE):
        check(text, engine, decide(TABLE, row_filter=wanted), TABLE)
    else:
        with pytest.raises(MeshgateError):
            check(text, engine, decide(TABLE, row_filter=wanted), TABLE)


@given(engine=ENGINES, name=st.sampled_from(sorted(MASKS)), data=st.data())
def test_a_mask_is_never_read_as_another_one(engine, name, data):
    made, wanted = (data.draw(st.sampled_from([None, *MASKS[name]])) for _ in range(2))
    text = _query(
        BOUND,
        decide(BOUND, masks={name: made} if made else None),
        (name,),
        engine,
        {"member": domain()},
    )
    decided = decide(BOUND, masks={name: wanted} if wanted else None)
    if made == wanted:
        check(text, engine, decided)
    else:
        with pytest.raises(MeshgateError):
            check(text, engine, decided)


EU = FieldCondition("eq", "region", "EU")
GOVERNED = decide(
    BOUND, row_filter=EU, masks={"code": Mask("token"), "region": Mask("show-first-4")}
)


@given(engine=ENGINES, seed=st.integers(0, 2**32))
def test_no_single_token_can_change_inside_a_secured_sub_query(engine, seed):
    """Dropping, doubling, swapping or replacing any one token is refused."""
    text = _query(BOUND, GOVERNED, ("id", "region", "code"), engine, {"member": domain()})
    start = text.index("(SELECT")
    parts = _split(text[start:])
    broken = _broken(parts, random.Random(seed))
    if broken == parts:
        return
    with pytest.raises(MeshgateError):
        check(text[:start] + " ".join(broken), engine, GOVERNED)


def _split(text: str) -> list[str]:
    spelled = {"name": quote, "text": lambda v: "'" + v.replace("'", "''") + "'"}
    return [spelled.get(token.kind, str)(token.value) for token in tokens(text)]


def _broken(parts: list[str], rng: random.Random) -> list[str]:
    last = len(parts) - 2  # the alias of the whole may be anything the rest of a query says
    at, other = rng.randrange(last), rng.randrange(last)
    changed = list(parts)
    match rng.randrange(4):
        case 0:
            del changed[at]
        case 1:
            changed.insert(at, parts[other])
        case 2:
            changed[at], changed[other] = parts[other], parts[at]
        case _:
            changed[at] = parts[other]
    return changed


def test_the_text_split_and_joined_is_still_accepted():
    for engine in ("trino", "duckdb"):
        text = _query(BOUND, GOVERNED, ("id", "region", "code"), engine, {"member": domain()})
        check(" ".join(_split(text)), engine, GOVERNED)


@pytest.mark.parametrize("engine", ["trino", "duckdb"])
def test_a_decision_that_contradicts_itself_is_refused(engine):
    text = _query(BOUND, decide(BOUND), ("id",), engine, {})
    good = decide(BOUND)
    for decided in (
        replace(good, effect="deny"),
        replace(good, columns=()),
        replace(good, columns=(ColumnDecision("id", "mask", None), *good.columns[1:])),
        replace(good, columns=(ColumnDecision("id", "deny"), *good.columns[1:])),
    ):
        with pytest.raises(MeshgateError):
            check(text, engine, decided)
    with pytest.raises(MeshgateError):
        verify(text, engine, replace(decision(good), effect="deny"), {BOUND.name: BOUND}, {}, SALT)
    with pytest.raises(MeshgateError):
        verify(text, engine, decision(), {}, {}, SALT)


def test_no_table_needs_no_secured_sub_query():
    for engine in ("trino", "duckdb"):
        verify('SELECT 1 AS "a"', engine, decision(), {}, {}, SALT)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 -- x",
        "SELECT /* x */ 1",
        "SELECT 1;",
        "SELECT `a`",
        "SELECT \x00",
        "SELECT a'b'",
        "SELECT 1'b'",
        'SELECT a"b"',
        "SELECT 'b",
        "SELECT #",
    ],
)
def test_what_governed_text_never_holds_cannot_be_read(text):
    with pytest.raises(UnreadableError):
        tokens(text)


def test_the_message_tells_the_client_nothing():
    with pytest.raises(MeshgateError) as raised:
        check('SELECT * FROM "lake"."sales"."orders"', "trino", decide(BOUND))
    assert "orders" not in raised.value.message
    assert raised.value.audit["verify"]
