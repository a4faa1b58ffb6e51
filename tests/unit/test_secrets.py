"""Secrets are referred to, never written down."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from gateway.secrets import SecretError, check_reference, read_secret


def _private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o400)
    return path


def test_an_environment_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("A_KEY", "grün")
    assert read_secret({"env": "A_KEY"}, tmp_path) == "grün".encode()


def test_a_whole_file_without_its_line_break(tmp_path: Path):
    _private(tmp_path / "key", b"two\nlines\r\n")
    assert read_secret({"file": "key"}, tmp_path) == b"two\nlines"
    assert read_secret({"file": str(tmp_path / "key")}, Path("/nowhere")) == b"two\nlines"


def test_a_key_of_a_json_file(tmp_path: Path):
    _private(tmp_path / "keys.json", b'{"member:1": "abc", "n": 5, "empty": ""}')
    assert read_secret({"file": "keys.json#member:1"}, tmp_path) == b"abc"
    for key, said in (("n", "no text"), ("other", "no text"), ("empty", "is empty")):
        with pytest.raises(SecretError, match=said):
            read_secret({"file": f"keys.json#{key}"}, tmp_path)


@pytest.mark.parametrize(
    "ref",
    [{}, {"value": "x"}, {"vault": "x"}, {"kms": "x"}, {"env": "A", "file": "b"}, {"env": ""}],
)
def test_anything_else_is_refused(ref: dict[str, str], tmp_path: Path):
    assert check_reference(ref)
    with pytest.raises(SecretError):
        read_secret(ref, tmp_path)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o600 | 0o020])
def test_a_file_open_to_others_is_refused(mode: int, tmp_path: Path):
    _private(tmp_path / "key", b"secret").chmod(mode)
    with pytest.raises(SecretError, match="chmod 400"):
        read_secret({"file": "key"}, tmp_path)


@pytest.mark.parametrize(
    "content", [b"hunter2", b'["hunter2"]', b'{"a": "hunter2"', b"\xff", b"[" * 99_999]
)
def test_errors_never_repeat_the_content(content: bytes, tmp_path: Path):
    _private(tmp_path / "keys.json", content)
    with pytest.raises(SecretError) as caught:
        read_secret({"file": "keys.json#a"}, tmp_path)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_what_is_missing_is_named(tmp_path: Path):
    with pytest.raises(SecretError, match="NOT_SET_ANYWHERE is not set"):
        read_secret({"env": "NOT_SET_ANYWHERE"}, tmp_path)
    with pytest.raises(SecretError, match="No such file"):
        read_secret({"file": "missing"}, tmp_path)
    with pytest.raises(SecretError, match="cannot read"):
        read_secret({"file": "."}, tmp_path)
