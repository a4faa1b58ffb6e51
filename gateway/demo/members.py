"""Domain members: 20,000 invented people."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gateway.demo.data import (
    Chance,
    DemoTable,
    Ints,
    dates,
    digits,
    instants,
    joined,
    nulled,
    replaced,
    table,
    words,
)

MEMBERS = 20_000
_LATER = 400
_SEED = 1301
_DAY = 86_400
_BORN_FROM, _BORN_DAYS = -10_957, 25_000  # 1940-01-01 on, in days since 1970
_ENROLLED_FROM, _ENROLLED_DAYS = 16_436, 3_287  # 2015-01-01 to 2023-12-31
_NOW = 1_760_000_000

FIRST = words(
    "Ada Boris Chen Dana Emil Farah Goran Hana Ines Jonas Keiko Lars Mina Noor Otto Priya Quinn"
    " Rosa Sven Tara Uma Viktor Wen Xenia Yara Zeno"
)
LAST = words(
    "Abbot Brandt Castell Dorsey Ekholm Fabre Gruber Hoshino Ibarra Jansen Kowal Lindqvist Mori"
    " Nakata Oduya Pereira Quist Rossi Sato Tanaka Ueda Varga Weiss Ximenez Yilmaz Zeller"
)
# Half of the people live in the United States.
REGIONS = ("US", "US", "US", "US", "US", "EU", "EU", "EU", "APAC", "APAC")
_DOCS = {
    "member_id": "written M-0000003 here; other domains spell it differently",
    "ssn": "invented: area numbers from 900 on are never issued",
    "email": "NULL for one in thirty",
    "region": "where the person lives: EU, US or APAC",
    "preferred_language": "recorded since the second load; NULL before",
}


def number(index: Ints) -> Ints:
    """Give the number inside a member's identifier."""
    return index * 7 + 3


def ssn_parts(index: Ints) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Give the three groups of a person's invented social security number."""
    return (
        digits(900 + index * 31 % 100, 3),
        digits(10 + index * 17 % 90, 2),
        digits(index * 7919 % 10_000, 4),
    )


def regions() -> pa.Array:
    """Give the region of each member."""
    return Chance(_SEED + 1).pick(REGIONS, MEMBERS)


def tables() -> Iterator[DemoTable]:
    """Give the domain's tables."""
    everyone = _people()
    old = everyone.slice(0, MEMBERS - _LATER).drop_columns(["preferred_language"])
    yield DemoTable(
        "members.members",
        old,
        "One row per insured person (invented)",
        docs=_DOCS,
        later=everyone.slice(MEMBERS - _LATER),
    )


def _people() -> pa.Table:
    chance, index = Chance(_SEED), np.arange(MEMBERS, dtype=np.int64)
    first, last = chance.pick(FIRST, MEMBERS), chance.pick(LAST, MEMBERS)
    mailbox = joined(pc.utf8_lower(first), pc.utf8_lower(last), separator=".")
    email = joined(mailbox, digits(index, 1), "@example.org")
    ssn = joined(*ssn_parts(index), separator="-")
    ssn = replaced(ssn, chance.flags(20, MEMBERS), "UNKNOWN")
    language = chance.pick(("en", "en", "de", "fr", "es", "ja"), MEMBERS)
    return table(
        ("member_id", "region"),
        member_id=joined("M-", digits(number(index), 7)),
        first_name=first,
        last_name=last,
        email=nulled(email, chance.flags(33, MEMBERS)),
        ssn=nulled(ssn, chance.flags(10, MEMBERS)),
        phone=joined("+1-212-555-01", digits(chance.below(100, MEMBERS), 2)),
        birth_date=dates(_BORN_FROM + chance.below(_BORN_DAYS, MEMBERS)),
        region=regions(),
        plan=chance.pick(("bronze", "bronze", "silver", "silver", "gold"), MEMBERS),
        enrolled_on=dates(_ENROLLED_FROM + chance.below(_ENROLLED_DAYS, MEMBERS)),
        active=nulled(pa.array(chance.flags(900, MEMBERS)), chance.flags(5, MEMBERS)),
        updated_at=instants(_NOW + chance.below(300 * _DAY, MEMBERS) - 300 * _DAY),
        preferred_language=language,
    )
