"""The gateway as a process: HTTPS and logins, metrics, unknown settings, draining."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from urllib.error import HTTPError, URLError

import bcrypt
import pytest
import trino.dbapi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from trino.auth import BasicAuthentication, JWTAuthentication

from gateway.identity.tokens import mint
from tests.serving import free_port

START = [sys.executable, "-c", "from gateway.cli.main import main; main()", "serve"]
MANY = "SELECT a.claim_id, b.ssn, c.region FROM base a, base b, base c, base d"


def environment(root, state, **settings):
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("MESHGATE_")}
    return {
        **kept,
        "MESHGATE_CATALOG__DIRECTORY": str(root / "catalogs"),
        "MESHGATE_POLICY__DIRECTORY": str(root / "policies"),
        "MESHGATE_STATE__DIRECTORY": str(state),
        "MESHGATE_ENGINE__WORKERS": "1",
        **settings,
    }


@pytest.fixture
def start(mesh, tmp_path):
    processes = []

    def run(**settings):
        port = free_port()
        more = {"MESHGATE_SERVER__PORT": str(port), **settings}
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(
                START, env=environment(mesh, tmp_path / "state", **more), stderr=log
            )
        processes.append(process)
        return process, port

    yield run
    for process in processes:
        process.kill()
        process.wait()


def wait_ready(url, context=None):
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"{url}/health/ready", context=context):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    pytest.fail("the gateway did not become ready")


@pytest.fixture
def certificate(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert, private = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert, private


@pytest.fixture
def logins(tmp_path):
    password = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(8)).decode()
    (tmp_path / "passwords").write_text(f"alice:{password}\n")
    token, digest = mint("t1")
    entry = {
        "id": "t1", "sha256": digest, "principal": "bob",
        "expires": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    }  # fmt: skip
    (tmp_path / "tokens.json").write_text(json.dumps({"tokens": [entry]}))
    return {
        "MESHGATE_IDENTITY__PASSWORD_FILE": str(tmp_path / "passwords"),
        "MESHGATE_IDENTITY__TOKEN_FILE": str(tmp_path / "tokens.json"),
    }, token


def test_https_with_passwords_and_tokens(start, certificate, logins, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)  # they would outdo `verify`
    cert, key = certificate
    files, token = logins
    _, port = start(
        MESHGATE_SERVER__TLS_CERTIFICATE=str(cert), MESHGATE_SERVER__TLS_KEY=str(key), **files
    )
    wait_ready(f"https://localhost:{port}", ssl.create_default_context(cafile=str(cert)))

    def count(auth, user):
        connection = trino.dbapi.connect(
            host="localhost", port=port, user=user, http_scheme="https", auth=auth,
            verify=str(cert), catalog="lake", schema="x_cli",
        )  # fmt: skip
        with connection:
            cursor = connection.cursor()
            cursor.execute("SELECT count(*) FROM base")
            assert cursor.info_uri.startswith(f"https://localhost:{port}/ui/query.html?")
            return cursor.fetchall()

    assert count(BasicAuthentication("alice", "open sesame"), "alice") == [[20]]
    assert count(JWTAuthentication(token), "bob") == [[6]]
    assert count(BasicAuthentication("bob", token), "bob") == [[6]]
    for auth, user in [
        (BasicAuthentication("alice", "wrong"), "alice"),
        (BasicAuthentication("alice", "open sesame"), "bob"),
        (None, "alice"),
    ]:
        with pytest.raises(Exception, match=r"40[13]"):
            count(auth, user)


def test_a_signal_lets_statements_finish_and_takes_no_new_ones(start):
    process, port = start()
    url = f"http://127.0.0.1:{port}"
    wait_ready(url)
    connection = trino.dbapi.connect(
        host="127.0.0.1", port=port, user="alice", catalog="lake", schema="x_cli"
    )
    cursor = connection.cursor()
    cursor.execute(MANY)
    assert cursor.fetchone() is not None
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    request = urllib.request.Request(
        f"{url}/v1/statement", b"SELECT 1", {"X-Trino-User": "alice"}, method="POST"
    )
    with pytest.raises(HTTPError) as caught:
        urllib.request.urlopen(request)
    assert caught.value.code == 503
    caught.value.close()
    assert len(cursor.fetchall()) == 160_000 - 1
    assert process.wait(20) == 0


def finished_count(port):
    name = 'meshgate_query_finished_total{error="",outcome="finished"} '
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as response:
        lines = response.read().decode().splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_metrics_and_one_line_a_statement(gateway, internal_port):
    ports = (gateway.port, internal_port)
    before = [finished_count(port) for port in ports]
    connection = trino.dbapi.connect(
        host="127.0.0.1", port=gateway.port, user="alice", catalog="lake", schema="x_cli"
    )
    cursor = connection.cursor()
    cursor.execute("SELECT claim_id FROM base WHERE ssn = '900-00-0003'")
    assert cursor.fetchall() == [[3]]
    assert [finished_count(port) for port in ports] == [count + 1 for count in before]
    log = gateway.log()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("query_id") == cursor.stats["queryId"]]
    assert (line["principal"], line["outcome"], line["rows"]) == ("alice", "finished", 1)
    assert line["event"] == "query.finished"
    assert line["domains"] == ["x_cli"]
    assert "900-00-0003" not in log


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MESHGATE_SERVER__PROT": "1"}, "did you mean MESHGATE_SERVER__PORT?"),
        ({"MESHGATE_SERVER__HOST": "0.0.0.0"}, "MESHGATE_IDENTITY__PASSWORD_FILE"),
        ({"MESHGATE_CATALOG__DIRECTORY": "/nowhere"}, "/nowhere"),
    ],
)
def test_what_must_not_start_does_not(tmp_path, settings, said):
    done = subprocess.run(
        START, env=environment(tmp_path, tmp_path, **settings), capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
