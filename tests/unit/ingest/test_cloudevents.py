"""CloudEvents over HTTP in all three modes, with the official SDK as the client where it speaks the mode."""

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

OpenDoor = Callable[..., Awaitable[Any]]
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
DATA = {
    "checkType": "not-null",
    "checkName": "price",
    "result": "PASS",
    "score": 1,
    "failedRecords": 0,
    "totalRecords": 10,
}


def written(**attributes: Any) -> dict[str, Any]:
    """A CloudEvent as JSON; None takes an attribute away."""
    event = {
        "specversion": "1.0",
        "id": "ce-1",
        "source": "/checks/prices",
        "type": "com.254carbon.DataQualityEvent",
        "subject": "prices",
        "time": "2026-11-24T04:30:00.123456+01:00",
        "data": DATA,
        **attributes,
    }
    return {name: value for name, value in event.items() if value is not None}


def sdk_event(**more: Any) -> CloudEvent:
    attributes = {
        "id": "sdk-1",
        "source": "/checks/prices",
        "type": "com.254carbon.DataQualityEvent",
        "specversion": "1.0",
        "time": datetime(2026, 11, 24, 3, 30, 0, 250_000, tzinfo=UTC),
        "subject": "prices",
        "datacontenttype": "application/json",
        "traceparent": TRACE,
        "region": "Zürich 100%",
        **more,
    }
    return CloudEvent(attributes, DATA)


def check_sdk_event(door: Any, status: int, answer: Any) -> None:
    assert (status, answer["receipts"][0]["eventId"]) == (202, "sdk-1")
    record = door.publisher.taken[0]
    event = orjson.loads(record.value)
    assert {name: event[name] for name in DATA} == DATA
    assert (event["eventType"], event["source"], event["datasetName"]) == (
        "DataQualityEvent", "/checks/prices", "prices"
    )  # fmt: skip
    assert event["timestamp"] == 1_795_491_000_250
    assert event["cloudEvent"] == {
        "subject": "prices",
        "type": "com.254carbon.DataQualityEvent",
        "extensions": {"traceparent": TRACE, "region": "Zürich 100%"},
    }
    assert event["context"]["traceId"] == event["correlationId"] == TRACE.split("-")[1]
    assert (record.topic, record.key) == ("data-quality", b"prices")
    headers = dict(record.headers)
    assert headers["ce_region"].decode() == "Zürich 100%"
    assert (headers["ce_subject"], headers["traceparent"]) == (b"prices", TRACE.encode())
    assert [name for name, _ in record.headers if name == "ce_type"] == ["ce_type"]


async def test_binary_mode_from_the_sdk(open_door: OpenDoor) -> None:
    door = await open_door()
    message = to_binary_event(sdk_event())
    status, answer, _ = await door.post(message.body, **dict(message.headers))
    check_sdk_event(door, status, answer)


async def test_structured_mode_from_the_sdk(open_door: OpenDoor) -> None:
    door = await open_door()
    message = to_structured(sdk_event(), JSONFormat())
    status, answer, _ = await door.post(message.body, **dict(message.headers))
    check_sdk_event(door, status, answer)


async def test_batch_mode_of_events_that_the_sdk_wrote(open_door: OpenDoor) -> None:
    door = await open_door()
    events = [JSONFormat().write(sdk_event(id=f"b-{n}")) for n in range(30)]
    body = b"[" + b",".join(map(bytes, events)) + b"]"
    status, answer, _ = await door.post(body, Content_Type=BATCH + "; charset=utf-8")
    assert (status, [receipt["eventId"] for receipt in answer["receipts"]]) == (202, [f"b-{n}" for n in range(30)])


async def test_the_plain_type_and_an_envelope_in_the_data_that_agrees(open_door: OpenDoor) -> None:
    door = await open_door()
    data = {**DATA, "eventId": "ce-1", "source": "my checks", "datasetName": "other", "timestamp": None}
    event = written(type="DataQualityEvent", source="my%20checks", data=data, causationid="c", correlationid="r", n=7.0)
    status, _, _ = await door.post(orjson.dumps(event), Content_Type=STRUCTURED)
    assert status == 202
    taken = orjson.loads(door.publisher.taken[0].value)
    assert (taken["source"], taken["datasetName"], taken["timestamp"]) == ("my checks", "other", 1_795_491_000_123)
    assert (taken["causationId"], taken["correlationId"]) == ("c", "r")
    assert taken["cloudEvent"]["time"] == event["time"]
    assert taken["cloudEvent"]["extensions"]["n"] == 7
    assert dict(door.publisher.taken[0].headers)["ce_n"] == b"7"
    assert taken["cloudEvent"]["subject"] == "prices"


