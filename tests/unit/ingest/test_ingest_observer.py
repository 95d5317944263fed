"""What ingest tells its observer: one call a request, with every event accounted for."""

import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from carbon_stream.ingest.delivery import Failed, Stored

OpenDoor = Callable[..., Awaitable[Any]]
MakeEvent = Callable[..., dict[str, Any]]


async def test_events_are_counted_by_topic_and_reason(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door()
    door.publisher.outcome = lambda record, n: Stored(0, n) if n < 2 else Failed(True, "down")
    await door.post(orjson.dumps([event(), event(score=3), event(), event(), 1, {"eventType": "Other"}]))
    assert door.recorder.answers == [
        ({"data-quality": 2}, {"invalid": 1, "unavailable": 1, "not-an-object": 1, "unknown-type": 1})
    ]
    assert door.ingest.room.used == 0


async def test_a_body_that_is_refused_counts_once(open_door: OpenDoor, event: MakeEvent) -> None:
    door = await open_door(max_body_bytes=2_000)
    await door.post(b"{nonsense")
    await door.post(b"")
    await door.post(gzip.compress(b" " * 10_000), Content_Encoding="gzip")
    await door.post(b"x", Content_Type="text/plain")
    assert door.recorder.answers == [({}, {"not-json": 1}), ({}, {"not-json": 1}), ({}, {"too-large": 1})]
    assert door.ingest.room.used == 0
