"""Fast and slow decoding agree on every input: on what is accepted, on its values, on what is refused and why."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.contracts import codec, examples, fast, json_text, limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, TOPICS, Topic
from carbon_stream.contracts.codec import Invalid, StreamEvent
from carbon_stream.contracts.fields import fields

NUMBERS = st.one_of(
    st.integers(),
    st.integers(2**62, 2**66),
    st.integers(-(2**66), -(2**62)),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-1000, 2000).map(float),
    st.sampled_from([0, -0.0, 1, 1.0, 99, 100, 599, 600, 1e15, 1.0000000000000002e15, 10**11, 10**11 - 1, 2**63 - 1]),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), NUMBERS, st.text(max_size=8), st.sampled_from(["", "x" * 257, "🔋" * 1025])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def events(draw: st.DrawFn) -> tuple[Topic, dict[str, Any]]:
    """A golden event of some type with a few fields replaced, removed or added."""
    topic = draw(st.sampled_from(TOPICS))
    goldens = [*examples.valid(topic.event_type), *examples.invalid(topic.event_type)]
    event = dict(draw(st.sampled_from(goldens)).event)
    names = [spec.name for spec in fields(topic.model)]
    for name in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
        event.pop(name, None)
        if draw(st.booleans()):
            event[name] = draw(VALUES)
    event |= draw(st.dictionaries(st.text(max_size=6), VALUES, max_size=2))
    return topic, event


def slow(topic: Topic, raw: bytes) -> StreamEvent:
    """What the parser and the pydantic model make of a record value."""
    data = json_text.loads(raw, limits.RECORD_BYTES, limits.RECORD_NESTING)
    other = BY_EVENT_TYPE.get(data["eventType"]) if isinstance(data.get("eventType"), str) else None
    if other is not None and other is not topic:
        raise Invalid("wrong-topic", (codec.FieldError("/eventType", "wrong-topic", ""),))
    _, model = codec.validate(data)
    return fast.from_model(fast.event_struct(topic, False), model)


def outcome(call: Any, *arguments: Any) -> StreamEvent | tuple[str, list[tuple[str, str]]]:
    try:
        event: StreamEvent = call(*arguments)
    except Invalid as error:
        return error.reason, [(entry.pointer, entry.type) for entry in error.errors]
    return event


def assert_agreement(topic: Topic, raw: bytes) -> None:
    found, wanted = outcome(codec.decoder(topic.name), raw), outcome(slow, topic, raw)
    assert found == wanted
    if isinstance(found, StreamEvent) and isinstance(wanted, StreamEvent):
        assert kinds(found) == kinds(wanted)


def kinds(event: StreamEvent) -> dict[str, type]:
    return {name: type(getattr(event, name)) for name in event.__struct_fields__}


@given(events())
@settings(max_examples=400, deadline=None)
def test_changed_goldens(made: tuple[Topic, dict[str, Any]]) -> None:
    topic, event = made
    assert_agreement(topic, json.dumps(event).encode("utf-8", "surrogatepass"))


@given(events())
@settings(max_examples=200, deadline=None)
def test_the_door_agrees_with_validation(made: tuple[Topic, dict[str, Any]]) -> None:
    _, event = made
    try:
        event = codec.parse(json.dumps(event).encode())
    except Invalid:
        return
    found = outcome(lambda: codec.accept(event).name)
    assert found == outcome(lambda: codec.validate(event)[0].name)


@given(events(), st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_bytes(made: tuple[Topic, dict[str, Any]], data: st.DataObject) -> None:
    topic, event = made
    raw = bytearray(json.dumps(event, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 2))
        raw[at : at + cut] = data.draw(
            st.binary(max_size=2)
            | st.sampled_from([b"\\", b'"', b"{", b"}", b"[", b",", b"0", b"e9", b"\\ud8", b"\xed"])
        )
    assert_agreement(topic, bytes(raw))


PIECES = [
    b"null", b"true", b"{}", b"[]", b"1e400", b"-1e400", b"123456789012345678901234567890", b"18446744073709551616",
    b"1e-400", b"-9223372036854775809", b"18446744073709551615", b"1" + b"0" * 400, b"0." + b"1" * 40, b"NaN",
    b"Infinity", b"01", b"1.", b".5", b"+1", b"-", b"tru", b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"',
    b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\t"', b'"\\q"', b'"\\u12"', b'{"\xff":1}', b'{"\\ud800":1}',
    b'{"a":1,"a":2}', b"[" * 40 + b"]" * 40, b"[" * 2000, b'{"a":' * 33 + b"1" + b"}" * 33,
    b'{"a":' * 32 + b"1" + b"}" * 32, b"[1,]", b"{,}", b"1 2", b"/**/1", b"'x'", b"",
]  # fmt: skip
"""Values on which JSON parsers are known to differ."""


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_pieces_on_which_parsers_differ_as_an_addition(topic: Topic) -> None:
    event = orjson.dumps(examples.valid(topic.event_type)[1].event)[:-1]
    for place in ["extra", *(spec.name for spec in fields(topic.model))]:
        for piece in PIECES:
            start = event + b',"' + place.encode() + b'":'
            for raw in (start + piece + b"}", start + b'{"in":' + piece + b"}}", start + b"[" + piece + b"]}"):
                assert_agreement(topic, raw)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_pieces_on_which_parsers_differ_in_place_of_a_value(topic: Topic) -> None:
    event = examples.example(topic.event_type)
    for name, value in event.items():
        told = orjson.dumps(name) + b":"
        rest = orjson.dumps({key: other for key, other in event.items() if key != name})[1:]
        for piece in PIECES:
            assert_agreement(topic, b"{" + told + piece + b"," + rest)
            assert_agreement(topic, b"{" + told + piece + b"," + told + orjson.dumps(value) + b"," + rest)


@given(st.sampled_from(TOPICS), st.text(max_size=12), st.sampled_from(["data", "\U0001f50b", "é"]))
@settings(max_examples=100, deadline=None)
def test_lengths_are_counted_in_characters(topic: Topic, text: str, filler: str) -> None:
    event = examples.valid(topic.event_type)[1].event
    bounded = [spec for spec in fields(topic.model) if spec.shape.kind == "string" and spec.shape.max_length]
    for spec in bounded:
        length = spec.shape.max_length or 0
        for size in (length, length + 1):
            value = (text + filler * (length // len(filler) + 1))[:length] + filler[:1] * (size - length)
            assert_agreement(topic, orjson.dumps({**event, spec.name: value}))


def test_numbers_of_a_contract_have_both_bounds() -> None:
    """Otherwise the fast path would take an integer beyond 64 bits for a float, where the parser refuses it."""
    for topic in TOPICS:
        for spec in fields(topic.model):
            if spec.shape.kind in ("integer", "number"):
                assert spec.shape.minimum is not None, spec
                assert spec.shape.maximum is not None, spec
                assert spec.shape.maximum < 2**63
