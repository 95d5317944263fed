"""NDJSON that is too long to be held is taken as it arrives; where it breaks off, the answer says what came before."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest

from carbon_stream.ingest.delivery import Failed, Stored

OpenDoor = Callable[..., Awaitable[Any]]
MakeEvent = Callable[..., dict[str, Any]]
NDJSON = "application/x-ndjson"


def lines(event: MakeEvent, count: int, size: int = 1_000) -> bytes:
    return b"".join(orjson.dumps(event(eventId=f"e-{n}", padding="x" * size)) + b"\n" for n in range(count))


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\r\n"])
async def test_every_line_has_its_receipt_in_order(
    open_door: OpenDoor, event: MakeEvent, coding: str, end: bytes
) -> None:
    door = await open_door()
    body = b"\xef\xbb\xbf" + lines(event, 3_000) + b"{nonsense\n\n   \n" + orjson.dumps(event(eventId="last")) + end
    sent = gzip.compress(body, 1) if coding == "gzip" else body
    status, answer, _ = await door.post(sent, Content_Type=NDJSON, Content_Encoding=coding)
    assert (status, answer["accepted"], answer["rejected"]) == (202, 3_001, 1)
    ids = [receipt.get("eventId") for receipt in answer["receipts"]]
    assert ids == [*(f"e-{n}" for n in range(3_000)), None, "last"]
    assert answer["receipts"][3_000]["errors"][0]["type"] == "not-json"
    assert len(door.publisher.taken) == 3_001
    assert door.ingest.room.used == 0


async def test_a_line_beyond_the_limit_is_one_rejected_event_and_is_not_held(
    open_door: OpenDoor, event: MakeEvent
) -> None:
    door = await open_door(max_pending_bytes=8 << 20)
    long = b'{"x": "' + b"x" * (20 << 20) + b'"}\n'
    body = lines(event, 1_100) + long + lines(event, 1)
    status, answer, _ = await door.post(body, Content_Type=NDJSON)
    assert (status, answer["accepted"], answer["rejected"]) == (202, 1_101, 1)
    assert answer["receipts"][1_100]["errors"][0]["type"] == "too-large"


async def test_a_body_that_breaks_off_keeps_what_came_before(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    whole = gzip.compress(lines(event, 6_000), 1)
    status, answer, _ = await door.post(whole[:-8], Content_Type=NDJSON, Content_Encoding="gzip")
    assert status == 400
    assert answer["title"] == "Body not readable"
    assert "the others were not read" in answer["detail"]
    assert answer["accepted"] == len(answer["receipts"]) == len(door.publisher.taken)
    assert 0 < answer["accepted"] <= 6_000
    assert door.ingest.room.used == 0
    assert door.recorder.answers == [({"data-quality": answer["accepted"]}, {}), ({}, {"not-json": 1})]


async def test_more_events_than_allowed_are_413_with_the_receipts_of_the_first(
    open_door: OpenDoor, event: MakeEvent
) -> None:
    door = await open_door(max_batch_events=2_345)
    status, answer, _ = await door.post(lines(event, 4_000), Content_Type=NDJSON)
    assert (status, answer["title"], answer["accepted"]) == (413, "Too many events", 2_345)
    assert len(door.publisher.taken) == 2_345


async def test_a_body_beyond_its_limit_is_413_with_receipts(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door(max_body_bytes=2 << 20)
    status, answer, _ = await door.post(
        gzip.compress(lines(event, 4_000), 1), Content_Type=NDJSON, Content_Encoding="gzip"
    )
    assert (status, answer["title"]) == (413, "Content too large")
    assert answer["accepted"] == len(door.publisher.taken) > 0


async def test_events_that_are_to_be_sent_again_make_it_503(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    door.publisher.outcome = lambda record, number: Failed(True, "away") if number % 1_000 == 7 else Stored(0, number)
    status, answer, headers = await door.post(lines(event, 3_000), Content_Type=NDJSON)
    assert (status, headers["Retry-After"], answer["accepted"], answer["rejected"]) == (503, "5", 2_997, 3)


async def test_strict_takes_all_of_a_long_body_or_nothing(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    body = lines(event, 3_000) + b"{}\n"
    status, answer, _ = await door.post(body, Content_Type=NDJSON, Prefer="handling=strict")
    assert (status, answer["accepted"], answer["rejected"]) == (422, 0, 3_001)
    assert door.publisher.taken == []


async def test_nothing_but_blank_lines_is_an_empty_body(open_door: OpenDoor) -> None:
    door = await open_door()
    status, answer, _ = await door.post(b" \n" * (1 << 20), Content_Type=NDJSON)
    assert (status, answer["title"]) == (400, "Empty body")


async def test_a_sender_that_stops_half_way_is_408_with_receipts(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door(request_timeout_s=0.5)

    async def pieces() -> AsyncIterator[bytes]:
        yield lines(event, 3_000)
        yield b'{"eventType": '
        await asyncio.sleep(30)
        yield b"}"

    url = f"http://{door.host}:{door.port}/v1/events"
    async with door.client.post(url, data=pieces(), headers={"Content-Type": NDJSON}) as answer:
        document = await answer.json(content_type=None)
    assert (answer.status, document["accepted"]) == (408, 3_000)
    assert len(door.publisher.taken) == 3_000


async def test_our_own_slowness_is_not_the_senders(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door(request_timeout_s=0.5)
    submit = door.publisher.submit

    async def slowly(records: Any, **options: Any) -> Any:
        await asyncio.sleep(0.05)
        return await submit(records, **options)

    door.publisher.submit = slowly
    status, answer, _ = await door.post(lines(event, 10_000), Content_Type=NDJSON)
    assert (status, answer["accepted"]) == (202, 10_000)


async def test_a_sender_that_goes_away_half_way_leaves_nothing_behind(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    _, writer = await asyncio.open_connection(door.host, door.port)
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: {NDJSON}\r\nContent-Length: 60000000\r\n\r\n"
    writer.write(head.encode() + lines(event, 3_000))
    await writer.drain()
    async with asyncio.timeout(60):
        while not door.publisher.taken:
            await asyncio.sleep(0.01)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(60):
        while door.ingest.room.used:
            await asyncio.sleep(0.01)
    assert (await door.post(orjson.dumps(event())))[0] == 202
