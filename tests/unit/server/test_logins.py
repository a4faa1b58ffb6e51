"""Which settings of a login go together."""

from __future__ import annotations

import json

import pytest

from gateway.identity.jwks import KeyAddress, KeyFile
from gateway.server.logins import has_login, jwt_login
from gateway.settings import IdentitySettings

WHO = {"jwt_issuer": "https://issuer.example.org", "jwt_audience": "meshgate"}
URL = "https://issuer.example.org/jwks.json"


@pytest.fixture
def jwks(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": []}))
    return path


def test_nothing_is_asked_for():
    assert jwt_login(IdentitySettings()) is None
    assert not has_login(IdentitySettings())


def test_each_way_counts_as_a_login(tmp_path):
    for name in ("password_file", "token_file", "jwks_file"):
        assert has_login(IdentitySettings(**{name: tmp_path / "x"}))
    assert has_login(IdentitySettings(jwks_url=URL))


def test_keys_come_from_an_address_or_a_file(jwks):
    named = jwt_login(IdentitySettings(**WHO, jwks_url=URL, jwt_groups_claim="groups"))
    assert isinstance(named.keys, KeyAddress)
    assert (named.principal_claim, named.groups_claim) == ("sub", "groups")
    assert isinstance(jwt_login(IdentitySettings(**WHO, jwks_file=jwks)).keys, KeyFile)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"jwks_url": URL}, "JWT_ISSUER"),
        ({"jwks_url": URL, "jwt_issuer": "x"}, "JWT_AUDIENCE"),
        (WHO, "JWKS_URL"),
        ({**WHO, "jwks_url": "http://issuer.example.org/jwks.json"}, "JWKS_URL: .*https"),
    ],
)
def test_half_a_login_is_refused_by_name(given, named):
    with pytest.raises(ValueError, match=named):
        jwt_login(IdentitySettings(**given))


def test_two_sources_of_keys_are_refused(jwks):
    with pytest.raises(ValueError, match="one of"):
        jwt_login(IdentitySettings(**WHO, jwks_url=URL, jwks_file=jwks))


def test_a_key_file_that_is_none_is_refused(jwks):
    jwks.write_text("[]")
    with pytest.raises(ValueError, match="JWKS_FILE"):
        jwt_login(IdentitySettings(**WHO, jwks_file=jwks))
