"""Login by JWT: which tokens an issuer's keys let in."""

from __future__ import annotations

import json
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import RSAAlgorithm

from gateway.identity.authenticate import AuthenticationError, Authenticator, Presented
from gateway.identity.directory import Directory
from gateway.identity.jwks import KeyAddress, KeyFile, KeysUnavailableError, parse_keys
from gateway.identity.tokens import TokenFile, mint
from gateway.identity.webtokens import JwtLogin, WebToken, WebTokenError
from tests.unit.identity.issuer import (
    AUDIENCE,
    ISSUER,
    Site,
    by_hand,
    claims,
    ec_key,
    public,
    rsa_key,
    signed,
)

KEY, OTHER, CURVE = rsa_key(), rsa_key(), ec_key()
PEOPLE = Directory.of(
    {
        "principals": {
            "alice": {"groups": ["analysts", "staff"]},
            "svc": {"kind": "service", "groups": ["bots"], "may_impersonate": ["alice"]},
        }
    }
)


@pytest.fixture
def jwks(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [public(KEY, "k1"), public(CURVE, "e1")]}))
    return path


@pytest.fixture
def login(jwks):
    return JwtLogin(KeyFile(jwks), ISSUER, AUDIENCE)


def gate(web_tokens, **more):
    return Authenticator(lambda: PEOPLE, web_tokens=web_tokens, **more)


def bearer(text, **more):
    return Presented(f"Bearer {text}", peer="10.0.0.1", secure=True, **more)


async def refused(login: JwtLogin, text: str) -> str:
    with pytest.raises(WebTokenError) as caught:
        await login.verify(text)
    return str(caught.value)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"])
async def test_rsa_signatures_are_accepted(login, algorithm):
    assert await login.verify(signed(KEY, algorithm=algorithm)) == WebToken("alice")


async def test_an_ec_signature_is_accepted_with_its_own_curve_alone(login, tmp_path):
    assert await login.verify(signed(CURVE, "e1", "ES256")) == WebToken("alice")
    wide = ec_key(ec.SECP384R1())
    path = tmp_path / "wide.json"
    path.write_text(json.dumps({"keys": [public(wide, "e2")]}))
    wide_login = JwtLogin(KeyFile(path), ISSUER, AUDIENCE)
    assert await wide_login.verify(signed(wide, "e2", "ES384")) == WebToken("alice")
    await refused(wide_login, signed(CURVE, "e2", "ES256"))


WRONG_CLAIMS = {
    "another issuer": {"iss": "https://issuer.example.org.evil.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "others"},
    "no audience": {"aud": None},
    "part of the audience": {"aud": "mesh"},
    "expired": {"exp": int(time.time()) - 61},
    "no expiry": {"exp": None},
    "an expiry beyond numbers": {"exp": float("inf")},
    "an expiry that is text": {"exp": "soon"},
    "not yet valid": {"nbf": int(time.time()) + 86_400},
    "nobody": {"sub": None},
    "an empty name": {"sub": ""},
}


@pytest.mark.parametrize("wrong", WRONG_CLAIMS)
async def test_wrong_claims_are_refused(login, wrong):
    await refused(login, signed(KEY, **WRONG_CLAIMS[wrong]))


async def test_clocks_may_differ_by_a_minute(login):
    now = int(time.time())
    assert await login.verify(signed(KEY, exp=now - 50, nbf=now + 50))
    assert "expired" in await refused(login, signed(KEY, exp=now - 70))


async def test_one_of_several_audiences_is_enough(login):
    assert await login.verify(signed(KEY, aud=["others", AUDIENCE]))


async def test_only_the_issuers_key_counts(login):
    await refused(login, signed(OTHER))
    await refused(login, signed(OTHER, headers={"jwk": public(OTHER, "k1")}))
    await refused(login, signed(OTHER, headers={"jku": "https://evil.example/jwks.json"}))
    await refused(login, signed(OTHER, headers={"x5u": "https://evil.example/chain.pem"}))
    await refused(login, signed(KEY, "k2"))
    await refused(login, signed(CURVE, "k1", "ES256"))


async def test_a_key_serves_the_algorithm_it_is_published_for_alone(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [public(KEY, "k1", alg="PS256")]}))
    login = JwtLogin(KeyFile(path), ISSUER, AUDIENCE)
    assert await login.verify(signed(KEY, algorithm="PS256"))
    await refused(login, signed(KEY, algorithm="RS256"))


async def test_a_key_the_token_brings_is_ignored_not_followed(login):
    assert await login.verify(signed(KEY, headers={"jwk": public(OTHER, "k1")}))


