from __future__ import annotations

import base64
import json
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.catalog.model import CatalogSnapshot, Domain, TokenDomain, TokenVersion
from gateway.errors import MeshgateError
from gateway.secrets import SecretError
from gateway.tokens.keys import KeyRing, KeyRings, decode_key
from gateway.tokens.names import SHAPES, udf_name

RAW = bytes(range(32))


def snapshot(*versions: TokenVersion) -> CatalogSnapshot:
    member = TokenDomain("member", "mbr", "text", "i63", "upper_alnum", (), versions)
    domains = {"claims": Domain("claims", "lake", token_domains=(member,))}
    return CatalogSnapshot("c1:test", MappingProxyType(domains), MappingProxyType({}))


def env_version(v: int = 1, state: str = "active") -> TokenVersion:
    return TokenVersion(v, state, MappingProxyType({"env": f"KEY_{v}"}))


def from_memory(**secrets: bytes):
    def read(ref, _base: Path) -> bytes:
        if ref["env"] not in secrets:
            raise SecretError(f"environment variable {ref['env']} is not set")
        return secrets[ref["env"]]

    return read


@pytest.mark.parametrize("written", [RAW, RAW.hex().encode() + b"\n", base64.b64encode(RAW)])
def test_three_spellings_of_a_key(written: bytes) -> None:
    assert decode_key(written) == RAW


@pytest.mark.parametrize("written", [b"", b"short", RAW + b"x", b"zz" * 32])
def test_anything_else_is_no_key(written: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes") as caught:
        decode_key(written)
    assert not written or str(written) not in str(caught.value)


def test_functions_exist_for_the_active_version_only(tmp_path: Path) -> None:
    versions = (env_version(1, "accept"), env_version(2), env_version(3, "retired"))
    reader = from_memory(KEY_1=RAW, KEY_2=RAW[::-1])
    ring = KeyRing.load(snapshot(*versions), tmp_path, reader)
    assert set(ring.functions) == {udf_name("member", 2, shape) for shape in SHAPES}
    assert set(ring.fingerprints) == {"member:v1", "member:v2"}
    assert ring.key("member", 1).fingerprint == ring.fingerprints["member:v1"]
    assert ring.problems == {}


def test_an_unreadable_key_closes_its_domain_alone(tmp_path: Path) -> None:
    ring = KeyRing.load(snapshot(env_version()), tmp_path, from_memory(OTHER=RAW))
    assert list(ring.problems) == ["member"]
    with pytest.raises(MeshgateError) as caught:
        ring.key("member", 1)
    assert caught.value.name == "TOKEN_KEY_UNAVAILABLE"
    with pytest.raises(MeshgateError, match="not available"):
        ring.function(udf_name("member", 1, "text"))


def test_no_active_version_is_a_problem(tmp_path: Path) -> None:
    ring = KeyRing.load(snapshot(env_version(1, "pending")), tmp_path, from_memory(KEY_1=RAW))
    assert ring.problems == {"member": "0 active key versions, one is needed"}


def test_key_files_are_private(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"member:1": RAW.hex()}))
    path.chmod(0o444)
    version = TokenVersion(1, "active", MappingProxyType({"file": "keys.json#member:1"}))
    refused = KeyRing.load(snapshot(version), tmp_path)
    assert "chmod 400" in refused.problems["member"]
    path.chmod(0o400)
    assert KeyRing.load(snapshot(version), tmp_path).problems == {}


def test_printing_shows_fingerprints_never_keys(tmp_path: Path) -> None:
    ring = KeyRing.load(snapshot(env_version()), tmp_path, from_memory(KEY_1=RAW))
    key = ring.key("member", 1)
    for text in (repr(ring), repr(key), str(key), f"{key}", repr(list(ring.functions.values()))):
        assert key.fingerprint in text
        assert key.secret.decode() not in text
        assert RAW.hex() not in text


def test_failed_self_tests_take_a_domain_away(tmp_path: Path) -> None:
    ring = KeyRing.load(snapshot(env_version()), tmp_path, from_memory(KEY_1=RAW))
    less = ring.without({"member": "self-test failed"})
    assert less.functions == {}
    assert less.problems == {"member": "self-test failed"}
    with pytest.raises(MeshgateError):
        less.key("member", 1)


def test_rings_are_read_once_per_snapshot_and_again_after_a_repair(tmp_path: Path) -> None:
    now, secrets, reads = [0.0], {}, []

    def read(ref, base: Path) -> bytes:
        reads.append(ref)
        return from_memory(**secrets)(ref, base)

    rings = KeyRings(tmp_path, read, lambda: now[0])
    assert list(rings(snapshot(env_version())).problems) == ["member"]
    secrets["KEY_1"] = RAW
    assert list(rings(snapshot(env_version())).problems) == ["member"]
    now[0] = 31.0
    ring = rings(snapshot(env_version()))
    assert ring.problems == {}
    assert rings(snapshot(env_version())) is ring
    assert len(reads) == 2
