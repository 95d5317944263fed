"""CloudEvents that producers put onto our topics themselves, as the official SDK writes them and as nobody should."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.cloudevents_on_kafka import mentions, read, translate
from carbon_stream.contracts.codec import decoder
from carbon_stream.contracts.exports import example
from carbon_stream.contracts.invalid import Invalid, Refused

WHEN = 1_790_000_000_000
ENVELOPE = ("eventId", "eventType", "source", "timestamp", "correlationId", "causationId", "version")
BINARY = [("ce_specversion", b"1.0"), ("ce_type", b"DataQualityEvent"), ("ce_source", b"checks"), ("ce_id", b"q-1")]


class Record(NamedTuple):
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def cloud_event(event_type: str, **more: Any) -> CloudEvent:
    data = {name: value for name, value in example(event_type).items() if name not in ENVELOPE}
    if event_type == "DeploymentEvent":
        data["version"] = "2.0.0"  # the deployed one
    attributes = {
        "id": "c-1",
        "source": "svc/a",
        "type": f"com.254carbon.{event_type}",
        "time": datetime.fromtimestamp(WHEN / 1000, UTC),
        "datacontenttype": "application/json",
        **more,
    }
    return CloudEvent(attributes, data)


def record(message: KafkaMessage) -> Record:
    return Record(message.value, list(message.headers.items()))


@pytest.mark.parametrize("event_type", sorted(BY_EVENT_TYPE))
@pytest.mark.parametrize("mode", [to_binary, to_structured])
def test_the_official_sdks_events_of_every_type_are_understood_in_both_modes(event_type: str, mode: Any) -> None:
    one = record(mode(cloud_event(event_type, correlationid="flow-1", tenant="emea"), JSONFormat()))
    topic = BY_EVENT_TYPE[event_type].name
    with pytest.raises(Invalid):
        decoder(topic)(one.value)
    event, text = read(topic, one)
    assert (event.event_id, event.source, event.timestamp) == ("c-1", "svc/a", WHEN)
    assert event.correlation_id == "flow-1"
    kept = orjson.loads(text)["cloudEvent"]
    assert kept == {"type": f"com.254carbon.{event_type}", "extensions": {"correlationid": "flow-1", "tenant": "emea"}}


@pytest.mark.parametrize(
    "headers", [[], BINARY, [("content-type", b"application/json")]], ids=["none", "binary", "json"]
)
def test_the_contracts_own_records_are_left_as_they_are(headers: list[tuple[str, bytes]]) -> None:
    value = orjson.dumps({**example("DataQualityEvent"), "specversion": "1.0"})
    event, text = read("data-quality", Record(value, headers))
    assert text is value
    assert event.event_id == example("DataQualityEvent")["eventId"]


def test_a_value_without_the_marks_of_a_cloud_event_is_left_to_the_decoder() -> None:
    for value in (None, b"", b"\xff", b"{}", b'{"specversion":"1.0"}'):
        assert translate(Record(value, [])) is None
    assert translate(Record(None, BINARY)) is None, "a tombstone says nothing"
    assert translate(Record(b"{}", [("ce_id", b"x")])) is None
    with pytest.raises(Invalid, match="empty"):
        read("data-quality", Record(b"", []))


def test_what_the_data_lacks_of_the_envelope_is_taken_from_the_headers() -> None:
    own = {name: value for name, value in example("DataQualityEvent").items() if name not in ("eventId", "source")}
    event, _ = read("data-quality", Record(orjson.dumps(own), BINARY))
    assert (event.event_id, event.source) == ("q-1", "checks")


def test_header_names_are_taken_in_any_case_and_a_header_without_a_value_as_absent() -> None:
    data = {name: value for name, value in example("DataQualityEvent").items() if name not in ENVELOPE}
    headers: list[Any] = [*((name.upper(), value) for name, value in BINARY), ("ce_tenant", None), ("other", None)]
    event, _ = read("data-quality", Record(orjson.dumps(data), headers))
    assert event.event_id == "q-1"


def test_what_the_data_says_of_other_events_is_not_taken_for_the_envelope() -> None:
    data = {name: value for name, value in example("DataQualityEvent").items() if name not in ENVELOPE}
    value = orjson.dumps({**data, "causes": [{"eventType": "DataIngestionEvent", "eventId": "other"}]})
    assert read("data-quality", Record(value, BINARY))[0].event_id == "q-1"


def test_a_record_mentions_what_its_value_or_a_header_says() -> None:
    one = Record('{"user":"Zoë \\"Z\\""}'.encode(), [*BINARY, ("ce_none", None)])  # type: ignore[list-item]
    for word in ("Zoë", 'Z"', "checks", "q-1"):
        assert mentions(one, word, orjson.dumps(word)[1:-1])
    assert not mentions(one, "q-2", b"q-2")


def refusal(value: bytes, headers: Sequence[tuple[str, bytes]]) -> Invalid:
    with pytest.raises(Invalid) as refused:
        translate(Record(value, headers))
    return refused.value


STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]


@pytest.mark.parametrize(
    ("value", "headers", "pointer", "words"),
    [
        (b'{"eventId":"other"}', BINARY, "/id", "the attribute says 'q-1'"),
        (b"{}", [*BINARY[:3], ("ce_id", b"\xff")], "/id", "UTF-8"),
        (b"{}", [*BINARY, ("ce_id", b"q-2")], "/id", "twice"),
        (b"{}", BINARY[:3], "/id", "required"),
        (b"{}", [*BINARY[2:], ("ce_specversion", b"0.3"), ("ce_type", b"DataQualityEvent")], "/specversion", "1.0"),
        (b"{}", [*BINARY[2:], ("ce_specversion", b"1.0"), ("ce_type", b"Nothing")], "/type", "none of the event types"),
        (b"not json", BINARY, "", "JSON"),
        (b"{", STRUCTURED, "", "JSON"),
        (b'{"specversion":"1.0","id":"1","type":"DataQualityEvent"}', STRUCTURED, "/source", "required"),
        (b'{"specversion":"1.0","data":1,"id":"1","type":"x","source":"y"}', STRUCTURED, "/data", "an object"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(value: bytes, headers: list[tuple[str, bytes]], pointer: str, words: str) -> None:
    error = refusal(value, headers)
    assert error.errors[0].pointer == pointer
    assert words in error.errors[0].message


def test_a_refusal_names_the_event_where_it_can() -> None:
    error = refusal(b'{"eventId":"other"}', BINARY)
    assert isinstance(error, Refused)
    assert error.event_id == "q-1"
