"""Domain providers: 2,000 invented practices and their confidential contracts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from gateway.demo.data import (
    Chance,
    DemoTable,
    Ints,
    dates,
    decimals,
    digits,
    joined,
    nulled,
    table,
)
from gateway.demo.members import LAST, REGIONS

PROVIDERS = 2_000
_SEED = 1302
_CONTRACTS = 2_600
_CONTRACT_FROM = 18_262  # 2020-01-01
_SPECIALTIES = (
    "family medicine",
    "family medicine",
    "cardiology",
    "dermatology",
    "oncology",
    "orthopedics",
    "pediatrics",
    "psychiatry",
    "radiology",
)
_KINDS = ("Clinic", "Practice", "Hospital", "Center")
_CITIES = ("Arden", "Bellmoor", "Corvale", "Dunmere", "Eastwick", "Fairhaven", "Glenrock")
_TERMS = (
    "flat rate for routine visits",
    "rate per case, reviewed yearly",
    "volume discount above 500 cases",
    None,
)


def identifier(index: Ints) -> pa.Array:
    """Give a provider's identifier: ``P-00042``."""
    return joined("P-", digits(index, 5))


def tables() -> Iterator[DemoTable]:
    """Give the domain's tables."""
    yield DemoTable(
        "providers.providers",
        _providers(),
        "One row per practice or hospital (invented)",
        docs={"npi": "invented ten-digit number, first digit 9"},
    )
    yield DemoTable(
        "providers.contracts",
        _contracts(),
        "What is paid to whom: confidential",
        docs={"discount_percent": "negotiated, NULL where none was agreed"},
    )


def _providers() -> pa.Table:
    chance, index = Chance(_SEED), np.arange(PROVIDERS, dtype=np.int64)
    name = joined(chance.pick(LAST, PROVIDERS), chance.pick(_KINDS, PROVIDERS), separator=" ")
    return table(
        ("provider_id", "name", "region"),
        provider_id=identifier(index),
        npi=pa.array(9_000_000_000 + index * 104_729),
        name=name,
        specialty=nulled(chance.pick(_SPECIALTIES, PROVIDERS), chance.flags(10, PROVIDERS)),
        city=chance.pick(_CITIES, PROVIDERS),
        region=chance.pick(REGIONS, PROVIDERS),
        accepting_patients=pa.array(chance.flags(700, PROVIDERS)),
        rating=nulled(
            decimals(100 + chance.below(401, PROVIDERS), 3, 2), chance.flags(80, PROVIDERS)
        ),
    )


def _contracts() -> pa.Table:
    chance, size = Chance(_SEED + 1), _CONTRACTS
    signed = _CONTRACT_FROM + chance.below(1_800, size)
    discount = decimals(chance.below(3_000, size), 5, 2)
    return table(
        ("contract_id", "provider_id"),
        contract_id=pa.array(np.arange(size, dtype=np.int64) + 700_001),
        provider_id=identifier(chance.below(PROVIDERS, size)),
        valid_from=dates(signed),
        valid_until=nulled(
            dates(signed + 365 * (1 + chance.below(4, size))), chance.flags(150, size)
        ),
        base_rate=decimals(5_000 + chance.below(95_000, size), 12, 2),
        discount_percent=nulled(discount, chance.flags(300, size)),
        terms=chance.pick(_TERMS, size),
    )
