"""Login by JWT at a running gateway, whose keys come from an issuer on a socket."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.serving import Gateway, serving
from tests.system.client import send
from tests.system.conftest import copy_mesh
from tests.unit.identity.issuer import AUDIENCE, ISSUER, public, rsa_key, signed

KEY, OTHER = rsa_key(), rsa_key()


class _Keys(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"keys": [public(KEY, "k1")]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(data, issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = {
        "MESHGATE_DATA": str(data),
        "MESHGATE_IDENTITY__JWT_ISSUER": ISSUER,
        "MESHGATE_IDENTITY__JWT_AUDIENCE": AUDIENCE,
        "MESHGATE_IDENTITY__JWKS_URL": issuer,
    }
    root = copy_mesh(tmp_path_factory.mktemp("jwt"))
    with serving(root, settings, schema="claims") as found:
        yield found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_is_a_person(gateway):
    head = bearer(signed(KEY, sub="ana"))
    reply = send(gateway, "POST", "/v1/statement", "SELECT current_user", headers=head)
    rows = []
    while (uri := reply.page.get("nextUri")) is not None:
        reply = send(gateway, "GET", uri, headers=head)
        rows += reply.page.get("data", [])
    assert rows == [["ana"]]


def test_without_a_good_token_nobody_gets_in(gateway):
    for head in ({}, bearer(signed(OTHER, sub="ana")), bearer(signed(KEY, sub="nobody"))):
        reply = send(gateway, "POST", "/v1/statement", "SELECT 1", headers=head)
        assert reply.status == 401
        assert reply.headers["www-authenticate"].startswith("Bearer")
    other = bearer(signed(KEY, sub="ana"))
    assert send(gateway, "HEAD", "/v1/statement", user="fred", headers=other).status == 403


def test_a_statement_outlives_the_token_that_submitted_it(gateway):
    # within the minute by which clocks may differ, and past it a moment later
    head = bearer(signed(KEY, sub="ana", exp=int(time.time()) - 57))
    reply = send(gateway, "POST", "/v1/statement", "SELECT 1", headers=head)
    deadline = time.monotonic() + 30
    while send(gateway, "HEAD", "/v1/statement", headers=head).status != 401:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    while (uri := reply.page.get("nextUri")) is not None:
        reply = send(gateway, "GET", uri, headers=head)
    assert reply.page["stats"]["state"] == "FINISHED"