async def test_unsigned_and_symmetric_tokens_are_refused(login):
    pem = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for header in ({"alg": "none"}, {"alg": "None", "kid": "k1"}, {"kid": "k1"}):
        await refused(login, by_hand(header, claims()))
    for algorithm in ("HS256", "hs256", "RS256"):
        await refused(login, by_hand({"alg": algorithm, "kid": "k1"}, claims(), pem))


async def test_a_changed_token_is_refused(login):
    head, body, signature = signed(KEY).split(".")
    other = signed(KEY, sub="svc").split(".")[1]
    for text in (f"{head}.{other}.{signature}", f"{head}.{body}.", f"{head}.{body}", "a.b.c", ""):
        await refused(login, text)


@pytest.mark.parametrize("kid", [7, ["k1"], {"a": 1}, None])
async def test_a_key_id_of_another_kind_is_refused(login, kid):
    header, body, mac = by_hand({"alg": "RS256", "kid": kid}, claims(), b"x").split(".")
    await refused(login, f"{header}.{body}.{mac}")


async def test_extensions_that_must_be_understood_are_refused(login):
    await refused(login, signed(KEY, headers={"crit": ["exp"]}))


async def test_a_long_token_is_refused_before_it_is_read(login):
    assert "too long" in await refused(login, signed(KEY, note="x" * 9000))


async def test_a_deep_token_is_refused(login):
    deep = by_hand({"alg": "RS256", "kid": "k1", "x": []}, claims())
    head = json.loads('{"x": ' + "[" * 900 + "]" * 900 + "}")
    assert await refused(login, by_hand({**head, "alg": "RS256", "kid": "k1"}, claims(), b"x"))
    assert await refused(login, deep)


async def test_a_token_without_key_id_needs_a_single_key(login, tmp_path):
    await refused(login, signed(KEY, None))
    path = tmp_path / "one.json"
    path.write_text(json.dumps({"keys": [public(KEY, "k1")]}))
    assert await JwtLogin(KeyFile(path), ISSUER, AUDIENCE).verify(signed(KEY, None))


def test_keys_that_cannot_be_trusted_are_left_out():
    private = json.loads(RSAAlgorithm.to_jwk(KEY))
    content = {
        "keys": [
            public(KEY, "good"),
            public(OTHER, "for-one", alg="PS256"),
            public(OTHER, "encrypts", use="enc"),
            public(OTHER, "symmetric-alg", alg="HS256"),
            public(rsa_key(1024), "short"),
            public(OTHER, "twice"),
            public(KEY, "twice"),
            {**private, "kid": "private", "use": "sig"},
            public(ec_key(ec.SECP256K1()), "other-curve"),
            {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
            "not a key",
        ]
    }
    keys = parse_keys(json.dumps(content).encode())
    assert set(keys) == {"good", "for-one"}
    assert keys.fits("good", "RS512")
    assert not keys.fits("good", "ES256")
    assert not keys.fits("for-one", "RS256")


@pytest.mark.parametrize("content", [b"", b"[]", b'{"keys": {}}', b"[" * 100_000])
def test_a_broken_key_set_is_an_error(content):
    with pytest.raises(ValueError, match="key set"):
        parse_keys(content)


async def test_a_changed_key_file_counts_at_once_and_a_broken_one_closes(login, jwks):
    assert await login.verify(signed(KEY))
    jwks.write_text(json.dumps({"keys": [public(OTHER, "k2")]}))
    await refused(login, signed(KEY))
    assert await login.verify(signed(OTHER, "k2"))
    jwks.write_text("{")
    with pytest.raises(KeysUnavailableError):
        await login.verify(signed(OTHER, "k2"))


async def test_groups_of_the_token_only_narrow_the_directorys(jwks):
    web_tokens = JwtLogin(KeyFile(jwks), ISSUER, AUDIENCE, groups_claim="groups")

    async def groups(**more: object) -> set[str]:
        found = await gate(web_tokens).authenticate(bearer(signed(KEY, **more)))
        return set(found.principal.groups)

    assert await groups(groups=["analysts", "admins"]) == {"analysts"}
    assert await groups(groups="analysts") == set()
    assert await groups() == set()
    plain = await gate(JwtLogin(KeyFile(jwks), ISSUER, AUDIENCE)).authenticate(
        bearer(signed(KEY, groups=["admins"]))
    )
    assert plain.principal.groups == {"analysts", "staff"}
    assert plain.principal.method == "jwt"


async def test_an_impersonated_persons_groups_are_the_directorys(jwks):
    web_tokens = JwtLogin(KeyFile(jwks), ISSUER, AUDIENCE, groups_claim="groups")
    found = await gate(web_tokens).authenticate(
        bearer(signed(KEY, sub="svc", groups=["bots"]), user="alice")
    )
    assert (found.actor, found.principal.id) == ("svc", "alice")
    assert found.principal.groups == {"analysts", "staff"}


@pytest.mark.parametrize("name", ["nobody", "meshgate", "Alice@DIRECT", "a b", "a\u0000b"])
async def test_a_token_names_nobody_new(login, name):
    with pytest.raises(AuthenticationError) as caught:
        await gate(login).authenticate(bearer(signed(KEY, sub=name)))
    assert caught.value.status == 401


async def test_a_failing_scheme_tries_no_other(login, tmp_path):
    text, digest = mint("t1")
    entry = {"id": "t1", "sha256": digest, "principal": "alice", "expires": "2999-01-01T00:00:00Z"}
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"tokens": [entry]}))
    both = gate(login, tokens=TokenFile(path))
    assert (await both.authenticate(bearer(text))).principal.method == "token"
    assert (await both.authenticate(bearer(signed(KEY)))).principal.method == "jwt"
    for wrong in (text + "x", "mg_" + signed(KEY)):
        with pytest.raises(AuthenticationError, match="unknown, expired or revoked"):
            await both.authenticate(bearer(wrong))
    with pytest.raises(AuthenticationError, match="not valid here"):
        await both.authenticate(bearer(text.removeprefix("mg_")))


