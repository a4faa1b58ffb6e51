"""The deployment's files fit each other, the Compose Specification and what the gateway says.

No Docker engine runs here. What a container would do with plain programs is done with them:
secrets are made, Trino's files are rendered and put together, certificates are shown to each other.
"""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml
from compose_pydantic.models import ComposeSpecification
from pydantic import ValidationError

from gateway.server.wiring import check_exposure
from gateway.settings import Settings, known_names, load_settings
from tests.parts import TRINO_VERSION

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
GATEWAY: dict[str, Any] = SERVICES["meshgate"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
MESHGATE = Path(sys.executable).parent / "meshgate"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets, as the service ``prepare`` makes them."""
    folder = tmp_path_factory.mktemp("deploy") / "secrets"
    _prepare(folder)
    return folder


def _prepare(folder: Path) -> None:
    command = [sys.executable, str(ROOT / "deploy" / "prepare.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trino's files, as the service ``render`` writes them."""
    target = tmp_path_factory.mktemp("rendered")
    _, _, *options = SERVICES["render"]["command"][1:]
    assert options[0] == "--trino=/rendered"
    arguments = ["catalog", "render", str(ROOT / "catalogs"), f"--trino={target}", *options[1:]]
    environment = {**_clean(), **_here(SERVICES["render"]["environment"])}
    subprocess.run(
        [str(MESHGATE), *arguments], env=environment, check=True, capture_output=True, timeout=60
    )
    return target


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MESHGATE_")}


def _here(environment: dict[str, str]) -> dict[str, str]:
    """A container's environment, its mounts replaced by what they mount."""
    mounts = {"/opt/deploy/": f"{ROOT}/deploy/", "/srv/meshgate/": f"{ROOT}/"}
    found = dict(environment)
    for name, value in environment.items():
        for inside, outside in mounts.items():
            found[name] = found[name].replace(inside, outside) if value else value
    return found


def test_it_is_compose() -> None:
    document = {name: part for name, part in COMPOSE.items() if not name.startswith("x-")}
    found = ComposeSpecification(**document)
    assert set(found.services or ()) == {
        "prepare", "postgres", "store", "bundles", "opa", "tables", "demo", "render", "trino",
        "meshgate",
    }  # fmt: skip
    document["services"] = {"opa": {**SERVICES["opa"], "helthcheck": {}}}
    with pytest.raises(ValidationError, match="helthcheck"):
        ComposeSpecification(**document)


def test_what_is_named_is_declared() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"]), name
        assert set(service.get("networks", ())) <= set(COMPOSE["networks"]), name
        assert set(service.get("depends_on", ())) <= set(SERVICES), name
        for volume in service.get("volumes", ()):
            if volume["type"] == "volume":
                assert volume["source"] in COMPOSE["volumes"], name
            elif not volume["source"].endswith("deploy/store"):  # made by ``prepare``
                assert (ROOT / volume["source"]).exists(), volume["source"]


def test_only_the_gateway_is_reachable_and_only_from_this_machine() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["meshgate"]
    assert all(port.startswith("127.0.0.1:") for port in GATEWAY["ports"])
    outside = [name for name, s in SERVICES.items() if "outside" in s.get("networks", ())]
    assert outside == ["meshgate"]


def test_nobody_is_root() -> None:
    for name, service in SERVICES.items():
        assert service["user"] == "${DEPLOY_UID:-1000}:${DEPLOY_GID:-1000}", name
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)


def test_what_runs_on_says_whether_it_is_well() -> None:
    lasting = {name for name, service in SERVICES.items() if service.get("restart")}
    assert lasting == {"postgres", "store", "opa", "trino", "meshgate"}
    assert all("healthcheck" in SERVICES[name] for name in lasting)


def test_secrets_are_files_that_prepare_makes(made: Path) -> None:
    for name, secret in COMPOSE["secrets"].items():
        path = made / Path(secret["file"]).relative_to("deploy/secrets")
        assert path.read_bytes().strip(), name
        assert stat.S_IMODE(path.stat().st_mode) == 0o400, name
    # Whatever mounts a folder of the deployment mounts none with secrets in it.
    for name, service in SERVICES.items():
        sources = [volume["source"] for volume in service.get("volumes", ())]
        assert ("./deploy" in sources) is (name == "prepare"), name


def test_a_second_run_changes_nothing(made: Path) -> None:
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    _prepare(made)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == before


def test_every_mounted_secret_that_is_named_is_there() -> None:
    for name, service in SERVICES.items():
        named = set(re.findall(r"/run/secrets/([A-Za-z0-9_.]+)", json.dumps(service)))
        if "/opt/deploy/gateway/connections.yaml" in str(service.get("environment")):
            connections = (ROOT / "deploy/gateway/connections.yaml").read_text("utf-8")
            named |= set(re.findall(r"/run/secrets/([A-Za-z0-9_.]+)", connections))
        if name == "meshgate":
            named |= set(re.findall(r"MESHGATE_DATA[^}]*\}/(keys\.json)", _catalogs()))
        if name != "render":  # names places on Trino's machine, and reads none
            assert named <= set(service.get("secrets", ())), name


def _catalogs() -> str:
    return "".join(path.read_text("utf-8") for path in (ROOT / "catalogs").glob("*.yaml"))


