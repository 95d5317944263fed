"""What is generated is what the exported contract says now."""

from carbon_stream.contracts import examples
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.fields import fields
from carbon_stream_producer.async_producer import AsyncEventProducer
from carbon_stream_producer.generated import events
from carbon_stream_producer.generated.tables import ALL
from carbon_stream_producer.producer import EventProducer
from sdk.generator import ROOT_FOLDER
from sdk.generator.files import rendered


def test_committed_files_are_fresh() -> None:
    stale = [name for name, text in rendered().items() if (ROOT_FOLDER / name).read_text(encoding="utf-8") != text]
    assert not stale, "run python -m sdk.generator"


def test_tables_have_every_type_topic_key_and_field_of_the_catalog() -> None:
    assert [(kind.name, kind.topic, kind.key_fields) for kind in ALL] == [
        (topic.event_type, topic.name, topic.key_fields) for topic in TOPICS
    ]
    for kind, topic in zip(ALL, TOPICS, strict=True):
        told = [(field.name, field.attribute, field.required) for field in kind.fields]
        assert told == [(spec.name, spec.attribute, spec.required) for spec in fields(topic.model)]


def test_both_producers_have_a_method_and_there_is_a_class_for_each_type() -> None:
    names = {f"produce_{kind.check.__name__}" for kind in ALL}
    assert len(names) == 12
    for producer in (EventProducer, AsyncEventProducer):
        own = {name for name in dir(producer) if name.startswith("produce_")}
        assert own == names | {"produce_custom_event"}
    assert {found.__name__: found.KIND for found in events.EVENTS} == {kind.name: kind for kind in ALL}


def test_quick_checks_never_accept_what_is_invalid() -> None:
    for kind in ALL:
        assert kind.check(examples.example(kind.name)) or kind.name == "DataLineageEvent"
        for case in examples.invalid(kind.name):
            assert not kind.check(case.event), case.name
