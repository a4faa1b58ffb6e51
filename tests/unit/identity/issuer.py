"""A token issuer: keys of its own, and a JWKS behind a real socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://issuer.example.org", "meshgate"


def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve or ec.SECP256R1())


def public(key, kid: str | None, **more: object) -> dict[str, object]:
    """The key as a JWKS shows it."""
    kind = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    found = json.loads(kind.to_jwk(key.public_key()))
    found.pop("key_ops", None)
    return {**found, **({"kid": kid} if kid else {}), **more}


def claims(**more: object) -> dict[str, object]:
    now = int(time.time())
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now + 300, "iat": now, **more}
    return {name: value for name, value in body.items() if value is not None}


def signed(key, kid: str | None = "k1", algorithm: str = "RS256", headers=None, **more) -> str:
    """A token; ``more`` changes its claims, None drops one."""
    header = {**(headers or {}), **({"kid": kid} if kid else {})}
    return jwt.encode(claims(**more), key, algorithm, header)


def by_hand(header: dict[str, object], body: dict[str, object], secret: bytes | None = None) -> str:
    """A token as an attacker writes it: unsigned, or by HMAC with a secret of theirs."""
    parts = [_encoded(json.dumps(part).encode()) for part in (header, body)]
    text = ".".join(parts)
    mac = b"" if secret is None else hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{_encoded(mac)}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Site:
    """What the issuer's address answers now, and how often it was asked."""

    def __init__(self, *keys: dict[str, object]) -> None:
        self.body = json.dumps({"keys": list(keys)}).encode()
        self.status = 200
        self.asked = 0
        self.url = ""

    def publish(self, *keys: dict[str, object]) -> None:
        self.body = json.dumps({"keys": list(keys)}).encode()

    async def _answer(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(status=self.status, body=self.body, headers={"Location": self.url})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Site]:
        application = web.Application()
        application.router.add_get("/jwks.json", self._answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}/jwks.json"
        try:
            yield self
        finally:
            await runner.cleanup()
