"""The library and the service say the same of any event: valid, or wrong in the same places for the same reasons."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts import codec, examples
from carbon_stream.contracts.limits import ERRORS
from carbon_stream_producer.encoding import encode
from carbon_stream_producer.generated.tables import ALL, BY_EVENT_TYPE
from carbon_stream_producer.partitioner import partition_of
from carbon_stream_producer.validation import errors_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "SUCCESS", "success", "a" * 257, "é" * 1_025, "1", 0, 1, -1, 0.5, 1.0, 200.0, 2**63, 99])
    | st.text("aé🔋", max_size=3)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """A golden event with a few fields replaced, added or taken away."""
    kind = draw(st.sampled_from(ALL))
    event = dict(draw(st.sampled_from(examples.valid(kind.name))).event)
    names = [field.name for field in kind.fields if field.name != "eventType"]
    for name in draw(st.lists(st.sampled_from(names), max_size=4, unique=True)):
        event[name] = draw(VALUES)
    for name in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        event.pop(name, None)
    return event


@given(events())
def test_errors_are_the_services(event: dict[str, Any]) -> None:
    kind = BY_EVENT_TYPE[event["eventType"]]
    found = errors_of(kind, event)
    try:
        codec.validate(event)
    except codec.Invalid as error:
        told = sorted((entry.pointer, entry.type) for entry in error.errors)
        assert len(found) == len(told)
        if len(told) < ERRORS:
            assert sorted((entry.pointer, entry.type) for entry in found) == told
        assert not kind.check(event)
    else:
        assert found == ()
        assert encode(kind.name, event) == codec.encode(event)


@given(st.binary(max_size=300), st.integers(1, 1_000))
def test_partitions_are_those_of_kafkas_clients(key: bytes, partitions: int) -> None:
    from aiokafka.partitioner import murmur2

    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions
