from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.tokens.base32 import encode


@given(st.binary(max_size=400))
def test_it_is_the_standard_encoding(data: bytes) -> None:
    whole = data[: len(data) // 5 * 5]
    assert encode(whole) == base64.b32encode(whole)


def test_partial_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="five"):
        encode(b"abc")
