"""Writing events: compact JSON, and nothing altered on the way."""

from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from carbon_stream.contracts import codec
from carbon_stream.contracts.codec import Invalid


def test_text_is_compact_utf8_in_the_order_given() -> None:
    assert codec.encode({"b": "é🔋", "a": [1, 2.5, None, True]}) == '{"b":"é🔋","a":[1,2.5,null,true]}'.encode()


def test_any_mapping_can_be_written() -> None:
    assert codec.encode(MappingProxyType({"a": None})) == b'{"a":null}'


def test_nulls_are_kept() -> None:
    assert codec.encode({"a": None, "b": "null", "c": {"d": [None]}}) == b'{"a":null,"b":"null","c":{"d":[null]}}'


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        [1.0, [float("-inf")]],
        {"a": {"b": float("nan")}},
        2**64,
        -(2**63) - 1,
        "\ud800",
        {1: 2},
        b"bytes",
        {1, 2},
        datetime(2026, 1, 1, tzinfo=UTC),
    ],
)
def test_what_json_cannot_say_is_refused_not_altered(value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        codec.encode({"a": value})
    assert caught.value.reason == "invalid"


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 0.1, -0.0, 1e300, 5e-324])
def test_numbers_survive(value: float) -> None:
    assert codec.parse(codec.encode({"a": value})) == {"a": value}
