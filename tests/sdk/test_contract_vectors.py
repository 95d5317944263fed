"""Each vector through the library: the bytes, the key, the headers and the partition that the service gives."""

import json
import re
from typing import Any

import pytest

from carbon_stream.contracts import codec
from carbon_stream_producer import EventProducer, InvalidEvent, RecordingTransport, flow
from carbon_stream_producer.encoding import encode
from carbon_stream_producer.generated.tables import BY_EVENT_TYPE
from carbon_stream_producer.partitioner import partition_of
from carbon_stream_producer.record import Record
from carbon_stream_producer.validation import check
from tests.support.sdk_vectors import PARTITIONS, REFUSED, VECTORS, agrees, arguments, headers_of


def named(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=lambda vector: vector["name"])


def compare(record: Record, expected: dict[str, Any]) -> None:
    assert record.topic == expected["topic"]
    assert record.key == (None if expected["key"] is None else expected["key"].encode())
    assert agrees(expected, record.value)
    assert expected.get("value", record.value.decode()) == record.value.decode()
    assert record.headers == headers_of(expected)
    assert partition_of(record.spread, expected["partitions"]) == expected["partition"]


@named(VECTORS)
def test_the_method_of_its_type_makes_the_services_record(vector: dict[str, Any]) -> None:
    event, expected = vector["event"], vector["expected"]
    recording = RecordingTransport()
    with (
        EventProducer(event["source"], transport=recording) as producer,
        flow(traceparent=vector.get("traceparent")),
    ):
        method = getattr(producer, f"produce_{BY_EVENT_TYPE[event['eventType']].check.__name__}")
        assert method(**arguments(event)).result(0).topic == expected["topic"]
    (record,) = recording.records
    compare(record, expected)
    codec.decoder(record.topic)(record.value)


@named(VECTORS)
def test_an_event_by_its_json_names_makes_the_same_record(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    recording = RecordingTransport()
    with EventProducer("another", transport=recording) as producer, flow(traceparent=vector.get("traceparent")):
        event = vector["event"]
        names = [field.name for field in BY_EVENT_TYPE[event["eventType"]].fields]
        ordered = {name: event[name] for name in names if event.get(name) is not None}
        ordered |= {name: value for name, value in event.items() if name not in names}
        producer.produce_custom_event(expected["topic"], ordered)
    compare(recording.records[0], expected)


@named(REFUSED)
def test_what_the_service_refuses_is_refused_with_the_same_pointers(vector: dict[str, Any]) -> None:
    event = vector["event"]
    kind = BY_EVENT_TYPE[event["eventType"]]

    def judge() -> None:
        check(kind, event)
        encode(kind.name, event)

    with pytest.raises(InvalidEvent) as refused:
        judge()
    found = [(error.pointer, error.type) for error in refused.value.errors]
    assert sorted(found) == sorted((error["pointer"], error["type"]) for error in vector["errors"])
    assert all(error.message for error in refused.value.errors)


@named([vector for vector in REFUSED if "/source" not in json.dumps(vector["errors"])])
def test_its_method_refuses_it_and_names_the_argument(vector: dict[str, Any]) -> None:
    event = vector["event"]
    kind = BY_EVENT_TYPE[event["eventType"]]
    wrong = {error["pointer"] for error in vector["errors"]}
    required = {field.attribute: None for field in kind.fields if field.required and field.name != "eventType"}
    del required["source"]
    recording = RecordingTransport()
    with EventProducer(event["source"], transport=recording) as producer, pytest.raises(InvalidEvent) as refused:
        getattr(producer, f"produce_{kind.check.__name__}")(**(required | arguments(event)))
    assert {error.pointer for error in refused.value.errors} == wrong
    top = {field.name: field.attribute for field in kind.fields}
    for error in refused.value.errors:
        found = re.fullmatch(r"/([^/]+)", error.pointer)
        assert found is None or error.field == top.get(found[1], found[1])
    assert not recording.records


@pytest.mark.parametrize("vector", PARTITIONS, ids=lambda vector: vector["key"][:20])
def test_keys_go_where_the_service_puts_them(vector: dict[str, Any]) -> None:
    for partitions, expected in vector["partition"].items():
        assert partition_of(vector["key"].encode(), int(partitions)) == expected
