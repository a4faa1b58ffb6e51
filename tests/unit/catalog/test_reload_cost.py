"""A saved file costs its own domain, not the mesh."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

from gateway.catalog.domains import read_files
from gateway.catalog.load import Loader
from gateway.catalog.stores import open_catalog
from tests.unit.catalog import lake

DOMAINS, TABLES, COLUMNS = 50, 2, 20
LIMIT = 0.1


def _mesh(directory: Path) -> Path:
    names = [f"c{at}" for at in range(COLUMNS)]
    columns = "".join(
        f"      {name}: {{field_id: {at}, tags: [a]}}\n" for at, name in enumerate(names, 1)
    )
    with closing(open_catalog(lake.connection(directory), write=True)) as catalog:
        for domain in (f"d{at}" for at in range(DOMAINS)):
            catalog.create_namespace(domain)
            text = lake.HEAD.format(name=domain) + "tables:\n"
            for table in (f"{domain}.t{at}" for at in range(TABLES)):
                catalog.create_table(table, lake.strings(*names))
                text += f"  - name: {table}\n    columns:\n{columns}"
            (directory / f"{domain}.yaml").write_text(text)
    return directory


def test_reloading_one_domain_of_fifty_costs_a_tenth_at_most(tmp_path: Path):
    mesh = _mesh(tmp_path)
    cold, warm = [], []
    for _ in range(5):
        loader = Loader({})
        began = time.process_time()
        loaded = loader.load(read_files(mesh))
        cold.append(time.process_time() - began)
        assert len(loaded.snapshot.tables) == DOMAINS * TABLES
        changed = mesh / "d7.yaml"
        changed.write_text(changed.read_text() + "# a remark\n")
        began = time.process_time()
        again = loader.load(read_files(mesh))
        warm.append(time.process_time() - began)
        assert again.snapshot.version != loaded.snapshot.version
    assert min(warm) / min(cold) <= LIMIT
