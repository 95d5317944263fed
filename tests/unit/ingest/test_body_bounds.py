"""Bodies: encodings, sizes, bombs, and senders that are slow or go away."""

import asyncio
import gzip
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

OpenDoor = Callable[..., Awaitable[Any]]
MakeEvent = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "x-gzip", "identity, gzip"])
async def test_gzip(open_door: OpenDoor, event: MakeEvent, coding: str) -> None:
    door = await open_door()
    events = [event(eventId=str(n)) for n in range(1_000)]
    status, answer, _ = await door.post(gzip.compress(orjson.dumps(events)), Content_Encoding=coding)
    assert (status, answer["accepted"]) == (202, 1_000)
    assert door.ingest.room.used == 0


async def test_gzip_in_several_members(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    body = b"".join(gzip.compress(orjson.dumps(event()) + b"\n") for _ in range(50))
    status, answer, _ = await door.post(body, Content_Encoding="gzip", Content_Type="application/x-ndjson")
    assert (status, answer["accepted"]) == (202, 50)


async def test_a_server_that_decompresses_itself_is_understood(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door(auto_decompress=True)
    assert (await door.post(gzip.compress(orjson.dumps(event())), Content_Encoding="gzip"))[0] == 202


@pytest.mark.parametrize("cut", [1, 5, 12, 40, -1, -4, -8])
async def test_truncated_gzip_is_400(open_door: OpenDoor, event: MakeEvent, cut: int) -> None:
    door = await open_door()
    lines = b"".join(orjson.dumps(event()) + b"\n" for _ in range(20))
    status, answer, _ = await door.post(
        gzip.compress(lines)[:cut], Content_Encoding="gzip", Content_Type="application/x-ndjson"
    )
    assert status == 400
    assert "gzip" in answer["detail"]
    assert door.publisher.taken == []


async def test_what_is_not_gzip_is_400(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    body = orjson.dumps(event())
    assert (await door.post(body, Content_Encoding="gzip"))[0] == 400
    assert (await door.post(gzip.compress(body) + b"more", Content_Encoding="gzip"))[0] == 400
    damaged = bytearray(gzip.compress(body))
    damaged[-6] ^= 1
    assert (await door.post(bytes(damaged), Content_Encoding="gzip"))[0] == 400


@pytest.mark.parametrize("coding", ["compress", "lz4", "gzip, gzip", "br, gzip", "nonsense"])
async def test_other_encodings_are_415_and_told_what_is_accepted(open_door: OpenDoor, coding: str) -> None:
    door = await open_door()
    status, answer, headers = await door.post(b"{}", Content_Encoding=coding)
    assert (status, headers["Accept-Encoding"]) == (415, "gzip, deflate, zstd, br, identity")
    assert "gzip" in answer["detail"]
    assert door.publisher.taken == []


async def test_a_bomb_is_413_and_stays_small(open_door: OpenDoor) -> None:
    door = await open_door(max_body_bytes=1 << 20, max_pending_bytes=4 << 20)
    bomb = gzip.compress(b" " * (128 << 20))
    assert len(bomb) < 1 << 20
    status, answer, _ = await door.post(bomb, Content_Encoding="gzip")
    assert (status, answer["status"]) == (413, 413)
    assert door.ingest.room.used == 0


async def test_a_bomb_of_empty_members_is_refused(open_door: OpenDoor) -> None:
    door = await open_door()
    began = time.monotonic()
    assert (await door.post(gzip.compress(b"") * 100_000, Content_Encoding="gzip"))[0] == 400
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("chunked", [False, True])
async def test_413_by_length_and_by_counting(open_door: OpenDoor, chunked: bool) -> None:
    door = await open_door(max_body_bytes=2_000)

    async def pieces() -> Any:
        for _ in range(30):
            yield b" " * 100

    url = f"http://{door.host}:{door.port}/v1/events"
    data = pieces() if chunked else b" " * 3_000
    async with door.client.post(url, data=data, headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 413
    assert door.ingest.room.used == 0


async def test_an_array_of_millions_of_nothings_is_413_without_making_them(open_door: OpenDoor) -> None:
    door = await open_door(max_batch_events=1_000)
    for element in (b"1", b"{}", b'"x"', b"[]"):
        body = b"[" + b",".join([element] * 1_000_000) + b"]"
        assert (await door.post(body))[0] == 413


async def test_a_slow_sender_is_408(open_door: OpenDoor) -> None:
    door = await open_door(request_timeout_s=0.3)
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    began = time.monotonic()
    answer = await asyncio.wait_for(door.raw(head, b"{", b'"a"', b":", pause_s=0.15), 20)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in answer
    assert time.monotonic() - began < 30
    assert door.ingest.room.used == 0


async def test_a_slow_sender_is_408_on_a_connection_that_was_used_before(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door(request_timeout_s=1.0)
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    body = orjson.dumps(event())
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection(door.host, door.port)
        writer.write(head % len(body) + body)
        first = await reader.readuntil(b"\r\n\r\n")
        assert first.startswith(b"HTTP/1.1 202")
        length = int(re.search(rb"content-length: (\d+)", first, re.IGNORECASE)[1])  # type: ignore[index]
        await reader.readexactly(length)
        writer.write(head % 1_000 + b"[")
        answer = asyncio.ensure_future(reader.read())  # to the end: the connection is closed then
        for _ in range(900):
            writer.write(b" ")
            if (await asyncio.wait({answer}, timeout=0.1))[0]:
                break
        assert (await answer).startswith(b"HTTP/1.1 408")
        writer.close()
    assert door.ingest.room.used == 0


async def test_a_sender_that_goes_away_leaves_nothing_behind(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    for _ in range(20):
        _, writer = await asyncio.open_connection(door.host, door.port)
        writer.write(head + b"[" + b" " * 50_000)
        await writer.drain()
        await asyncio.sleep(0.01)
        writer.transport.abort()
    async with asyncio.timeout(30):
        while door.ingest.room.used:
            await asyncio.sleep(0.01)
    assert (await door.post(orjson.dumps(event())))[0] == 202


async def test_broken_chunks_hold_nobody_up(open_door: OpenDoor) -> None:
    door = await open_door(request_timeout_s=0.5)
    head = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    answer = await asyncio.wait_for(door.raw(head + b"5\r\n{", b"zzzzzz\r\n\r\n", pause_s=0.05), 30)
    assert answer[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 408")
    assert door.publisher.taken == []