def test_the_gateway_s_settings_are_known_and_safe_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    environment = GATEWAY["environment"]
    assert set(SERVICES["tables"]["environment"].items()) <= set(environment.items())
    ours = {name for name in environment if name.startswith("MESHGATE_")} - {"MESHGATE_DATA"}
    assert ours <= known_names()
    for name in os.environ:
        if name.startswith("MESHGATE_"):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings: Settings = load_settings()
    check_exposure(settings)
    assert settings.engine.kind == "trino"
    assert settings.trino.second_lock == "required"
    assert settings.server.internal_client_ca is not None
    assert f":{settings.server.port}" in GATEWAY["ports"][0]


def test_trino_starts_with_what_is_rendered(made: Path, rendered: Path, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    places = {
        "ETC": etc, "RENDERED": rendered, "SECRETS": made, "OWN": ROOT / "deploy" / "trino",
        "LAUNCHER": "/usr/bin/env",
    }  # fmt: skip
    result = subprocess.run(
        ["bash", str(ROOT / "deploy" / "trino" / "start.sh")],
        env={"PATH": os.environ["PATH"], **{name: str(place) for name, place in places.items()}},
        check=True, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    given = dict(line.split("=", 1) for line in result.stdout.splitlines() if "=" in line)
    texts = {str(p.relative_to(etc)): p.read_text("utf-8") for p in etc.rglob("*") if p.is_file()}
    assert {
        "catalog/lake.properties", "catalog/gov.properties", "access-control.properties",
        "password-authenticator.properties", "user-mapping.json", "password.db",
        "config.properties", "jvm.config", "node.properties",
    } <= set(texts)  # fmt: skip
    wanted = set(re.findall(r"\$\{ENV:([A-Z0-9_]+)\}", "".join(texts.values())))
    assert wanted >= {"KEY_READER_PASSWORD", "LAKE_DATABASE_PASSWORD", "TRINO_INTERNAL_SECRET"}
    assert not [name for name in wanted if not given.get(name)]
    keys = [line.split("=")[0] for line in texts["config.properties"].splitlines() if "=" in line]
    assert len(keys) == len(set(keys)), "a property twice stops Trino"
    assert "https://meshgate:8444/trino-opa/v1/allow" in texts["access-control.properties"]
    secret = (made / "iceberg_password").read_text("utf-8")
    assert not [name for name, text in texts.items() if secret in text]


def test_passwords_are_what_the_password_files_say(made: Path) -> None:
    words = json.loads((made / "people.json").read_text("utf-8"))
    words["meshgate"] = (made / "trino_service_password").read_text("utf-8")
    lines = (made / "trino.passwords").read_text("utf-8").splitlines()
    assert [line.split(":")[0] for line in lines] == [*words]
    name, _, line = lines[-1].partition(":")
    assert bcrypt.checkpw(words[name].encode(), line.encode())
    people = (made / "people.passwords").read_text("utf-8").splitlines()
    assert [line.split(":")[0] for line in people] == [*words][:-1], "the service is no person"


@pytest.mark.parametrize("certificate", ["trino.pem", None])
def test_trino_and_the_gateway_prove_themselves(made: Path, certificate: str | None) -> None:
    """The lock's listener takes Trino's certificate, and nobody without one."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(made / "ca.pem"))
    server.load_cert_chain(made / "meshgate.crt", made / "meshgate.key")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(made / "ca.pem"))
    if certificate:
        client.load_cert_chain(made / certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=_answer_once, args=(listener, server))
        answering.start()
        raw = socket.create_connection(listener.getsockname(), timeout=5)
        try:
            with client.wrap_socket(raw, server_hostname="meshgate") as secured:
                assert secured.recv(2) == (b"ok" if certificate else b"")
        except (ssl.SSLError, ConnectionError):
            assert certificate is None
        answering.join(5)


def _answer_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    raw, _ = listener.accept()
    try:
        with context.wrap_socket(raw, server_side=True) as secured:
            secured.sendall(b"ok")
    except (ssl.SSLError, ConnectionError):
        raw.close()


def test_every_domain_has_its_bundle(tmp_path: Path) -> None:
    subprocess.run(
        ["sh", str(ROOT / "deploy" / "gateway" / "bundles.sh")],
        env={
            "PATH": f"{MESHGATE.parent}:{os.environ['PATH']}",
            "POLICIES": str(ROOT / "policies"),
            "BUNDLES": str(tmp_path),
        },
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    named = yaml.safe_load((tmp_path / "opa.yaml").read_text("utf-8"))["bundles"]
    domains = {path.name for path in (ROOT / "policies" / "domains").iterdir() if path.is_dir()}
    assert set(named) == domains | {"platform", "global"}
    for bundle in named.values():
        assert Path(bundle["resource"].removeprefix("file://"), ".manifest").is_file()


def test_versions_are_the_tested_ones() -> None:
    assert SERVICES["trino"]["image"] == f"trinodb/trino:{TRINO_VERSION}"
    makefile = (ROOT / "Makefile").read_text("utf-8")
    pinned = re.search(r"^UV_VERSION := (\S+)$", makefile, re.MULTILINE)
    assert pinned
    assert f"uv=={pinned[1]}\n" in DOCKERFILE
    fetched = (ROOT / "tests" / "fetch.sh").read_text("utf-8")
    opa = re.search(r"openpolicyagent/opa:([0-9.]+)-static", SERVICES["opa"]["image"])
    assert opa
    assert opa[1] in fetched


def test_the_image_takes_what_it_needs_and_nothing_else() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    taken = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert {name for line in copied for name in line.split()} == taken
    assert all((ROOT / name).exists() for name in taken)
    assert "--verify-hashes -c requirements.lock" in DOCKERFILE
