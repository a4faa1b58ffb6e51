"""Who gets in, by every method, and who does not."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import bcrypt
import pytest

from gateway.identity.attempts import FailedLogins, TooManyFailuresError
from gateway.identity.authenticate import (
    AuthenticationError,
    Authenticator,
    Presented,
    is_loopback,
)
from gateway.identity.directory import Directory
from gateway.identity.passwords import PasswordFile, PasswordFileError, read_passwords
from gateway.identity.tokens import TokenFile, TokenFileError, mint, read_tokens

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PEOPLE = Directory.of(
    {
        "principals": {
            "alice": {"groups": ["a"]},
            "bob": {},
            "svc": {"kind": "service", "may_impersonate": ["alice"]},
        }
    }
)


def hashed(password, cost=8):
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode().replace("$2b$", "$2y$")


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "passwords"
    lines = [f"{user}:{hashed(user + '-secret')}" for user in ("alice", "svc", "stranger")]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def token(tmp_path):
    text, digest = mint("t1")
    old, old_digest = mint("t2")
    entries = [
        {"id": "t1", "sha256": digest, "principal": "alice", "expires": "2027-01-01T00:00:00Z",
         "purpose": "care"},
        {"id": "t2", "sha256": old_digest, "principal": "alice",
         "expires": (NOW - timedelta(seconds=1)).isoformat()},
    ]  # fmt: skip
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps({"tokens": entries}))
    return TokenFile(path), text, old


@pytest.fixture
def login(password_file, token):
    return Authenticator(
        lambda: PEOPLE, passwords=PasswordFile(password_file), tokens=token[0], now=lambda: NOW
    )


def basic(user, password, /, **more):
    value = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Presented(f"Basic {value}", peer="10.0.0.1", secure=True, **more)


def bearer(text, **more):
    return Presented(f"Bearer {text}", peer="10.0.0.1", secure=True, **more)


async def status(login, presented):
    with pytest.raises(AuthenticationError) as caught:
        await login.authenticate(presented)
    return caught.value.status


async def test_the_header_is_believed_on_this_machine_alone():
    login = Authenticator(lambda: PEOPLE, trust_user_header=True)
    found = await login.authenticate(Presented(user="alice", peer="127.0.0.1"))
    assert (found.principal.id, found.principal.method, found.actor) == ("alice", "none", "alice")
    assert await status(login, Presented(user="alice", peer="10.0.0.1")) == 401
    assert await status(login, Presented(user="mallory", peer="127.0.0.1")) == 401
    assert await status(login, Presented(peer="127.0.0.1")) == 401
    assert await status(login, Presented(user="meshgate", peer="127.0.0.1")) == 401


async def test_without_trust_a_header_is_nothing(login):
    assert await status(login, Presented(user="alice", peer="127.0.0.1")) == 401


async def test_a_refusal_names_the_schemes(login):
    with pytest.raises(AuthenticationError) as caught:
        await login.authenticate(Presented(user="alice", peer="127.0.0.1"))
    assert caught.value.headers["WWW-Authenticate"].startswith("Basic")


async def test_passwords(login):
    found = await login.authenticate(basic("alice", "alice-secret"))
    assert (found.principal.id, found.principal.method) == ("alice", "basic")
    assert await status(login, basic("alice", "wrong")) == 401
    assert await status(login, basic("nobody", "alice-secret")) == 401
    assert await status(login, basic("alice", "")) == 401
    assert await status(login, basic("alice", "alice-secret" + "x" * 80)) == 401


async def test_a_password_does_not_make_a_principal(login):
    assert await status(login, basic("stranger", "stranger-secret")) == 401


async def test_a_failing_scheme_tries_no_other():
    login = Authenticator(lambda: PEOPLE, trust_user_header=True)
    wrong = Presented("Basic eDp5", user="alice", peer="127.0.0.1")
    assert await status(login, wrong) == 401


@pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic YQ==", "Digest x", "", "Bearer "])
async def test_unreadable_credentials(login, value):
    presented = Presented(value, user="alice", peer="10.0.0.1", secure=True)
    assert await status(login, presented) == 401


async def test_credentials_need_https_beyond_this_machine(login):
    open_line = Presented(basic("alice", "alice-secret").authorization, peer="10.0.0.1")
    assert await status(login, open_line) == 403
    here = Presented(open_line.authorization, peer="127.0.0.1")
    assert (await login.authenticate(here)).actor == "alice"


async def test_a_right_password_is_remembered_and_a_changed_file_forgets_it(login, password_file):
    passwords = login._passwords
    await login.authenticate(basic("alice", "alice-secret"))
    assert passwords.remembered("alice", "alice-secret")
    assert not passwords.remembered("alice", "alice-secret2")
    password_file.write_text(f"alice:{hashed('changed')}\n")
    assert not passwords.remembered("alice", "alice-secret")
    assert await status(login, basic("alice", "alice-secret")) == 401
    assert (await login.authenticate(basic("alice", "changed"))).actor == "alice"


async def test_a_broken_password_file_lets_nobody_in(login, password_file):
    await login.authenticate(basic("alice", "alice-secret"))
    password_file.write_text("nonsense")
    assert await status(login, basic("alice", "alice-secret")) == 401


@pytest.mark.parametrize("line", ["alice", "alice:plain", "alice:{hash4}", "x:{hash}\nx:{hash}"])
def test_weak_or_doubled_passwords_are_refused(tmp_path, line):
    path = tmp_path / "passwords"
    path.write_text(line.format(hash4=hashed("a", 4), hash=hashed("a")))
    with pytest.raises(PasswordFileError) as caught:
        read_passwords(path)
    assert "$2y$0" not in str(caught.value)


async def test_tokens_as_bearer_and_as_password(login, token):
    _, text, _ = token
    for presented in (bearer(text), basic("alice", text)):
        found = await login.authenticate(presented)
        assert (found.principal.id, found.principal.method, found.purpose) == (
            "alice", "token", "care",
        )  # fmt: skip
    assert await status(login, basic("bob", text)) == 401


async def test_wrong_expired_and_unknown_tokens(login, token):
    _, text, old = token
    for wrong in (old, text[:-1], text + "x", text.replace("mg_t1", "mg_t2"), "mg_x_y", "", "é"):
        assert await status(login, bearer(wrong)) == 401


def test_the_token_file_holds_no_secret(token):
    tokens, text, _ = token
    assert text.split("_", 2)[2] not in tokens._path.read_text()


def test_removing_a_token_revokes_it(token):
    tokens, text, _ = token
    assert tokens.verify(text, NOW)
    tokens._path.write_text('{"tokens": []}')
    assert tokens.verify(text, NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "", "tokens: 1", "tokens: [1]", "tokens: [{id: a}]",
        "tokens: [{id: A, sha256: x, principal: p, expires: 2027-01-01T00:00:00Z}]",
        f"tokens: [{{id: a, sha256: {'0' * 64}, principal: p, expires: soon}}]",
        f"tokens: [{{id: a, sha256: {'0' * 64}, principal: p, expires: 2027-01-01, secret: s}}]",
    ],
)  # fmt: skip
def test_wrong_token_files_are_refused(tmp_path, text):
    path = tmp_path / "tokens.yaml"
    path.write_text(text)
    with pytest.raises(TokenFileError):
        read_tokens(path)


async def test_impersonation_is_for_the_allowed_alone(login):
    found = await login.authenticate(basic("svc", "svc-secret", user="alice"))
    assert (found.principal.id, found.actor) == ("alice", "svc")
    assert await status(login, basic("svc", "svc-secret", user="bob")) == 403
    assert await status(login, basic("svc", "svc-secret", user="mallory")) == 403
    assert await status(login, basic("svc", "svc-secret", user="meshgate")) == 403
    assert await status(login, basic("alice", "alice-secret", user="svc")) == 403


RESERVED = ("meshgate", "MeshGate-keys", "alice@direct", "alice@DIRECT", "al ice", "alice\u200b")


@pytest.mark.parametrize("name", RESERVED)
async def test_a_reserved_name_enters_nowhere(name, tmp_path, password_file):
    """Not even where a directory got hold of one."""
    everyone = Directory({**PEOPLE.entries, name: PEOPLE.entries["bob"]})
    keen = replace(PEOPLE.entries["svc"], may_impersonate=frozenset({"*"}))
    everyone = Directory({**everyone.entries, "svc": keen})
    text, digest = mint("t9")
    entry = {"id": "t9", "sha256": digest, "principal": name, "expires": "2999-01-01T00:00:00Z"}
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": [entry]}))
    password_file.write_text(password_file.read_text() + f"{name}:{hashed('secret')}\n")
    login = Authenticator(
        lambda: everyone,
        passwords=PasswordFile(password_file),
        tokens=TokenFile(tmp_path / "tokens.json"),
        trust_user_header=True,
    )
    assert await status(login, Presented(user=name, peer="127.0.0.1")) == 401
    assert await status(login, basic(name, "secret")) == 401
    assert await status(login, bearer(text)) == 401
    assert await status(login, basic("svc", "svc-secret", user=name)) == 403
    assert await status(login, basic("svc", "svc-secret", original_user=name, user="bob")) == 403


async def test_newer_clients_send_the_original_user_too(login):
    both = basic("svc", "svc-secret", user="alice", original_user="svc")
    assert (await login.authenticate(both)).principal.id == "alice"
    same = basic("alice", "alice-secret", user="alice", original_user="alice")
    assert (await login.authenticate(same)).principal.id == "alice"
    stolen = basic("alice", "alice-secret", user="alice", original_user="svc")
    assert await status(login, stolen) == 403


async def test_many_failures_are_answered_with_429(login):
    for _ in range(10):
        assert await status(login, basic("alice", "wrong")) == 401
    with pytest.raises(AuthenticationError) as caught:
        await login.authenticate(basic("alice", "wrong"))
    assert caught.value.status == 429
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60
    assert (await login.authenticate(basic("svc", "svc-secret"))).actor == "svc"


async def test_somebody_logged_in_is_not_locked_out(login):
    await login.authenticate(basic("alice", "alice-secret"))
    for _ in range(12):
        await status(login, basic("alice", "wrong"))
    assert (await login.authenticate(basic("alice", "alice-secret"))).actor == "alice"


def test_failures_are_forgotten_after_a_minute():
    now = [0.0]
    failed = FailedLogins(lambda: now[0])
    for _ in range(50):
        failed.add("10.0.0.1", None)
    with pytest.raises(TooManyFailuresError):
        failed.check("10.0.0.1", None)
    failed.check("10.0.0.2", None)
    now[0] = 61
    failed.check("10.0.0.1", None)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "::ffff:127.0.0.1"]
)
def test_this_machine(address):
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["0.0.0.0", "10.0.0.1", "::", "example.org", "", "127.0.0.1.x"])
def test_other_machines(address):
    assert not is_loopback(address)
