"""Rules I01 to I05: what may not be asked, and what a package sees."""

from __future__ import annotations

import dataclasses
import json
from types import MappingProxyType

import pytest
from policy_lab import DATA, NOW, grant, person, request, snapshot, table

from gateway.policy.canonical import canonical_text, strict_loads
from gateway.policy.input import InputError, common, guard, require, table_item
from gateway.policy.schema import attributes_schema, conform


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("I01", {"a": None}),
        ("I01", [None]),
        ("I01", ["a", None]),
        ("I02", {"a": 1.5}),
        ("I02", {"a": 2**53}),
        ("I02", {"a": -(2**53)}),
        ("I02", [1e21]),
        ("I03", {"a": 'x"y'}),
        ("I03", {"a": "x\\y"}),
        ("I03", {"a": "x\ny"}),
        ("I03", {"a": "\x00"}),
        ("I03", {"a": "\ud800"}),
        ("I03", {'k"': 1}),
        ("I04", {"a": b"x"}),
        ("I04", {"a": [1, "b"]}),
        ("I04", {1: "a"}),
    ],
)
def test_refused_values(code: str, value: object) -> None:
    with pytest.raises(InputError) as raised:
        guard(value, "input")
    assert raised.value.code == code


def test_allowed_values() -> None:
    guard({"a": [1, 2], "b": {"c": True, "é": "ü'"}, "n": 2**53 - 1, "m": -(2**53 - 1)}, "input")


def test_i05_missing_fields() -> None:
    given = {"subject": {"attributes": {"x": 1}}, "table": {}}
    require({("subject.attributes", "x")}, given)
    for reference in (("subject.attributes", "y"), ("table.product", "key")):
        with pytest.raises(InputError) as raised:
            require({reference}, given)
        assert raised.value.code == "I05"


def test_only_named_attributes_are_shown() -> None:
    who = person("lab", level=2, secret_note="do not show")
    document = common(request(table(), who=who), frozenset({"level"}))
    assert document["subject"]["attributes"] == {"level": 2}
    assert document["time"] == {"date": "2026-11-20", "hour": 10, "weekday": 5}


def test_business_time_zone_decides_date_and_hour() -> None:
    late = dataclasses.replace(request(table()), now=NOW.replace(hour=23, minute=30))
    document = common(late, frozenset(), "Europe/Berlin")
    assert document["time"] == {"date": "2026-11-21", "hour": 0, "weekday": 6}


def test_a_bad_channel_or_kind_is_refused() -> None:
    for change in ({"channel": "pigeon"}, {"purpose": ""}):
        with pytest.raises(InputError):
            common(dataclasses.replace(request(table()), **change), frozenset())
    who = dataclasses.replace(person(), kind="robot")
    with pytest.raises(InputError):
        common(request(table(), who=who), frozenset())


def test_a_hidden_value_is_not_named_in_an_unsupported_attribute() -> None:
    who = dataclasses.replace(person(), attributes=MappingProxyType({"level": ["a", 1]}))
    with pytest.raises(InputError, match="level"):
        common(request(table(), who=who), frozenset({"level"}))


def test_table_item_is_the_documented_shape() -> None:
    asked = table(("phi",), {"v": ("pii.email",)}, only=True)
    product = snapshot(asked).product_of(asked)
    item = table_item(asked, product, [grant()])
    assert item == {
        "table": {
            "fqn": "lake.lab.t",
            "kind": "table",
            "domain": "lab",
            "tags": ["phi"],
            "product": {
                "guid": "g-1",
                "key": "p",
                "status": "active",
                "required_security_group": "",
            },
            "columns": [
                {
                    "name": "v",
                    "field_id": 1,
                    "type": "varchar",
                    "required": False,
                    "tags": ["pii.email"],
                }
            ],
        },
        "grants": [
            {
                "id": "ag-1",
                "kind": "data_access",
                "product": "p",
                "purpose": "fraud",
                "valid_until": "2026-12-20T10:15:00Z",
            }
        ],
    }


def test_schema_of_attributes() -> None:
    schema = attributes_schema(DATA.parents[3] / "policies")
    conform({"regions": ["EU"], "clearance": 2}, schema, "a")
    for bad in ({"regions": "EU"}, {"regions": [1]}, {"clearance": True}, {"other": 1}):
        with pytest.raises(InputError) as raised:
            conform(bad, schema, "a")
        assert raised.value.code == "I04"


def test_a_broken_schema_is_told(tmp_path) -> None:
    (tmp_path / "input.schema.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="attributes"):
        attributes_schema(tmp_path)


def test_canonical_text_and_strict_reading() -> None:
    assert canonical_text({"b": 1, "a": ["é"]}) == '{"a":["é"],"b":1}'
    assert strict_loads('{"a": 1}') == {"a": 1}
    for text in ('{"a": 1, "a": 2}', '{"a": 1.5}', "[NaN]", '[{"x": {"y": 1, "y": 1}}]'):
        with pytest.raises(ValueError, match=r"twice|integer"):
            strict_loads(text)
    assert json.loads(canonical_text({"a": [True, 1]})) == {"a": [True, 1]}
