"""Mask templates: values on DuckDB against Python, the text for Trino, what is refused."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.model import Column
from gateway.datatypes import DataType
from gateway.policy.model import Mask
from gateway.sql.masks import Place, masked
from gateway.sql.spelling import spell
from gateway.tokens.codec import Mac, canonical, derive_key, render
from gateway.tokens.names import udf_name
from tests.unit.sql.sqlback import SALT, TYPES, domain

KEY = bytes(range(32))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12) | st.text(
    "ab1@ .-(),é", max_size=12
)


def _column(kind: str, token_domain: str | None = "member") -> Column:
    return Column("x", DataType.parse(kind), 1, token_domain=token_domain)


def write(mask: Mask, kind: str, engine: str = "duckdb", **changes: object) -> str:
    place = Place(engine, "$g", {"member": domain(**changes)}, SALT)  # type: ignore[arg-type]
    return masked(mask, _column(kind), place)


def _udf(mac: Mac, shape: str):
    return lambda value: render(mac.digest(value.encode()), shape, "mbr", 1)


@pytest.fixture(scope="module")
def engine():
    con = duckdb.connect()
    con.execute("SET TimeZone = 'Asia/Tokyo'")
    token_key, hash_key = (derive_key(KEY, "member", 1, use) for use in ("token", "hash"))
    for shape in ("text", "short", "email", "i63", "i53", "hash"):
        mac = Mac(hash_key if shape == "hash" else token_key)

        result = "BIGINT" if shape.startswith("i") else "VARCHAR"
        con.create_function(udf_name("member", 1, shape), _udf(mac, shape), ["VARCHAR"], result)
    yield con
    con.close()


def evaluate(engine, text: str, kind: str, value: object) -> object:
    written = spell(DataType.parse(kind), "duckdb")
    sql = f'SELECT {text} AS v FROM (SELECT CAST(? AS {written}) AS x) AS "$g"'
    return engine.execute(sql, [value]).fetchone()[0]


def _alnum(x: str) -> str:
    return re.sub("[0-9]", "n", re.sub("[^0-9(),.@-]", "x", x))


def _email(x: str) -> str:
    local, at, rest = x.partition("@")
    if not at or "@" in rest or not local or not rest:
        return "***"
    return "***@" + rest.translate(
        str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
    )


def _partial(x: str, n: int, side: str) -> str:
    if len(x) <= n + 3:
        return "*" * len(x)
    return x[:n] + "*" * (len(x) - n) if side == "first" else "*" * (len(x) - n) + x[-n:]


PARTIALS = [Mask("partial", (("n", n), ("side", s))) for n in (1, 4) for s in ("first", "last")]
ORACLES = {
    Mask("mask-alphanum"): _alnum,
    Mask("show-first-4"): lambda x: x[:4] + _alnum(x[4:]),
    Mask("show-last-4"): lambda x: x if len(x) <= 4 else _alnum(x[:-4]) + x[-4:],
    Mask("email-domain"): _email,
    Mask("regex", (("pattern", "[0-9]+"), ("replacement", "it's"))): lambda x: re.sub(
        "[0-9]+", "it's", x
    ),
    Mask("sha-256-global"): lambda x: hashlib.sha256(x.encode()).hexdigest(),
    Mask("sha-256-query-local"): lambda x: hashlib.sha256(
        bytes.fromhex(SALT) + x.encode()
    ).hexdigest(),
    Mask("constant", (("value", "a'b"),)): lambda _: "a'b",
    Mask("mask-to-fixed-value"): lambda _: "XXXXXXXX",
    Mask("replace-with-null"): lambda _: None,
    Mask("keyed-hash"): lambda x: (
        Mac(derive_key(KEY, "member", 1, "hash")).digest(x.encode()).hex()
    ),
    **{mask: (lambda x, m=mask: _partial(x, m.param("n"), m.param("side"))) for mask in PARTIALS},
}


@given(value=TEXTS)
@pytest.mark.parametrize("mask", list(ORACLES), ids=lambda m: m.kind)
def test_text_masks_equal_python(engine, mask, value):
    assert evaluate(engine, write(mask, "varchar"), "varchar", value) == ORACLES[mask](value)


@pytest.mark.parametrize("mask", list(ORACLES), ids=lambda m: m.kind)
def test_null_stays_null_except_under_the_fixed_value(engine, mask):
    found = evaluate(engine, write(mask, "varchar"), "varchar", None)
    assert found == ("XXXXXXXX" if mask.kind == "mask-to-fixed-value" else None)


CANONICALIZERS = ("raw", "digits", "upper_alnum", "email")


@given(value=TEXTS)
@pytest.mark.parametrize("canonicalizer", CANONICALIZERS)
def test_tokens_equal_the_codec(engine, canonicalizer, value):
    for shape in ("text", "short", "email"):
        text = write(Mask("token"), "varchar", shape=shape, canonicalizer=canonicalizer)
        meant = canonical(value, canonicalizer, ("UNKNOWN",))
        mac = Mac(derive_key(KEY, "member", 1))
        wanted = None if meant is None else render(mac.digest(meant.encode()), shape, "mbr", 1)
        assert evaluate(engine, text, "varchar", value) == wanted


@given(value=st.integers(-(10**15), 10**15))
@pytest.mark.parametrize(
    ("kind", "shape"), [("bigint", "i63"), ("decimal(19,0)", "i63"), ("decimal(16,0)", "i53")]
)
def test_numbers_get_number_tokens(engine, kind, shape, value):
    mac = Mac(derive_key(KEY, "member", 1)).digest(str(value).encode())
    found = evaluate(engine, write(Mask("token"), kind), kind, value)
    assert int(found) == render(mac, shape, "mbr", 1)


@given(value=st.integers(-(2**31), 2**31 - 1), width=st.sampled_from([1, 10, 1000, 10**12]))
@pytest.mark.parametrize("kind", ["integer", "bigint", "decimal(12,2)", "double"])
def test_buckets_round_down(engine, kind, value, width):
    found = evaluate(engine, write(Mask("bucket", (("width", width),)), kind), kind, value)
    wanted = value // width * width
    low = {"integer": -(2**31), "decimal(12,2)": -(10**10)}.get(kind, -(2**63))
    assert found == (wanted if wanted >= low else None)


def test_buckets_of_fractions(engine):
    mask = Mask("bucket", (("width", 10),))
    found = evaluate(engine, write(mask, "decimal(12,2)"), "decimal(12,2)", Decimal("-7.25"))
    assert found == Decimal("-10.00")
    assert evaluate(engine, write(mask, "double"), "double", -0.5) == -10.0
    assert evaluate(engine, write(mask, "integer"), "integer", -(2**31)) is None


@pytest.mark.parametrize(
    ("mask", "kind", "value", "wanted"),
    [
        (Mask("truncate-to-month"), "date", date(2026, 5, 17), date(2026, 5, 1)),
        (Mask("truncate-to-year"), "date", date(2026, 5, 17), date(2026, 1, 1)),
        (Mask("date-trunc", (("unit", "quarter"),)), "date", date(2026, 5, 17), date(2026, 4, 1)),
        (
            Mask("date-trunc", (("unit", "hour"),)),
            "timestamp(6)",
            datetime(2026, 5, 17, 13, 45),  # noqa: DTZ001 - a local time
            datetime(2026, 5, 17, 13),  # noqa: DTZ001 - a local time
        ),
        (
            Mask("date-trunc", (("unit", "day"),)),
            "timestamp(6) with time zone",
            datetime(2026, 5, 17, 23, 45, tzinfo=UTC),
            datetime(2026, 5, 17, tzinfo=UTC),
        ),
    ],
)
def test_times_are_truncated_on_the_utc_calendar(engine, mask, kind, value, wanted):
    assert evaluate(engine, write(mask, kind), kind, value) == wanted


APPLICABLE = [
    (Mask("replace-with-null"), list(TYPES.values())),
    (Mask("mask-to-fixed-value"), ["varchar", "bigint", "boolean", "decimal(12,2)", "double"]),
    (Mask("mask-to-fixed-value"), ["date", "timestamp(6)", "timestamp(6) with time zone"]),
    (Mask("bucket", (("width", 10),)), ["integer", "bigint", "decimal(12,2)", "double"]),
    (Mask("truncate-to-month"), ["date", "timestamp(6)", "timestamp(6) with time zone"]),
    (Mask("token"), ["varchar", "varchar(64)", "bigint", "decimal(19,0)", "decimal(16,0)"]),
    *((mask, ["varchar", "varchar(64)"]) for mask in ORACLES),
]
PAIRS = [(mask, kind) for mask, kinds in APPLICABLE for kind in kinds]


@pytest.mark.parametrize(("mask", "kind"), PAIRS, ids=[f"{m.kind}-{k}" for m, k in PAIRS])
def test_a_mask_keeps_the_column_s_type(engine, mask, kind):
    written = spell(DataType.parse(kind), "duckdb")
    text = write(mask, kind)
    raw = f'(SELECT CAST(NULL AS {written}) AS x) AS "$g"'
    sql = f'SELECT typeof({text}), typeof("$g"."x") FROM {raw}'
    found, own = engine.execute(sql).fetchone()
    assert found == own


@pytest.mark.parametrize(
    ("mask", "kind"),
    [
        (Mask("unheard-of"), "varchar"),
        (Mask("sha-256-global"), "bigint"),
        (Mask("keyed-hash"), "bigint"),
        (Mask("token"), "integer"),
        (Mask("token"), "decimal(15,0)"),
        (Mask("token"), "decimal(19,2)"),
        (Mask("token"), "date"),
        (Mask("bucket", (("width", 10),)), "varchar"),
        (Mask("bucket", (("width", 0),)), "bigint"),
        (Mask("bucket", (("width", True),)), "bigint"),
        (Mask("truncate-to-year"), "varchar"),
        (Mask("date-trunc", (("unit", "hour"),)), "date"),
        (Mask("date-trunc", (("unit", "week"),)), "date"),
        (Mask("partial", (("n", 0),)), "varchar"),
        (Mask("partial", (("n", 1), ("side", "middle"))), "varchar"),
        (Mask("regex", (("pattern", "a"), ("replacement", "$1"))), "varchar"),
        (Mask("regex", (("pattern", "é"), ("replacement", ""))), "varchar"),
        (Mask("constant", (("value", 5),)), "varchar"),
        (Mask("mask-to-fixed-value"), "varbinary"),
        (Mask("mask-to-fixed-value"), "array(varchar)"),
    ],
)
def test_what_does_not_apply_is_refused(mask, kind):
    for engine_name in ("duckdb", "trino"):
        with pytest.raises(ValueError):
            write(mask, kind, engine_name)


@pytest.mark.parametrize("mask", [m for m in ORACLES if m.kind != "replace-with-null"])
def test_trino_calls_only_full_names(mask):
    text = write(mask, "varchar", "trino")
    calls = re.findall(r'([".a-zA-Z0-9_]+)\(', re.sub(r"'(?:[^']|'')*'", "''", text))
    syntax = {"CAST", "COALESCE", "TRY", "IN", "NOT IN", ""}
    assert all(c.startswith('"system"."builtin".') for c in calls if c not in syntax)
    assert "||" not in text
    assert " FROM " not in text.replace('FROM "gov"."gw"."keys"', "")


def test_no_key_stands_in_a_token():
    text = write(Mask("token"), "varchar", "trino")
    assert 'SELECT "$k"."k" FROM "gov"."gw"."keys" AS "$k" WHERE "$k"."id" = \'member:v1\'' in text
    assert derive_key(KEY, "member", 1).decode() not in text
    assert "\"id\" = 'member:v1:hash'" in write(Mask("keyed-hash"), "varchar", "trino")


def test_a_salt_that_is_no_hex_is_refused():
    place = Place("duckdb", "$g", {}, "'); DROP")
    with pytest.raises(ValueError, match="salt"):
        masked(Mask("sha-256-query-local"), _column("varchar"), place)
