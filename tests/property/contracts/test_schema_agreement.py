"""The JSON Schemas accept exactly the events that the models accept."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from carbon_stream.contracts import codec, examples
from carbon_stream.contracts.catalog import TOPICS, Topic
from carbon_stream.contracts.codec import Invalid
from carbon_stream.contracts.exports import schema
from carbon_stream.contracts.fields import FieldSpec, Shape, fields

VALIDATORS = {topic.event_type: Draft202012Validator(schema(topic.event_type)) for topic in TOPICS}

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-10, 1000).map(float),
    st.text(max_size=5),
    st.lists(st.none() | st.integers(0, 9) | st.text(max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=2), st.none() | st.integers(0, 9), max_size=2),
)


def values(shape: Shape) -> st.SearchStrategy[Any]:
    """Values of a shape, at and just beyond its bounds as well."""
    made: st.SearchStrategy[Any] = ANYTHING
    if shape.record is not None:
        record = {spec.name: values(spec.shape) for spec in fields(shape.record)}
        made = st.fixed_dictionaries({}, optional=record)
    elif shape.items is not None:
        made = st.lists(values(shape.items), max_size=3)
    elif shape.enum:
        made = st.sampled_from([*shape.enum, shape.enum[0].lower(), ""])
    elif shape.minimum is not None and shape.maximum is not None:
        low, high = shape.minimum, shape.maximum
        made = st.sampled_from([low, high, low - 1, high + 1, float(low), low + 0.5, (low + high) / 2])
    elif shape.kind == "string":
        length = shape.max_length or 0
        made = st.sampled_from(["", "a", "🔋", "🔋" * length, "a" * (length + 1)])
    return made | st.none()


@st.composite
def events(draw: st.DrawFn) -> tuple[Topic, dict[str, Any]]:
    """A valid event of some type with a few fields replaced by values at the edges, by anything, or by nothing."""
    topic = draw(st.sampled_from(TOPICS))
    event = dict(draw(st.sampled_from(examples.valid(topic.event_type))).event)
    changed: list[FieldSpec] = draw(
        st.lists(st.sampled_from(fields(topic.model)), max_size=3, unique_by=lambda spec: spec.name)
    )
    for spec in changed:
        event.pop(spec.name, None)
        if draw(st.integers(0, 4)):
            event[spec.name] = draw(values(spec.shape) if draw(st.integers(0, 3)) else ANYTHING)
    return topic, event


@given(events())
@settings(max_examples=600, deadline=None)
def test_schema_and_model_agree(made: tuple[Topic, dict[str, Any]]) -> None:
    topic, event = made
    event = json.loads(json.dumps(event))
    try:
        found, _ = codec.validate(event)
        accepted = found is topic
    except Invalid:
        accepted = False
    assert VALIDATORS[topic.event_type].is_valid(event) == accepted
