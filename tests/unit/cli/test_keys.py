"""``meshgate keys sync`` where there is no key table to be had; on a real one: ``tests/trino``."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app

SECRET = "correct-horse"


@pytest.fixture(autouse=True)
def _catalogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESHGATE_CATALOG__DIRECTORY", str(tmp_path))


def sync(*options: str) -> Result:
    return CliRunner().invoke(app, ["keys", "sync", *options])


def test_without_a_database_it_names_the_setting() -> None:
    done = sync()
    assert done.exit_code == 2
    assert "MESHGATE_TRINO__KEY_DATABASE_URL" in done.stderr


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://writer:{SECRET}@127.0.0.1:1/keys",
        f"postgresql://writer:{SECRET}@[::1/keys",
        f"writer {SECRET}",
        f"postgresql://writer@127.0.0.1/keys?{SECRET}=1",
    ],
    ids=["unreachable", "broken", "no address", "no option"],
)
def test_a_database_that_cannot_be_used_tells_no_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("MESHGATE_TRINO__KEY_DATABASE_URL", url)
    done = sync()
    assert done.exit_code == 2
    assert "MESHGATE_TRINO__KEY_DATABASE_URL" in done.stderr
    assert SECRET not in done.output


def test_nothing_is_retired_by_a_catalog_with_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A domain whose file is broken has no keys that could be told from retired ones."""
    (tmp_path / "claims.yaml").write_text("domain: [", "utf-8")
    monkeypatch.setenv("MESHGATE_TRINO__KEY_DATABASE_URL", "postgresql://127.0.0.1:1/keys")
    done = sync("--retire")
    assert done.exit_code == 2
    assert "nothing is deleted" in done.stderr
