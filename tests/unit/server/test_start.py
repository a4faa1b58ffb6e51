"""What a gateway says that cannot start: one line, and no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.server.exposure import StartError
from gateway.server.wiring import build
from gateway.settings import load_settings

ROOT = Path(__file__).parents[3]


def test_a_password_file_that_others_may_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "service.password"
    password.write_text("secret")
    password.chmod(0o644)
    given = {
        "MESHGATE_DATA": str(tmp_path),
        "MESHGATE_CATALOG__DIRECTORY": str(ROOT / "catalogs"),
        "MESHGATE_POLICY__DIRECTORY": str(ROOT / "policies"),
        "MESHGATE_STATE__DIRECTORY": str(tmp_path / "state"),
        "MESHGATE_ENGINE__KIND": "trino",
        "MESHGATE_TRINO__URL": "https://trino.example.org:8443",
        "MESHGATE_TRINO__PASSWORD_FILE": str(password),
        "MESHGATE_SERVER__INTERNAL_PORT": "8090",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartError, match=r"service\.password is open to others"):
        build(load_settings())
