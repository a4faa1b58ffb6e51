"""A statement cannot call the functions that make tokens, however it names them."""

from __future__ import annotations

import pytest

from gateway.errors import MeshgateError
from gateway.sql.model import Defaults
from gateway.sql.parse import parse
from gateway.tokens.names import SHAPES, udf_name

NAMES = [udf_name("customer", 1, shape) for shape in SHAPES]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", ["{}", '"{}"', '"system"."builtin"."{}"'])
@pytest.mark.parametrize(
    "text",
    [
        "SELECT {call}",
        "SELECT id FROM orders WHERE {call} = 'cus1_x'",
        "SELECT transform(ARRAY['M1'], x -> {call})",
        "EXECUTE IMMEDIATE 'SELECT ?' USING {call}",
    ],
)
def test_tokens_are_never_made_by_a_statement(text: str, form: str, name: str) -> None:
    for written in (name, name.upper()):
        with pytest.raises(MeshgateError) as raised:
            parse(text.format(call=form.format(written) + "('M1')"), Defaults("lake", "sales"))
        assert raised.value.code.type == "USER_ERROR"
