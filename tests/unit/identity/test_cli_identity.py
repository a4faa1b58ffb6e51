"""What the commands print is what the gateway then accepts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import yaml
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.identity.passwords import PasswordFile
from gateway.identity.tokens import TokenFile

SECRET = "correct horse"


def run(*words, stdin=None):
    return CliRunner().invoke(app, list(words), input=stdin)


def minted(tmp_path, *words):
    done = run("token", "mint", "--principal", "ana", *words)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    path = tmp_path / "tokens.yaml"
    path.write_text(yaml.safe_dump({"tokens": yaml.safe_load("\n".join(lines[3:]))}))
    return lines[1], TokenFile(path)


def test_a_minted_token_is_accepted_until_it_expires(tmp_path):
    text, file = minted(tmp_path, "--days", "2")
    now = datetime.now(UTC)
    found = file.verify(text, now)
    assert found is not None
    assert (found.principal, found.purpose) == ("ana", None)
    assert file.verify(text, now + timedelta(days=1, hours=23)) is not None
    assert file.verify(text, now + timedelta(days=2, seconds=1)) is None
    assert file.verify(text[:-1] + ("a" if text[-1] != "a" else "b"), now) is None


def test_a_token_for_one_purpose(tmp_path):
    text, file = minted(tmp_path, "--purpose", "fraud")
    found = file.verify(text, datetime.now(UTC))
    assert found is not None
    assert found.purpose == "fraud"


def test_the_entry_does_not_hold_the_token_and_no_two_are_equal(tmp_path):
    first, _ = minted(tmp_path)
    stored = (tmp_path / "tokens.yaml").read_text()
    assert first.rpartition("_")[2] not in stored
    assert minted(tmp_path)[0] != first


def test_a_hashed_password_is_accepted(tmp_path):
    done = run("password", "hash", "--user", "ana", stdin=f"{SECRET}\n")
    assert done.exit_code == 0, done.output
    assert SECRET not in done.output
    path = tmp_path / "passwords"
    path.write_text(done.stdout)
    file = PasswordFile(path)
    assert file.verify("ana", SECRET)
    assert not file.verify("ana", SECRET + " ")
    assert not file.verify("bob", SECRET)


def test_the_gateway_s_own_login_in_the_form_a_cluster_reads():
    done = run("password", "hash", "--service", "--user", "meshgate", stdin=f"{SECRET}\n")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("meshgate:$2y$12$")


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (("password", "hash", "--user", "ana"), "\n"),
        (("password", "hash", "--user", "ana"), ""),
        (("password", "hash", "--user", "ana"), "x" * 73),
        (("password", "hash", "--user", "a:b"), "x"),
        (("password", "hash", "--user", ""), "x"),
        (("password", "hash", "--user", "meshgate"), "x"),
        (("password", "hash", "--service", "--user", "ana@direct"), "x"),
        (("password", "hash", "--service", "--user", "meshgate:x"), "x"),
        (("token", "mint", "--principal", "meshgate"), None),
        (("token", "mint", "--principal", "ana@direct"), None),
        (("token", "mint", "--principal", "a\nb"), None),
        (("token", "mint", "--principal", "ana", "--days", "0"), None),
    ],
)
def test_what_nobody_could_log_in_with_is_refused(words, stdin):
    done = run(*words, stdin=stdin)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "x" * 73 not in done.output