async def test_data_base64(open_door: OpenDoor) -> None:
    door = await open_door()
    good = written(data=None, data_base64=base64.b64encode(orjson.dumps(DATA)).decode())
    assert (await door.post(orjson.dumps(good), Content_Type=STRUCTURED))[0] == 202
    for wrong in ("***", base64.b64encode(b"no JSON").decode(), 5, base64.b64encode(b"[1]").decode()):
        status, answer, _ = await door.post(orjson.dumps({**good, "data_base64": wrong}), Content_Type=STRUCTURED)
        assert (status, answer["receipts"][0]["errors"][0]["pointer"]) == (422, "/data_base64")
    both = {**good, "data": DATA}
    status, answer, _ = await door.post(orjson.dumps(both), Content_Type=STRUCTURED)
    assert (status, answer["receipts"][0]["errors"][0]["type"]) == (422, "conflict")


async def test_an_event_without_data_may_say_all_by_its_attributes(open_door: OpenDoor) -> None:
    door = await open_door()
    attributes = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "s", "ce_type": "x.DataTransformationEvent"}
    status, _, _ = await door.post(b"", **attributes, ce_subject="nightly")
    assert (status, door.publisher.taken[0].key) == (202, b"nightly")


@pytest.mark.parametrize(
    ("change", "pointer", "kind"),
    [
        ({"specversion": None}, "/specversion", "missing"),
        ({"specversion": "0.3"}, "/specversion", "specversion"),
        ({"id": None}, "/id", "missing"),
        ({"id": ""}, "/id", "empty"),
        ({"id": 7}, "/id", "type"),
        ({"id": "x" * 300}, "/id", "too-long"),
        ({"source": None}, "/source", "missing"),
        ({"source": "x" * 1_500}, "/source", "too-long"),
        ({"type": None}, "/type", "missing"),
        ({"type": "com.254carbon.Nonsense"}, "/type", "unknown-type"),
        ({"time": "yesterday"}, "/time", "time"),
        ({"time": "2026-11-24T04:30:00"}, "/time", "time"),
        ({"time": "2026-13-24T04:30:00Z"}, "/time", "time"),
        ({"time": "1969-01-01T00:00:00Z"}, "/time", "timestamp"),
        ({"subject": ""}, "/subject", "empty"),
        ({"subject": None}, "/data/datasetName", "missing"),
        ({"dataschema": "urn:carbon-stream:event:AuditAPICallEvent"}, "/dataschema", "conflict"),
        ({"datacontenttype": "text/plain"}, "/datacontenttype", "content"),
        ({"datacontenttype": "application/json; charset=utf-16"}, "/datacontenttype", "content"),
        ({"data": "text"}, "/data", "type"),
        ({"data": {**DATA, "score": 2}}, "/data/score", "range"),
        ({"data": {**DATA, "timestamp": 5}, "time": None}, "/data/timestamp", "timestamp"),
        ({"data": {**DATA, "eventId": "other"}}, "/id", "conflict"),
        ({"data": {**DATA, "eventType": "AuditAPICallEvent"}}, "/type", "conflict"),
        ({"traceparent": "00-nonsense"}, "/traceparent", "traceparent"),
        ({"Region": "x"}, "/Region", "name"),
        ({"region": {"a": 1}}, "/region", "type"),
        ({"region": 2**31}, "/region", "type"),
        ({"region": 1.5}, "/region", "type"),
        ({"region": "x" * 17_000}, "", "too-long"),
    ],
)
async def test_what_is_wrong_is_pointed_at(
    open_door: OpenDoor, change: dict[str, Any], pointer: str, kind: str
) -> None:
    door = await open_door()
    event = written(**change)
    status, answer, _ = await door.post(orjson.dumps(event), Content_Type=STRUCTURED)
    assert status == 422
    error = answer["receipts"][0]["errors"][0]
    assert (error["pointer"], error["type"]) == (pointer, kind)
    if isinstance(event.get("id"), str) and 0 < len(event["id"]) <= 256:
        assert answer["receipts"][0]["eventId"] == event["id"]
    assert door.publisher.taken == []


