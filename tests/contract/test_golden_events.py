"""Every golden example through every way into the codec."""

from collections.abc import Callable
from functools import partial

import msgspec
import orjson
import pytest

from carbon_stream.contracts import codec, examples, fast
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME, TOPICS
from carbon_stream.contracts.codec import Invalid
from carbon_stream.contracts.examples import Example, RawExample
from carbon_stream.contracts.fields import fields

VALID = [
    pytest.param(topic.name, case, id=f"{topic.event_type}: {case.name}")
    for topic in TOPICS
    for case in examples.valid(topic.event_type)
]
INVALID = [
    pytest.param(topic.name, case, id=f"{topic.event_type}: {case.name}")
    for topic in TOPICS
    for case in examples.invalid(topic.event_type)
]
RAW_TOPIC, RAW = examples.raw_examples()


def refused(call: Callable[[], object]) -> Invalid:
    with pytest.raises(Invalid) as caught:
        call()
    return caught.value


def pairs(error: Invalid) -> set[tuple[str, str]]:
    return {(entry.pointer, entry.type) for entry in error.errors}


def test_every_type_has_several_examples_of_both_kinds() -> None:
    for topic in TOPICS:
        assert len(examples.valid(topic.event_type)) >= 7
        assert len(examples.invalid(topic.event_type)) >= 8


@pytest.mark.parametrize(("topic", "case"), VALID)
def test_valid_event_is_accepted_everywhere_with_equal_values(topic: str, case: Example) -> None:
    raw = codec.encode(case.event)
    assert orjson.loads(raw) == case.event
    assert codec.parse(raw) == case.event
    found, model = codec.validate(case.event)
    assert found is BY_NAME[topic]
    assert codec.accept(case.event) is found
    event = codec.decoder(topic)(raw)
    assert event == fast.from_model(fast.event_struct(found, False), model)
    expected = {spec.name: case.event.get(spec.name) for spec in fields(found.model)}
    for spec in fields(found.model):
        if expected[spec.name] is None:
            expected[spec.name] = spec.default
    assert orjson.loads(msgspec.json.encode(event)) | _nested(expected) == expected


def _nested(expected: dict[str, object]) -> dict[str, object]:
    """Column mappings are compared by the unit tests: extras inside them are not attributes."""
    return {name: value for name, value in expected.items() if name == "columns"}


@pytest.mark.parametrize(("topic", "case"), VALID)
def test_extra_fields_are_kept_by_the_model(topic: str, case: Example) -> None:
    _, model = codec.validate(case.event)
    known = {spec.name for spec in fields(BY_NAME[topic].model)}
    assert (model.model_extra or {}) == {name: value for name, value in case.event.items() if name not in known}


@pytest.mark.parametrize(("topic", "case"), INVALID)
def test_invalid_event_is_refused_everywhere_with_the_same_errors(topic: str, case: Example) -> None:
    for call in (
        lambda: codec.validate(case.event),
        lambda: codec.accept(case.event),
        lambda: codec.decoder(topic)(codec.encode(case.event)),
    ):
        error = refused(call)
        assert error.reason == "invalid"
        assert pairs(error) == set(case.errors)
        assert len(error.errors) == len(case.errors)
        assert all(entry.message for entry in error.errors)


@pytest.mark.parametrize("case", RAW, ids=lambda case: case.name)
def test_record_values_are_read_or_refused_for_the_reason_given(case: RawExample) -> None:
    decode = codec.decoder(RAW_TOPIC)
    if case.reason is None:
        event = decode(case.raw)
        names = {spec.name: spec.attribute for spec in fields(BY_NAME[RAW_TOPIC].model)}
        assert {name: getattr(event, names[name]) for name in case.values} == case.values
        return
    error = refused(lambda: decode(case.raw))
    assert error.reason == case.reason
    assert pairs(error) == set(case.errors or [("", case.reason)])


@pytest.mark.parametrize("case", [case for case in RAW if case.reason != "wrong-topic"], ids=lambda case: case.name)
def test_the_door_refuses_the_same_bytes(case: RawExample) -> None:
    def enter() -> None:
        codec.accept(codec.parse(case.raw))

    if case.reason is None and "deep" not in case.name:
        enter()
    else:
        assert refused(enter).reason == (case.reason or "too-deep")


def test_null_value_is_empty() -> None:
    for topic in TOPICS:
        assert refused(partial(codec.decoder(topic.name), None)).reason == "empty"


def test_an_event_on_any_other_topic_is_refused() -> None:
    for topic in TOPICS:
        raw = codec.encode(examples.example(topic.event_type))
        for other in TOPICS:
            if other is not topic:
                error = refused(partial(codec.decoder(other.name), raw))
                assert error.reason == "wrong-topic"
                assert [entry.pointer for entry in error.errors] == ["/eventType"]


def test_examples_are_for_the_types_of_the_catalog_only() -> None:
    for read in (examples.example, examples.valid, examples.invalid):
        with pytest.raises(KeyError):
            read("../catalog")
    assert all(examples.example(name)["eventType"] == name for name in BY_EVENT_TYPE)
