"""Reading JSON text: bounds, and what is said about text that is refused."""

import sys

import orjson
import pytest

from carbon_stream.contracts import codec, json_text, limits
from carbon_stream.contracts.codec import Invalid
from carbon_stream.contracts.examples import example


def refusal(raw: bytes, **bounds: int) -> Invalid:
    with pytest.raises(Invalid) as caught:
        codec.parse(raw, **bounds)
    return caught.value


def test_size_is_bounded_to_the_byte() -> None:
    assert codec.parse(b'{"a":1}', max_bytes=7) == {"a": 1}
    error = refusal(b'{"a":1} ', max_bytes=7)
    assert error.reason == "too-large"
    assert str(error) == "the event has 8 bytes, 7 are allowed"


def test_default_limit_is_one_mebibyte() -> None:
    raw = b'{"a":"' + b"x" * (limits.EVENT_BYTES - 8) + b'"}'
    assert len(codec.parse(raw)["a"]) == limits.EVENT_BYTES - 8
    assert refusal(raw + b" ").reason == "too-large"


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_nesting_is_bounded_to_the_level(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    for inner, fits in ((limits.NESTING - 1, True), (limits.NESTING, False)):
        raw = b'{"a":' + opening * inner + b"1" + closing * inner + b"}"
        if fits:
            assert codec.parse(raw)
        else:
            error = refusal(raw)
            assert error.reason == "too-deep"
            assert "32" in str(error)


def test_many_brackets_side_by_side_are_not_deep() -> None:
    assert codec.parse(b'{"a":[' + b"{}," * 500 + b"{}]}")
    assert codec.parse(b'{"a":"' + b"[" * 500 + b'"}')


def test_depth_beyond_any_stack_is_refused_in_order() -> None:
    depth = sys.getrecursionlimit() * 20
    for raw in (b'{"a":' + b"[" * depth, b'{"a":' * depth, b'{"a":' + b"[" * depth + b"]" * depth + b"}"):
        assert refusal(raw).reason == "too-deep"


@pytest.mark.parametrize(
    ("raw", "depth"),
    [
        (b"1", 0),
        (b"[]", 1),
        (b'{"a":[]}', 2),
        (b'[[],{"a":[{}]},[[]]]', 4),
        (b'{"[":"]]","a\\"[":["\\\\",[1]],"}":"\\"{"}', 3),
        (b"[" * 9 + b"]" * 9, 6),
    ],
)
def test_nesting_is_counted_outside_of_strings_and_no_further_than_it_must(raw: bytes, depth: int) -> None:
    assert json_text.nesting(raw, 5) == depth


def test_place_of_what_is_not_json_is_told() -> None:
    error = refusal(b'{"a": 1,\n "b": nope}')
    assert error.reason == "not-json"
    assert "line 2" in str(error)


def test_place_of_what_is_not_utf8_is_told() -> None:
    error = refusal(b'{"a": "\xff"}')
    assert error.reason == "not-utf8"
    assert "byte 7" in str(error)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"[]", "an array"),
        (b'"a"', "a string"),
        (b"1", "an integer"),
        (b"1.5", "a number"),
        (b"true", "a boolean"),
        (b"null", "null"),
    ],
)
def test_what_is_no_object_is_named(raw: bytes, what: str) -> None:
    error = refusal(raw)
    assert error.reason == "not-an-object"
    assert str(error).endswith(what)


@pytest.mark.parametrize("value", [2**64 - 1, -(2**63), 2**63, 10**18])
def test_integers_of_64_bits_are_kept(value: int) -> None:
    assert codec.parse(b'{"a":%d}' % value) == {"a": value}


@pytest.mark.parametrize("digits", ["18446744073709551616", "-9223372036854775809", "2" + "0" * 19, "9" * 300])
def test_longer_integers_are_refused_by_name(digits: str) -> None:
    error = refusal(b'{"ok":1,"a":[{"b/c":' + digits.encode() + b"}]}")
    assert error.reason == "invalid"
    assert [(entry.pointer, entry.type) for entry in error.errors] == [("/a/0/b~1c", "big-integer")]


@pytest.mark.parametrize("digits", ["9" * 400, "-" + "9" * 5000, "1e309"])
def test_numbers_beyond_a_double_are_refused(digits: str) -> None:
    error = refusal(b'{"a":' + digits.encode() + b"}")
    assert error.reason == "not-json"
    assert "infinity" in str(error)


def test_long_digits_elsewhere_are_no_integers() -> None:
    raw = b'{"text":"123456789012345678901234567890","ratio":0.123456789012345678901234567890,"big":1e30}'
    assert codec.parse(raw) == orjson.loads(raw)


def test_errors_are_bounded_in_number() -> None:
    raw = b'{"a":[' + b",".join([b"99999999999999999999"] * 1000) + b"]}"
    assert len(refusal(raw).errors) == limits.ERRORS


def test_long_numbers_are_found_wherever_they_start() -> None:
    for before in range(6):
        for length in range(15, 25):
            raw = b" " * before + b"-" + b"9" * length + b", 1"
            assert json_text.may_have_long_number(raw) == (length >= 19)


def test_the_last_of_two_keys_counts() -> None:
    assert codec.parse(b'{"a":1,"a":2}') == {"a": 2}
    assert codec.parse(b'{"a":99999999999999999999,"a":2}') == {"a": 2}


def test_decoder_bounds_records_by_the_limit_it_is_given() -> None:
    raw = codec.encode(example("SecurityEvent"))
    assert codec.decoder("security-events", len(raw))(raw).severity == "HIGH"
    with pytest.raises(Invalid) as caught:
        codec.decoder("security-events", len(raw) - 1)(raw)
    assert caught.value.reason == "too-large"


def test_a_record_may_be_a_little_larger_than_an_event() -> None:
    event = {**example("SecurityEvent"), "padding": ""}
    event["padding"] = "x" * (limits.EVENT_BYTES - len(codec.encode(event)))
    raw = codec.encode(event)
    assert codec.parse(raw) == event
    claimed = codec.encode({**event, "context": {"claimed": "x" * 60_000}})
    assert refusal(claimed).reason == "too-large"
    assert codec.decoder("security-events")(claimed).context["claimed"]