async def test_failures_are_counted_by_address(login):
    guarded = gate(login)
    for _ in range(50):
        with pytest.raises(AuthenticationError) as caught:
            await guarded.authenticate(bearer(signed(OTHER)))
        assert (caught.value.status, caught.value.claimed) == (401, "")
    with pytest.raises(AuthenticationError) as caught:
        await guarded.authenticate(bearer(signed(OTHER)))
    assert caught.value.status == 429
    assert caught.value.headers["Retry-After"]
    assert await guarded.authenticate(bearer(signed(KEY)))


async def test_a_token_over_plain_http_is_refused(login):
    with pytest.raises(AuthenticationError) as caught:
        await gate(login).authenticate(Presented(f"Bearer {signed(KEY)}", peer="10.0.0.1"))
    assert caught.value.status == 403


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_an_unknown_key_id_fetches_once_in_thirty_seconds():
    clock = Clock()
    async with Site(public(KEY, "k1")).listening() as site:
        login = JwtLogin(KeyAddress(site.url, clock), ISSUER, AUDIENCE)
        assert await login.verify(signed(KEY))
        site.publish(public(KEY, "k1"), public(OTHER, "k2"))
        await refused(login, signed(OTHER, "k2"))
        clock.now += 31
        assert await login.verify(signed(OTHER, "k2"))
        assert site.asked == 2
        clock.now += 31
        for _ in range(3):
            await refused(login, signed(OTHER, "k3"))
        assert site.asked == 3


async def test_a_withdrawn_key_stops_counting_after_ten_minutes():
    clock = Clock()
    async with Site(public(KEY, "k1")).listening() as site:
        login = JwtLogin(KeyAddress(site.url, clock), ISSUER, AUDIENCE)
        assert await login.verify(signed(KEY))
        site.publish(public(OTHER, "k2"))
        clock.now += 601
        await refused(login, signed(KEY))


async def test_a_silent_issuer_keeps_its_keys_for_an_hour_then_nobody_gets_in():
    clock = Clock()
    async with Site(public(KEY, "k1")).listening() as site:
        login = JwtLogin(KeyAddress(site.url, clock), ISSUER, AUDIENCE)
        assert await login.verify(signed(KEY))
        site.status = 500
        clock.now += 3599
        assert await login.verify(signed(KEY))
        clock.now += 40
        with pytest.raises(KeysUnavailableError):
            await login.verify(signed(KEY))
        with pytest.raises(AuthenticationError) as caught:
            await gate(login).authenticate(bearer(signed(KEY)))
        assert (caught.value.status, caught.value.claimed) == (401, None)
        site.status = 200
        clock.now += 31
        assert await login.verify(signed(KEY))


@pytest.mark.parametrize("status", [302, 404])
async def test_an_issuer_is_not_followed_elsewhere(status):
    async with Site(public(KEY, "k1")).listening() as site:
        site.status = status
        with pytest.raises(KeysUnavailableError):
            await KeyAddress(site.url).keys("k1")
        assert site.asked == 1


async def test_an_endless_key_set_is_refused():
    async with Site(public(KEY, "k1")).listening() as site:
        site.body += b" " * (2 << 20)
        with pytest.raises(KeysUnavailableError):
            await KeyAddress(site.url).keys("k1")


@pytest.mark.parametrize("url", ["http://issuer.example.org/jwks", "file:///etc/passwd", "jwks"])
def test_keys_come_over_https_or_from_this_machine(url):
    with pytest.raises(ValueError, match="https"):
        KeyAddress(url)
