"""How catalogs are reached: read with a place for each mistake, never with a secret in sight."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.catalog import locate
from gateway.catalog.connect import read_connections
from gateway.catalog.connection import S3, Connection, Postgres, Rest, Secret, Sqlite
from gateway.catalog.domains import DomainFiles, read_files
from gateway.catalog.load import Loader, load_catalog
from gateway.catalog.locate import OUTAGE_SECONDS, REST_SECONDS, Locator
from gateway.catalog.stores import (
    CatalogUnreachableError,
    Locations,
    locations,
    open_catalog,
    storage_properties,
)
from gateway.secrets import SecretError
from tests.unit.catalog import lake

HERE = Path(__file__).parent
POSTGRES = (
    "{type: sql, warehouse: file:///w, database: "
    "{driver: postgresql, host: db, name: iceberg, user: {env: USER_OF_DB}}}"
)
S3_STORE = "{kind: s3, endpoint: 'http://s3', access_key: {env: A}, secret_key: {env: S}}"
STORED = f"{{type: rest, uri: 'http://r', storage: {S3_STORE}}}"

# (code, the connection; "¶" marks where the problem must point, what is said)
CASES = [
    ("literal-secret", POSTGRES.replace("{env: USER_OF_DB}", "¶hunter2"), "user is written"),
    ("literal-secret", POSTGRES.replace("{env:", "¶{value:"), "user is written"),
    ("literal-secret", POSTGRES.replace("USER_OF_DB", "¶'hunter2 x'"), "env names a variable"),
    ("literal-secret", POSTGRES.replace("name:", "password: ¶hunter2, name:"), "password is"),
    ("literal-secret", STORED.replace("{env: S}", "¶hunter2"), "secret_key is written"),
    ("literal-secret", "{type: rest, uri: 'http://r', token: ¶hunter2}", "token is written"),
    ("bad-value", "{type: rest, uri: ¶'http://u:hunter2@r'}", "secrets stand on their own"),
    ("bad-value", "{type: rest, uri: ¶'http://r?token=hunter2'}", "secrets stand on their own"),
    ("bad-value", "{type: rest, uri: ¶'ftp://r'}", "as uri"),
    ("bad-value", POSTGRES.replace("host: db", "host: ¶'db/x?user=hunter2'"), "as host"),
    ("bad-value", POSTGRES.replace("name: iceberg", "name: ¶'a?b'"), "as name"),
    ("bad-value", POSTGRES.replace("host:", "port: ¶70000, host:"), "1 to 65535"),
    ("bad-value", POSTGRES.replace("host:", "sslmode: ¶maybe, host:"), "verify-full"),
    ("bad-value", POSTGRES.replace("file:///w", "¶'s3://w'"), "file:///… or a path"),
    ("bad-value", POSTGRES.replace("file:///w", "¶'${ENV:X}'"), "as warehouse"),
    ("bad-value", POSTGRES.replace("file:///w", f"¶'file:///w', storage: {S3_STORE}"), "s3://…"),
    ("bad-value", STORED.replace("s3,", "¶gcs,"), "local, s3"),
    ("missing-key", STORED.replace(", secret_key: {env: S}", "").replace("{kind", "¶{kind"), "or"),
    ("missing-key", POSTGRES.replace("{driver", "¶{driver").replace("host: db, ", ""), "host"),
    ("unknown-key", "{type: rest, uri: 'http://r', ¶database: x}", "database is not a key"),
    (
        "bad-value",
        "{type: rest, uri: 'http://r', token: ¶{env: A}, credential: {env: B}}",
        "not both",
    ),
]


@pytest.mark.parametrize(("code", "text", "said"), CASES)
def test_a_mistake_is_reported_where_it_stands(code: str, text: str, said: str):
    before, mark, after = f"\nlake: {text}\n".partition("¶")
    assert mark
    found, problems = read_connections(Path("f.yaml"), (before + after).encode(), {})
    assert not found
    place = (2, len(before) - 1 + 1)
    wanted = [problem for problem in problems if problem.code == code and said in problem.message]
    assert (wanted[0].line, wanted[0].column) == place, [str(problem) for problem in problems]
    assert "hunter2" not in str(problems)


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"[]", "wrong-type"), (b"gov: {type: rest, uri: 'http://r'}", "bad-name"), (None, "unread")],
)
def test_a_file_that_is_none(content: bytes | None, code: str):
    found, problems = read_connections(Path("f.yaml"), content, {})
    assert not found
    assert problems[0].code.startswith(code)


def test_each_kind_is_read(monkeypatch: pytest.MonkeyPatch):
    path = HERE / "connections.yaml"
    found, problems = read_connections(path, path.read_bytes(), {})
    assert not problems
    user, password = Secret("env", "ICEBERG_USER"), f"{HERE}/secrets/iceberg.json#password"
    assert found["lake"].database == Postgres(
        "db.example.org", 5433, "iceberg", user, Secret("file", password), "verify-full",
        "/etc/ssl/db.pem",
    )  # fmt: skip
    assert found["lake"].storage == S3(
        endpoint="https://s3.example.org:9000",
        region="eu-central-1",
        path_style=True,
        access_key=Secret("env", "S3_ACCESS_KEY"),
        secret_key=Secret("env", "S3_SECRET_KEY"),
    )
    assert isinstance(found["rest"].database, Rest)
    assert found["rest"].where == "https://catalog.example.org/iceberg"
    assert found["lake"].where == "postgresql://db.example.org:5433/iceberg"
    assert found["files"].storage is None
    monkeypatch.setenv("S3_ACCESS_KEY", "known")
    monkeypatch.setenv("S3_SECRET_KEY", "hunter2")
    properties = storage_properties(found["lake"])
    assert properties["s3.secret-access-key"] == "hunter2"
    assert "s3.force-virtual-addressing" not in properties
    monkeypatch.delenv("S3_SECRET_KEY")
    with pytest.raises(SecretError, match="S3_SECRET_KEY is not set"):
        storage_properties(found["lake"])


def _closed_port(monkeypatch: pytest.MonkeyPatch) -> tuple[Connection, Connection]:
    monkeypatch.setenv("USER_OF_DB", "somebody")
    user = Secret("env", "USER_OF_DB")
    return (
        Connection("lake", Postgres("127.0.0.1", 1, "iceberg", user), "file:///w"),
        Connection("lake", Rest("http://127.0.0.1:1"), ""),
    )


def test_what_cannot_be_reached_says_so_without_parameters(monkeypatch: pytest.MonkeyPatch):
    for connection in _closed_port(monkeypatch):
        with pytest.raises(CatalogUnreachableError) as refused:
            locations(connection, [("s", "t")])
        assert str(refused.value).isidentifier()
    monkeypatch.delenv("USER_OF_DB")
    with pytest.raises(CatalogUnreachableError, match="USER_OF_DB is not set"):
        locations(_only_env())


def _only_env() -> Connection:
    return Connection("l", Postgres("127.0.0.1", 1, "i", Secret("env", "USER_OF_DB")), "file:///w")


def test_the_connections_file_replaces_what_domain_files_say(tmp_path: Path):
    mesh = lake.build(tmp_path / "mesh")
    moved = tmp_path / "moved.db"
    (mesh / "lake.db").rename(moved)
    assert {p.code for p in load_catalog(mesh).problems} == {"catalog-unreachable"}
    file = tmp_path / "connections.yaml"
    file.write_text(
        f"lake: {{type: sql, database: {{driver: sqlite, path: moved.db}}, warehouse: {mesh}}}\n"
    )
    snapshot = load_catalog(mesh, connections_file=file)
    assert not snapshot.problems
    assert len(snapshot.tables) == 4
    assert snapshot.connections["lake"].database == Sqlite(str(moved))


def test_a_catalog_that_the_file_lacks_is_closed(tmp_path: Path):
    mesh = lake.build(tmp_path)
    file = mesh / "connections.yaml"
    file.write_text("other: {type: rest, uri: 'http://r'}\n")
    snapshot = load_catalog(mesh, connections_file=file)
    assert {(p.code, p.line) for p in snapshot.problems} == {("missing-connection", 7)}
    assert not snapshot.tables


def test_a_domain_may_name_its_catalog_alone_where_a_file_says_the_rest(tmp_path: Path):
    mesh = lake.build(tmp_path)
    for path in mesh.glob("*.yaml"):
        head, _, rest = path.read_text().partition("catalog:\n")
        path.write_text(
            head + "catalog: {name: lake}\nschemas:\n" + rest.partition("schemas:\n")[2]
        )
    alone = load_catalog(mesh)
    assert {problem.code for problem in alone.problems} == {"missing-connection"}
    assert "or a connections file" in alone.problems[0].message
    file = tmp_path / "any.yaml"
    file.write_text(
        "lake: {type: sql, database: {driver: sqlite, path: lake.db}, warehouse: warehouse}\n"
    )
    assert not load_catalog(mesh, connections_file=file).problems, "nor is it a domain file itself"


def test_a_file_that_turns_invalid_leaves_the_last_good_one_in_force(tmp_path: Path):
    mesh = lake.build(tmp_path / "mesh")
    file = tmp_path / "connections.yaml"
    good = "lake: {type: sql, database: {driver: sqlite, path: mesh/lake.db}, warehouse: w}\n"
    file.write_text(good)
    loader = Loader(None, file)
    assert not loader.load(read_files(mesh)).snapshot.problems
    file.write_text("lake: {")
    broken = loader.load(read_files(mesh)).snapshot
    assert [problem.code for problem in broken.problems] == ["syntax"]
    assert len(broken.tables) == 4
    assert not DomainFiles(None, file).read(read_files(mesh)).open, "a start with it opens nothing"


def test_secret_files_must_be_private(tmp_path: Path):
    secret = tmp_path / "key"
    secret.write_text("hunter2")
    secret.chmod(stat.S_IRUSR | stat.S_IRGRP)
    place = Secret("file", str(secret))
    store = S3("http://s3", "r", access_key=place, secret_key=place)
    connection = Connection("lake", Sqlite("x"), "s3://w", store)
    with pytest.raises(SecretError, match="chmod 400"):
        storage_properties(connection)
    secret.chmod(stat.S_IRUSR)
    assert storage_properties(connection)["s3.access-key-id"] == "hunter2"
    assert "hunter2" not in repr(connection)


class _Asked:
    """Stands for a server: counts questions, fails when told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.down = False

    def __call__(self, _: Connection, wanted: list[tuple[str, str]]) -> Locations:
        self.calls += 1
        if self.down:
            raise CatalogUnreachableError("OperationalError")
        return dict.fromkeys(wanted, f"file:///{self.calls}")


