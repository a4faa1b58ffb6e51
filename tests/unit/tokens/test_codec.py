from __future__ import annotations

import hmac
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tokens.codec import Mac, canonical, derive_key, fingerprint, render, token
from gateway.tokens.names import udf_name
from gateway.tokens.selftest import codec_failures, known_keys, null_inputs, vectors


def test_all_fourteen_vectors_are_packaged_and_agree() -> None:
    assert len(vectors()) == 14
    assert len(null_inputs()) == 6
    assert codec_failures() == []


@pytest.mark.parametrize("vector", vectors(), ids=lambda v: str(v.id))
def test_a_vector_by_hand(vector) -> None:
    code, key, expected = known_keys()[(vector.domain, vector.version)]
    assert key.fingerprint == expected
    mac = Mac(key.secret).digest(vector.canonical.encode())
    assert mac == vector.mac == hmac.digest(key.secret, vector.canonical.encode(), "sha256")
    for shape, wanted in vector.tokens.items():
        assert render(mac, shape, code, vector.version) == wanted


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=64))
def test_a_pre_keyed_mac_is_hmac(message: bytes, key: bytes) -> None:
    assert Mac(key).digest(message) == hmac.digest(key, message, "sha256")


def test_sub_keys_differ_by_use_domain_and_version() -> None:
    raw = bytes(range(32))
    made = {
        derive_key(raw, "member", 1),
        derive_key(raw, "member", 2),
        derive_key(raw, "ssn", 1),
        derive_key(raw, "member", 1, "hash"),
    }
    assert len(made) == 4


def test_a_short_domain_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive_key(b"short", "member", 1)


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (42, "int", "42"),
        (Decimal(-7), "int", "-7"),
        (Decimal("1E+3"), "int", "1000"),
        (date(1985, 2, 28), "date", "1985-02-28"),
        ("\u0661\u0662 12", "digits", "12"),
        ("\u0131\u00dfk\u212a", "upper_alnum", "K"),
        ("\u00a0A@B.\u0130", "email", "\u00a0a@b.\u0130"),
        ("", "raw", None),
        (None, "raw", None),
    ],
)
def test_canonicalizers_fold_only_ascii(value, name, expected) -> None:
    assert canonical(value, name) == expected


def test_fractions_are_not_integers() -> None:
    with pytest.raises(ValueError, match="whole"):
        canonical(Decimal("1.5"), "int")


def test_sentinels_have_no_token() -> None:
    mac = Mac(b"k" * 64)
    shape = {"shape": "text", "code": "mbr", "version": 1}
    said = token(mac, "un-known", canonicalizer="upper_alnum", null_values=["UNKNOWN"], **shape)
    assert said is None
    said = token(mac, "x", canonicalizer="upper_alnum", null_values=["UNKNOWN"], **shape)
    assert str(said).startswith("mbr1_")


def test_fingerprints_and_function_names_tell_nothing_and_are_stable() -> None:
    assert fingerprint(b"k" * 64) not in repr(Mac(b"k" * 64))
    assert udf_name("member", 1, "text") == "mg_44afde02ca87fb7b962937d4"
