"""An event that is read plainly is valid, and is written with what it had: the codec's parser reads the same of it."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.contracts import codec, examples, plain
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.fields import fields

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**66), 2**66),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 1.0, 0.5, 200.0, 1e15, 10**15 + 1, 10**11, 2**53 + 1, 2**63 - 1, 2**64 - 1, "", "🔋\0"]),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """A golden event with some fields replaced, removed, added or there twice, in any order and spacing."""
    topic = draw(st.sampled_from(TOPICS))
    event = dict(draw(st.sampled_from(tuple(examples.valid(topic.event_type)))).event)
    names = [spec.name for spec in fields(topic.model)]
    for name in draw(st.lists(st.sampled_from(names), max_size=3, unique=True)):
        event.pop(name, None)
        if draw(st.booleans()):
            event[name] = draw(VALUES)
    members = list(event.items())
    if draw(st.booleans()):
        members += draw(st.lists(st.tuples(st.sampled_from([*names, "more"]), VALUES), max_size=1))
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    written = [f"{space}{_text(name)}:{space}{_text(value)}" for name, value in draw(st.permutations(members))]
    return f"{{{','.join(written)}{space}}}".encode()


def _text(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits
        return "18446744073709551616"


def exactly(data: Any) -> Any:
    """With true told from 1. A float that is an integer may become one where the contract has integers."""
    if isinstance(data, dict):
        return {name: exactly(value) for name, value in data.items()}
    if isinstance(data, list):
        return [exactly(value) for value in data]
    return data if type(data) is not bool else str(data)


@given(texts())
@settings(max_examples=600, deadline=None)
def test_what_is_read_plainly_is_valid_and_written_as_it_was(raw: bytes) -> None:
    event = plain.read(raw)
    if event is None:
        return
    data = codec.parse(raw)
    assert codec.accept(data) is plain.topic_of(event)
    codec.validate(data)
    assert exactly(orjson.loads(plain.write(event))) == exactly(data)
    assert plain.key_of(event) == plain.topic_of(event).key(data)
    assert plain.convert(data) == event


@given(texts(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_order_and_spaces_make_no_difference(raw: bytes, chance: Any) -> None:
    event = plain.read(raw)
    if event is None:
        return
    members = list(codec.parse(raw).items())
    chance.shuffle(members)
    other = plain.read(orjson.dumps(dict(members), option=orjson.OPT_INDENT_2))
    assert other is not None
    assert plain.write(other) == plain.write(event)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_golden_events_are_plain_unless_they_have_more(topic: Any) -> None:
    known = {spec.name for spec in fields(topic.model)} - {"context", "apiKey"}
    plainly = 0
    for golden in examples.valid(topic.event_type):
        event = plain.read(orjson.dumps(golden.event))
        assert event is None or set(golden.event) <= known
        plainly += event is not None
    assert plainly


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"eventType":"AuditAPICallEvent"}',
        b'\xef\xbb\xbf{"eventType":"SecurityEvent"}',
        b'{"eventType":"\xff"}',
        b'{"eventType":"SecurityEvent","source":"\\ud800"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_event_is_left_to_the_codec(raw: bytes) -> None:
    assert plain.read(raw) is None


def test_what_something_is_done_to_is_left_to_the_codec() -> None:
    event = dict(next(iter(examples.valid("AuditAPICallEvent"))).event)
    event = {name: value for name, value in event.items() if name not in ("context", "apiKey")}
    assert plain.read(orjson.dumps(event)) is not None
    for name in ("context", "apiKey", "more"):
        for text in (b"null", b'"x"', b"{}"):
            assert plain.read(orjson.dumps({**event, name: orjson.Fragment(text)})) is None
    for name in ("eventId", "timestamp", "version", "correlationId"):
        assert plain.read(orjson.dumps({**event, name: None})) is None