@pytest.mark.parametrize("rest", [0, 1])
def test_an_outage_is_bridged_for_a_while_and_no_longer(rest: int, monkeypatch: pytest.MonkeyPatch):
    now, asked = [0.0], _Asked()
    monkeypatch.setattr(locate, "locations", asked)
    locator = Locator(lambda: now[0])
    connection = _closed_port(monkeypatch)[rest]
    wanted = frozenset({("s", "t")})
    assert locator.locations(connection, wanted) == {("s", "t"): "file:///1"}
    now[0] += REST_SECONDS - 1
    locator.locations(connection, wanted)
    assert asked.calls == (1 if rest else 2), "a REST catalog is not asked every time"
    asked.down = True
    last = 0 if rest else now[0]
    now[0] = last + OUTAGE_SECONDS
    assert locator.locations(connection, wanted)
    with pytest.raises(CatalogUnreachableError):
        locator.locations(connection, wanted | {("s", "new")})
    now[0] += 1
    with pytest.raises(CatalogUnreachableError):
        locator.locations(connection, wanted)


def test_a_file_that_is_gone_is_gone_at_once(tmp_path: Path):
    mesh = lake.build(tmp_path)
    locator, connection = Locator(), lake.connection(mesh)
    wanted = frozenset({("claims", "claims")})
    assert locator.locations(connection, wanted)
    (mesh / "lake.db").unlink()
    with pytest.raises(CatalogUnreachableError, match="no such file"):
        locator.locations(connection, wanted)


def test_a_reader_of_a_database_cannot_write(monkeypatch: pytest.MonkeyPatch):
    """The options reach the driver: read-only, with an end to every statement."""
    connection = _closed_port(monkeypatch)[0]
    catalog = open_catalog(connection)
    query = catalog.engine.url.query  # type: ignore[attr-defined]
    assert "default_transaction_read_only=on" in query["options"]
    assert "statement_timeout=10s" in query["options"]
    catalog.close()