async def test_all_attributes_that_are_missing_are_told_at_once(open_door: OpenDoor) -> None:
    door = await open_door()
    status, answer, _ = await door.post(b"{}", Content_Type=STRUCTURED)
    pointers = [error["pointer"] for error in answer["receipts"][0]["errors"]]
    assert (status, pointers) == (422, ["/specversion", "/id", "/source", "/type"])
    status, answer, _ = await door.post(orjson.dumps(DATA), ce_id="x")
    assert [error["pointer"] for error in answer["receipts"][0]["errors"]] == ["/specversion", "/source", "/type"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {"Content_Type": STRUCTURED}, 400),
        (b"", {"Content_Type": STRUCTURED}, 400),
        (b"[{}]", {"Content_Type": STRUCTURED}, 422),
        (b"{}", {"Content_Type": BATCH}, 400),
        (b"[", {"Content_Type": BATCH}, 400),
        (b"[]", {"Content_Type": BATCH}, 422),
        (b"{", {"ce_id": "1"}, 400),
        (b"[1]", {"ce_id": "1"}, 422),
        (b"{}", {"ce_id": "1", "Content_Type": "application/x-ndjson"}, 415),
        (b"{}", {"ce_id": "1", "Content_Type": "text/plain"}, 415),
        (b"{}", {"Content_Type": "application/cloudevents+avro"}, 415),
        (b"{}", {"Content_Type": "application/cloudevents"}, 415),
    ],
)
async def test_bodies_that_are_no_events(
    open_door: OpenDoor, body: bytes, headers: dict[str, str], status: int
) -> None:
    door = await open_door()
    assert (await door.post(body, **headers))[0] == status
    assert door.publisher.taken == []


async def test_a_repeated_header_is_refused_and_a_quoted_one_read(open_door: OpenDoor) -> None:
    door = await open_door()
    head = (
        'POST /v1/events HTTP/1.1\r\nHost: x\r\nce-specversion: 1.0\r\nce-id: "a \\"b\\""\r\nce-source: s\r\n'
        "ce-type: DataTransformationEvent\r\nce-subject: one\r\nContent-Length: 0\r\n"
    )  # fmt: skip
    assert (await door.raw(f"{head}\r\n".encode())).startswith(b"HTTP/1.1 202")
    assert orjson.loads(door.publisher.taken[0].value)["eventId"] == 'a "b"'
    assert (await door.raw(f"{head}ce-id: other\r\n\r\n".encode())).startswith(b"HTTP/1.1 422")


@pytest.mark.parametrize("prefer", ["handling=strict", 'respond-async, Handling="strict"; x=1, handling=lenient'])
async def test_strict_takes_a_batch_as_a_whole_or_not_at_all(open_door: OpenDoor, prefer: str) -> None:
    door = await open_door()
    events = [written(id=str(n)) for n in range(1_100)]
    events[700] = written(id="bad", type="Nonsense")
    status, answer, headers = await door.post(orjson.dumps(events), Content_Type=BATCH, Prefer=prefer)
    assert (status, headers["Preference-Applied"], door.publisher.taken) == (422, "handling=strict", [])
    assert (answer["accepted"], answer["rejected"], len(answer["receipts"])) == (0, 1_100, 1_100)
    assert answer["receipts"][700]["errors"][0]["type"] == "unknown-type"
    assert {receipt["errors"][0]["type"] for receipt in answer["receipts"][:700]} == {"not-taken"}
    assert "event 700" in answer["receipts"][0]["errors"][0]["message"]
    assert not any(receipt["retriable"] for receipt in answer["receipts"])
    assert door.recorder.answers[-1][1] == {"not-taken": 1_099, "unknown-type": 1}
    del events[700]
    status, answer, headers = await door.post(orjson.dumps(events), Content_Type=BATCH, Prefer=prefer)
    assert (status, answer["accepted"], headers["Preference-Applied"]) == (202, 1_099, "handling=strict")


@pytest.mark.parametrize(
    "prefer", ["handling=lenient, handling=strict", "strict", "handling", "return=minimal", ",;=,"]
)
async def test_other_preferences_change_nothing(open_door: OpenDoor, prefer: str) -> None:
    door = await open_door()
    events = orjson.dumps([written(), {}])
    status, answer, headers = await door.post(events, Content_Type=BATCH, Prefer=prefer)
    assert (status, answer["accepted"], "Preference-Applied" in headers) == (202, 1, False)


async def test_strict_holds_for_native_batches_too(open_door: OpenDoor, event: Callable[..., dict[str, Any]]) -> None:
    door = await open_door()
    lines = orjson.dumps(event()) + b"\n{}\n"
    headers = {"Content_Type": "application/x-ndjson", "Prefer": "handling=strict"}
    assert (await door.post(lines, **headers))[0] == 422
    assert door.publisher.taken == []
