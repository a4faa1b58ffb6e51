"""The directory of principals: read strictly, nobody invented."""

from __future__ import annotations

import pytest

from gateway.identity.directory import Directory, DirectoryError, reserved

GOOD = """
principals:
  alice:
    groups: [a, b]
    attributes: {regions: [EU], clearance: 2, vip: true}
    default_purpose: care
  svc: {kind: service, may_impersonate: [alice]}
  ops: {operator: true, may_impersonate: ["*"]}
  bare:
"""


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "principals.yaml"
    path.write_text(GOOD)
    return Directory.load(path)


def test_a_principal_has_what_the_file_says(directory):
    alice = directory.principal("alice", "basic")
    assert alice.groups == {"a", "b"}
    assert dict(alice.attributes) == {
        "regions": ("EU",), "clearance": 2, "vip": True, "default_purpose": "care",
    }  # fmt: skip
    assert (alice.kind, alice.method) == ("user", "basic")
    assert directory.principal("svc").kind == "service"
    assert directory.principal("bare").groups == frozenset()


def test_nobody_else_exists(directory):
    for name in ("Alice", "mallory", "", "alice "):
        assert directory.principal(name) is None


def test_impersonation_and_operators(directory):
    assert directory.may_impersonate("svc", "alice")
    assert directory.may_impersonate("ops", "svc")
    assert not directory.may_impersonate("ops", "mallory")
    assert not directory.may_impersonate("alice", "svc")
    assert not directory.may_impersonate("svc", "ops")
    assert directory.is_operator("ops")
    assert not directory.is_operator("alice")
    assert not directory.is_operator("mallory")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "people: {}", "principals: []", "principals: {a: {colour: red}}",
        "principals: {a: {kind: robot}}", "principals: {a: {groups: x}}",
        "principals: {a: {groups: [1]}}", "principals: {a: {attributes: {x: 1.5}}}",
        "principals: {a: {attributes: {x: [a, 1]}}}", "principals: {a: {attributes: [x]}}",
        "principals: {a: {operator: perhaps}}", "principals: {a: {default_purpose: 3}}",
        "principals: {meshgate-x: {}}", "principals: {'a@direct': {}}", "principals: {'a b': {}}",
        "principals: {a: {may_impersonate: [b@direct]}}",
        "principals: {a: {may_impersonate: [Meshgate]}}",
        "principals: {1: {}}", "principals: {a: {", "principals: {a: {}}\nmore: 1",
    ],
)  # fmt: skip
def test_wrong_files_are_refused_by_name(tmp_path, text):
    path = tmp_path / "principals.yaml"
    path.write_text(text)
    with pytest.raises(DirectoryError, match=r"principals\.yaml"):
        Directory.load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DirectoryError):
        Directory.load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "name", ["", "meshgate", "Meshgate-Keys", "x@direct", "x@DIRECT", "a b", "a\tb", "a\x00b"]
)
def test_reserved_names(name):
    assert reserved(name)


@pytest.mark.parametrize("name", ["alice", "alice@example.org", "direct", "mesh", "Ünal"])
def test_ordinary_names(name):
    assert not reserved(name)
