"""``meshgate catalog render --trino``: exactly these files, for each kind of connection."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.catalog.connect import read_connections
from gateway.catalog.connection import Connection, Secret, Sqlite
from gateway.catalog.render import MARK, Cluster, RenderError, render
from gateway.cli.catalog import app
from tests.unit.catalog import lake

HERE = Path(__file__).parent
GOLDEN = HERE / "rendered.txt"
CLUSTER = Cluster(
    etc="/etc/trino",
    lock_url="https://gateway.example.org:8443",
    trust_store="/etc/trino/meshgate.pem",
    key_store="/etc/trino/own.pem",
    key_database="postgresql://writer:hunter2@keys.example.org/keys?sslmode=require&x=hunter2",
    lock_wants_certificate=True,
)


@pytest.fixture
def connections() -> tuple[Connection, ...]:
    path = HERE / "connections.yaml"
    found, problems = read_connections(path, path.read_bytes(), {})
    assert not problems
    return tuple(found.values())


def test_the_files_are_exactly_these(connections: tuple[Connection, ...]):
    rendered = render(connections, CLUSTER)
    text = "".join(f"=== {name}\n{content}" for name, content in rendered.files.items())
    text = text.replace(str(HERE), "<here>")
    if os.environ.get("MESHGATE_REWRITE"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")
    assert render(connections[::-1], CLUSTER) == rendered


def test_no_secret_and_every_variable_is_listed(connections: tuple[Connection, ...]):
    rendered = render(connections, CLUSTER)
    text = "".join(rendered.files.values())
    assert "hunter2" not in text
    assert "writer" not in text
    used = {part.partition("}")[0] for part in text.split("${ENV:")[1:]}
    assert used == set(rendered.variables)
    listed = rendered.files["environment.meshgate"].splitlines()
    assert {line[:-1] for line in listed if line.endswith("=")} == used


def test_two_uses_of_one_variable_are_both_told(connections: tuple[Connection, ...]):
    by_name = {connection.name: connection for connection in connections}
    told = render((by_name["lake"], by_name["files"]), CLUSTER).variables["ICEBERG_USER"]
    assert told == "files: database user; lake: database user"


def test_sqlite_is_refused():
    connection = Connection("lake", Sqlite("/data/lake.db"), "file:///data")
    with pytest.raises(RenderError, match="lake stands in a SQLite file"):
        render([connection], CLUSTER)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lock_url": "gateway:8443"}, "https://host:port"),
        ({"lock_url": "http://gateway:8443"}, "trust or key store"),
        ({"key_store": ""}, "--key-store"),
        ({"key_database": "mysql://keys/keys"}, "postgresql://"),
        ({"key_database": "postgresql://keys"}, "postgresql://"),
        ({"key_database": "postgresql://u:hunter2@keys:x/keys"}, "postgresql://"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, str], said: str):
    with pytest.raises(RenderError, match=said) as refused:
        render([], replace(CLUSTER, **change))  # type: ignore[arg-type]
    assert "hunter2" not in str(refused.value)


def test_another_service_name_is_reserved_elsewhere():
    rendered = render([], replace(CLUSTER, service="svc.gate"))
    assert r'"pattern": "^svc\\.gate$"' in rendered.files["user-mapping.json"]
    assert r'"user": "svc.gate"' not in rendered.files["user-mapping-others.json"]
    assert r"^(svc\\.gate|meshgate" in rendered.files["user-mapping-others.json"]


@pytest.mark.parametrize("variable", ["S3_ACCESS_KEY", "S3_SECRET_KEY"])
def test_what_a_variable_holds_is_part_of_the_answer(
    connections: tuple[Connection, ...], variable: str
):
    assert "lake: s3" in render(connections, CLUSTER).variables[variable]


def test_a_secret_in_a_file_gets_a_variable_of_its_own(connections: tuple[Connection, ...]):
    held = render(connections, CLUSTER).variables["LAKE_DATABASE_PASSWORD"]
    assert held == f"lake: database password, here in {HERE}/secrets/iceberg.json#password"
    assert Secret("file", "x").reference == {"file": "x"}


def _render(mesh: Path, *more: str, **environment: str):
    words = ["render", str(mesh), "--trino", str(mesh / "etc"), *more]
    return CliRunner().invoke(app, words, env={**environment})


def _share(mesh: Path) -> Path:
    """Say in a connections file that the mesh's catalog is in PostgreSQL."""
    path = mesh / "connections.yaml"
    path.write_text(
        "lake: {type: sql, warehouse: file:///lake, database: "
        "{driver: postgresql, host: db, name: iceberg, user: {env: ICEBERG_USER}}}\n"
    )
    return path


def test_the_command_writes_tells_and_removes_what_is_its_own(tmp_path: Path):
    mesh = lake.build(tmp_path)
    catalogs = mesh / "etc" / "catalog"
    catalogs.mkdir(parents=True)
    (catalogs / "old.properties").write_text(f"{MARK}\nconnector.name=iceberg\n")
    (catalogs / "other.properties").write_text("connector.name=tpch\n")
    result = _render(mesh, "--connections", str(_share(mesh)), "--lock-url", "http://gateway:1")
    assert result.exit_code == 0, result.output
    assert {path.name for path in catalogs.iterdir()} == {"lake.properties", "other.properties"}
    assert f"removed {catalogs}/old.properties" in result.stdout
    assert "ICEBERG_USER  lake: database user" in result.stdout
    assert "no key catalog" in result.stdout
    assert "plain HTTP" in result.stdout
    url = "jdbc:postgresql://db:5432/iceberg"
    assert url in (catalogs / "lake.properties").read_text("utf-8")


def test_the_command_needs_no_reachable_catalog_but_files_without_problems(tmp_path: Path):
    mesh = lake.build(tmp_path)
    (mesh / "weather.yaml").write_text("{")
    result = _render(mesh, "--connections", str(_share(mesh)), "--lock-url", "http://gateway:1")
    assert result.exit_code == 1
    assert "weather.yaml:2:1: syntax" in result.stderr
    assert not (mesh / "etc").exists()


def test_the_command_refuses_sqlite_and_an_unknown_listener(tmp_path: Path):
    mesh = lake.build(tmp_path)
    unknown = _render(mesh)
    assert (unknown.exit_code, "MESHGATE_SERVER__INTERNAL_PORT" in unknown.stderr) == (2, True)
    refused = _render(mesh, MESHGATE_SERVER__INTERNAL_PORT="8443")
    assert (refused.exit_code, "SQLite" in refused.stderr) == (2, True)
