"""What must hold for any file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.catalog.domains import read_files
from gateway.catalog.load import Loader, load_catalog
from gateway.catalog.model import CatalogSnapshot
from gateway.catalog.nodes import compose
from tests.unit.catalog import lake

DOMAINS = ("claims", "members", "weather")


@dataclass(frozen=True)
class Mesh:
    """A valid mesh and what it is made of."""

    path: Path
    files: Mapping[Path, bytes | None]
    whole: CatalogSnapshot
    loader: Loader


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Mesh:
    path = lake.build(tmp_path_factory.mktemp("mesh"))
    return Mesh(path, read_files(path), load_catalog(path, {}), Loader({}))


positions = st.floats(0, 1, exclude_max=True)
pieces = st.one_of(
    st.sampled_from(
        [" ", "\n", ":", "- ", "{", "}", "[", "]", '"', "#", "&a ", "*a", "no", "\x00"]
    ),
    st.text(max_size=3),
)


@settings(deadline=None)
@example("weather", 0.0703125, 8, " ")  # an empty value where a name must stand
@given(st.sampled_from(["claims", "weather"]), positions, st.integers(0, 12), pieces)
def test_a_changed_domain_changes_no_other(mesh: Mesh, name: str, at: float, cut: int, piece: str):
    """``members`` is left alone: the others may rely on its token domain."""
    path = mesh.path / f"{name}.yaml"
    content = mesh.files[path]
    assert content is not None
    place = int(at * len(content))
    changed = content[:place] + piece.encode("utf-8", "replace") + content[place + cut :]
    snapshot = mesh.loader.load({**mesh.files, path: changed}).snapshot
    assert {n: d for n, d in snapshot.domains.items() if n != name} == {
        n: d for n, d in mesh.whole.domains.items() if n != name
    }
    assert {n: t for n, t in snapshot.tables.items() if t.domain != name} == {
        n: t for n, t in mesh.whole.tables.items() if t.domain != name
    }
    assert {problem.file for problem in snapshot.problems} <= {str(path)}


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_content_raises_and_what_is_no_domain_is_reported(mesh: Mesh, content: bytes):
    snapshot = mesh.loader.load({**mesh.files, mesh.path / "odd.yaml": content}).snapshot
    assert any(problem.file.endswith("odd.yaml") for problem in snapshot.problems)
    assert snapshot.tables == mesh.whole.tables


@settings(deadline=None)
@given(st.permutations(DOMAINS))
def test_the_order_of_files_does_not_matter(mesh: Mesh, order: list[str]):
    paths = [mesh.path / f"{name}.yaml" for name in order]
    snapshot = Loader({}).load({path: mesh.files[path] for path in paths}).snapshot
    assert snapshot.version == mesh.whole.version
    assert dict(snapshot.tables) == dict(mesh.whole.tables)


scalars = st.one_of(
    st.text("0123456789.-+:_eExobaAnNyYsSfFTtrlu~<= ", min_size=1, max_size=8),
    st.sampled_from(
        ["yes", "off", "Null", "0o7", "0x1F", "1_000", ".inf", "-.5", "+1", "1e3", "08"]
    ),
    st.text(min_size=1, max_size=8),
)


@settings(deadline=None)
@given(scalars)
def test_a_plain_value_means_what_yaml_means_or_is_reported(text: str):
    """Nothing reads a value one way here and another way in every other YAML tool."""
    problems: list[str] = []
    content = f"key: {text}\n".encode("utf-8", "replace")
    root = compose(content, lambda _line, _column, code, _message: problems.append(code))
    if problems:
        return
    value = yaml.load(content, Loader=yaml.CSafeLoader)["key"]
    assert root is not None
    ((_, node),) = root.items
    read = {
        "str": lambda: node.value,
        "int": lambda: int(node.value),
        "float": lambda: float(node.value),
        "bool": lambda: node.value == "true",
        "null": lambda: None,
    }
    if node.kind in read:
        assert read[node.kind]() == value
        assert type(read[node.kind]()) is type(value)
