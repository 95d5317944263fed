"""Every status of POST /v1/events, and the receipts that come with it."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

from carbon_stream.ingest.delivery import Failed, Stored

OpenDoor = Callable[..., Awaitable[Any]]
MakeEvent = Callable[..., dict[str, Any]]


async def test_202_one_event(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    status, answer, headers = await door.post(orjson.dumps(event(eventId="e1")))
    assert status == 202
    assert headers["Content-Type"].startswith("application/json")
    receipt = {"eventId": "e1", "status": "accepted", "topic": "data-quality", "partition": 0, "offset": 0}
    assert answer == {"accepted": 1, "rejected": 0, "receipts": [receipt]}


@pytest.mark.parametrize("numbers", ["1", [1], [1, 2]])
async def test_202_where_the_broker_no_longer_knew_the_offset(
    open_door: OpenDoor, event: MakeEvent, numbers: str | list[int]
) -> None:
    door = await open_door()
    door.publisher.outcome = lambda record, number: Stored(3, None)
    events = event(eventId=numbers) if isinstance(numbers, str) else [event(eventId=str(n)) for n in numbers]
    status, answer, _ = await door.post(orjson.dumps(events))
    assert status == 202
    places = [(receipt["partition"], receipt["offset"]) for receipt in answer["receipts"]]
    assert places == [(3, None)] * len(numbers)


async def test_202_a_mixed_batch_answers_in_request_order(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    events = [event(eventId="a"), 5, event(eventId="b", score=2), event(eventId="c"), {"eventType": "Nonsense"}]
    status, answer, _ = await door.post(orjson.dumps(events), Content_Type="application/json; charset=UTF-8")
    assert (status, answer["accepted"], answer["rejected"]) == (202, 2, 3)
    assert [receipt["status"] for receipt in answer["receipts"]] == [
        "accepted", "rejected", "rejected", "accepted", "rejected"
    ]  # fmt: skip
    assert "eventId" not in answer["receipts"][1]
    wrong = answer["receipts"][2]
    assert (wrong["eventId"], wrong["retriable"]) == ("b", False)
    assert [(error["pointer"], error["type"]) for error in wrong["errors"]] == [("/score", "range")]
    assert [record.key for record in door.publisher.taken] == [b"prices", b"prices"]


async def test_202_more_events_than_are_checked_at_a_time(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    events = [event(eventId=str(n)) if n % 7 else {"n": n} for n in range(1_234)]
    status, answer, _ = await door.post(orjson.dumps(events))
    assert status == 202
    assert answer["accepted"] == sum(1 for n in range(1_234) if n % 7)
    for n, receipt in enumerate(answer["receipts"]):
        assert receipt["status"] == ("accepted" if n % 7 else "rejected")
        assert receipt.get("eventId") == (str(n) if n % 7 else None)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"eventType":"DataQualityEvent"}', "application/json"),
        (b"5", "application/json"),
        (b"null", "application/json"),
        (b"[]", "application/json"),
        (b"[1, null, {}]", "application/json"),
        (b'{"a":1}\n\n[1]\n{nonsense\n\xff\xfe', "application/x-ndjson"),
    ],
)
async def test_422_none_valid(open_door: OpenDoor, body: bytes, content_type: str) -> None:
    door = await open_door()
    status, answer, headers = await door.post(body, Content_Type=content_type)
    assert status == 422
    assert headers["Content-Type"] == "application/problem+json"
    assert (answer["status"], answer["accepted"]) == (422, 0)
    assert answer["rejected"] == len(answer["receipts"])
    assert all(receipt["retriable"] is False and receipt["errors"] for receipt in answer["receipts"])
    assert door.publisher.taken == []


async def test_503_tells_which_events_to_send_again(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    door.publisher.outcome = lambda record, n: Stored(3, 7) if n == 0 else Failed(True, "Kafka does not answer")
    events = [event(eventId="a"), {}, event(eventId="b")]
    status, answer, headers = await door.post(orjson.dumps(events))
    assert (status, headers["Retry-After"]) == (503, "5")
    assert headers["Content-Type"] == "application/problem+json"
    assert (answer["accepted"], answer["rejected"]) == (1, 2)
    taken, wrong, again = answer["receipts"]
    assert taken == {"eventId": "a", "status": "accepted", "topic": "data-quality", "partition": 3, "offset": 7}
    assert wrong["retriable"] is False
    assert (again["eventId"], again["retriable"], again["errors"][0]["type"]) == ("b", True, "unavailable")


async def test_422_when_the_broker_refuses_the_record_for_good(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    door.publisher.outcome = lambda record, n: Failed(False, "Kafka did not take it")
    status, answer, _ = await door.post(orjson.dumps(event()))
    assert (status, answer["receipts"][0]["retriable"]) == (422, False)


async def test_503_when_requests_hold_all_the_room(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door(max_pending_bytes=1 << 20)
    door.ingest.room.take(1 << 20)
    status, answer, headers = await door.post(orjson.dumps(event()))
    assert (status, headers["Retry-After"]) == (503, "5")
    assert "receipts" not in answer
    door.ingest.room.give(1 << 20)
    assert (await door.post(orjson.dumps(event())))[0] == 202
    assert door.ingest.room.used == 0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n ",
        b"{",
        b"[{]",
        b'{"a":1} x',
        b"\xff\xfe",
        b'{"a":"\xff"}',
        b'[{"a":"\xff"}]',
        b"[" * 100_000,
        b'[{"a":NaN}]',
        b"\x1f\x8b\x08",
        b"a=1&b=2",
    ],
)
async def test_400_a_body_that_is_not_json_is_refused_as_a_whole(open_door: OpenDoor, body: bytes) -> None:
    door = await open_door()
    status, answer, headers = await door.post(body, Content_Type="application/json")
    assert (status, answer["status"]) == (400, 400), answer
    assert headers["Content-Type"] == "application/problem+json"
    assert "receipts" not in answer
    assert answer["detail"]


async def test_400_nothing_of_an_array_is_taken_when_a_part_is_not_json(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    body = b"[" + orjson.dumps(event()) + b", {tru}]"
    assert (await door.post(body))[0] == 400
    assert door.publisher.taken == []


@pytest.mark.parametrize("body", [b"", b"\n\n \r\n"])
async def test_400_empty_ndjson_has_a_hint(open_door: OpenDoor, body: bytes) -> None:
    door = await open_door()
    status, answer, _ = await door.post(body, Content_Type="application/x-ndjson")
    assert status == 400
    assert "empty" in answer["detail"]
    assert "NDJSON" in answer["detail"]


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/xml", "application/json; charset=latin-1", "application/cloudevents+xml", "a", ";"],
)
async def test_415_media_types(open_door: OpenDoor, event: MakeEvent, content_type: str) -> None:
    door = await open_door()
    status, answer, _ = await door.post(orjson.dumps(event()), Content_Type=content_type)
    assert (status, answer["status"]) == (415, 415)


@pytest.mark.parametrize("content_type", [None, "application/json", "Application/JSON;charset=utf-8"])
async def test_json_media_types(open_door: OpenDoor, event: MakeEvent, content_type: str | None) -> None:
    door = await open_door()
    headers = {} if content_type is None else {"Content_Type": content_type}
    assert (await door.post(orjson.dumps(event()), **headers))[0] == 202


async def test_413_one_event_beyond_its_limit(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    status, answer, _ = await door.post(orjson.dumps(event(more="x" * (1 << 20))))
    assert status == 413
    assert answer["receipts"][0]["errors"][0]["type"] == "too-large"
    padded = orjson.dumps(event())[:-1] + b" " * (1 << 20) + b"}"  # with nothing but its contract's fields
    assert (await door.post(padded))[0] == 413
    assert not door.publisher.taken


async def test_an_event_beyond_its_limit_does_not_refuse_its_neighbours(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    status, answer, _ = await door.post(orjson.dumps([event(), event(more="x" * (1 << 20))]))
    assert (status, answer["accepted"]) == (202, 1)
    assert answer["receipts"][1]["errors"][0]["type"] == "too-large"


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
async def test_413_too_many_events(open_door: OpenDoor, event: MakeEvent, kind: str) -> None:
    door = await open_door(max_batch_events=10)
    between, begin, end = (b",", b"[", b"]") if kind == "application/json" else (b"\n", b"", b"")
    ten = between.join([orjson.dumps(event())] * 10)
    assert (await door.post(begin + ten + end, Content_Type=kind))[0] == 202
    status, answer, _ = await door.post(begin + ten + between + b"1" + end, Content_Type=kind)
    assert status == 413
    assert "10 events" in answer["detail"]


async def test_a_deep_event_is_rejected_alone(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    deep = event(more=orjson.Fragment(b"[" * 40 + b"]" * 40))
    status, answer, _ = await door.post(orjson.dumps([deep, event()]))
    assert (status, answer["receipts"][0]["errors"][0]["type"]) == (202, "too-deep")


async def test_seconds_are_refused_with_a_hint(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    status, answer, _ = await door.post(orjson.dumps(event(timestamp=1_700_000_000)))
    assert status == 422
    assert answer["receipts"][0]["errors"][0]["pointer"] == "/timestamp"
    assert "seconds" in answer["receipts"][0]["errors"][0]["message"]


@pytest.mark.parametrize("timestamp", [1_000_000_000_000, 4_000_000_000_000, 2**62])
async def test_any_time_in_milliseconds_is_taken(open_door: OpenDoor, event: MakeEvent, timestamp: int) -> None:
    door = await open_door()
    assert (await door.post(orjson.dumps(event(timestamp=timestamp))))[0] == 202
    assert orjson.loads(door.publisher.taken[0].value)["timestamp"] == timestamp


async def test_other_methods_are_not_allowed(open_door: OpenDoor) -> None:
    door = await open_door()
    async with door.client.get(f"http://{door.host}:{door.port}/v1/events") as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
