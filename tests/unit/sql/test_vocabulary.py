"""The verifier knows every function the DuckDB forms call, and none that reaches out."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest
import yaml

from gateway.sql.reader.vocabulary import known_function
from gateway.sql.reader.words import SYNTAX_CALLS, TYPES

REACHES_OUT = [
    "query",
    "query_table",
    "read_csv",
    "read_parquet",
    "read_text",
    "read_blob",
    "glob",
    "getvariable",
    "current_setting",
    "json_execute_serialized_sql",
    "duckdb_functions",
    "duckdb_settings",
    "pragma_table_info",
    "set_config",
    "getenv",
    "parquet_scan",
    "sniff_csv",
    "nextval",
    "currval",
    "current_query",
    "txid_current",
]


def _called() -> set[str]:
    text = files("gateway.sql").joinpath("functions.yaml").read_text(encoding="utf-8")
    forms = yaml.safe_load(text)["forms"].values()
    texts = [form for row in forms for form in row.values() if form and not form.startswith("@")]
    plain = [re.sub(r"'(?:[^']|'')*'|\{[^}]*\}", "", form) for form in texts]
    return {name.lower() for form in plain for name in re.findall(r"\b([A-Za-z_]\w*)\(", form)}


def test_every_function_of_the_forms_is_known():
    known = known_function("duckdb")
    syntax = {word.lower() for word in SYNTAX_CALLS | TYPES}
    called = {name for name in _called() - syntax if not name.startswith("mg_m_")}
    assert len(called) > 50
    assert {name for name in called if not known(name)} == set()


@pytest.mark.parametrize("name", REACHES_OUT)
@pytest.mark.parametrize("engine", ["trino", "duckdb"])
def test_functions_that_reach_outside_a_statement_are_unknown(engine, name):
    assert not known_function(engine)(name)
