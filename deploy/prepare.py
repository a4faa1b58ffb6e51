"""Makes what docker-compose.yml mounts as secrets: passwords, token keys, an authority, its leaves.

    docker compose run --rm --no-deps prepare

Everything is random, readable by its owner alone and never made twice: to change a secret, delete
its file (of the certificates all, because the authority's own key is kept nowhere) and run again.
"""  # noqa: INP001 - a script of the deployment, not a package

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PEOPLE = ("ana", "fred", "clara", "bo", "sam")
"""The demo's principals (catalogs/principals.yaml)."""
SERVICE = "meshgate"
HOSTS = {"meshgate": ("meshgate", "localhost"), "trino": ("trino", "localhost")}
TOKEN_KEYS = ("member:1", "ssn:1")
WORDS = (
    "postgres_password",
    "iceberg_password",
    "key_reader_password",
    "key_writer_password",
    "state_password",
    "s3_secret_key",
    "trino_service_password",
    "trino_internal_secret",
)
_DAYS = 825
_ROUNDS = 10
_OWNER_READS = 0o400


def main(folder: Path) -> None:
    """Make every file that is missing."""
    os.umask(0o077)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder.parent / "store").mkdir(exist_ok=True)
    for name in WORDS:
        _once(folder / name, lambda: secrets.token_urlsafe(32))
    _once(folder / "s3_access_key", lambda: secrets.token_hex(10))
    _once(folder / "keys.json", _token_keys)
    _once(
        folder / "people.json", lambda: json.dumps({p: secrets.token_urlsafe(12) for p in PEOPLE})
    )
    people = json.loads(_read(folder, "people.json"))
    _once(folder / "people.passwords", lambda: _hashed(people))
    service = {SERVICE: _read(folder, "trino_service_password")}
    _once(folder / "trino.passwords", lambda: _hashed({**people, **service}))
    _once(folder / "pgpass", lambda: _pgpass(folder))
    if not (folder / "ca.pem").exists():
        _certificates(folder)
    print(f"{folder} holds the secrets; people.json the first passwords of the demo's people")  # noqa: T201


def _once(path: Path, make: Callable[[], str]) -> None:
    if not path.exists():
        _write(path, make().encode())


def _write(path: Path, content: bytes) -> None:
    # Whole before it has its name: a run that was cut short leaves nothing half made.
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(
        os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_READS), "wb"
    ) as file:
        file.write(content)
    temporary.replace(path)


def _read(folder: Path, name: str) -> str:
    return (folder / name).read_text("utf-8")


def _token_keys() -> str:
    return json.dumps({name: secrets.token_hex(32) for name in TOKEN_KEYS})


def _hashed(passwords: Mapping[str, str]) -> str:
    """Lines of a password file, for Trino and for the gateway."""
    lines = []
    for name, word in passwords.items():
        salted = bcrypt.hashpw(word.encode(), bcrypt.gensalt(_ROUNDS)).decode()
        lines.append(f"{name}:{salted.replace('$2b$', '$2y$', 1)}\n")  # the name Trino knows it by
    return "".join(lines)


def _pgpass(folder: Path) -> str:
    roles = {"key_writer": "keys", "state": "meshgate"}
    words = {role: _read(folder, f"{role}_password") for role in roles}
    return "".join(f"postgres:5432:{roles[role]}:{role}:{words[role]}\n" for role in roles)


def _certificates(folder: Path) -> None:
    """An authority whose key is forgotten at once, and one certificate a host under it."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = _named("Meshgate deployment")
    root = (
        _builder(name, name, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(authority, hashes.SHA256())
    )
    for host, names in HOSTS.items():
        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        leaf = (
            _builder(_named(host), name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(
                x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False
            )
            .sign(authority, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = leaf.public_bytes(serialization.Encoding.PEM)
        _write(folder / f"{host}.key", private)
        _write(folder / f"{host}.crt", public)
        _write(folder / f"{host}.pem", private + public)  # Trino wants both in one file
    _write(folder / "ca.pem", root.public_bytes(serialization.Encoding.PEM))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
