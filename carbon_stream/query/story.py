"""GET /v1/events/story: an event with all that belongs to it, on whichever topics that is.

What belongs to it: events of its flow (correlationId), what it was caused by, and what it caused (causationId).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aiohttp import web
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.contracts.cloudevents_on_kafka import mentions, read
from carbon_stream.contracts.invalid import Invalid
from carbon_stream.errors import ProblemError
from carbon_stream.query.answers import ROWS_READ, json_answer
from carbon_stream.query.backwards import Backwards, Record, Tail, TookTooLong
from carbon_stream.query.consumer_pool import Busy, ConsumerPool
from carbon_stream.query.parameters import parameters, refused, text
from carbon_stream.query.times import HOUR_MS, MINUTE_MS, time_ms

EVENTS_MAX = 200
SCANNED_MAX = 60_000
_READ_S_MAX = 5.0
_ANSWER_S_MAX = 10.0
_REACHES_MS = (6 * HOUR_MS, HOUR_MS, 10 * MINUTE_MS, MINUTE_MS, 10_000)
"""Around an event: the longest of these in which there are no more than SCANNED_MAX records, else the shortest."""
_FURTHER_LOOKS_MAX = 3
_BLOCK = 256
_RETRY_S = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """An event is wanted for any of these."""

    ids: frozenset[str]
    flows: frozenset[str]

    def accepts(self, record: Record) -> bool:
        """Most records are passed over by looking at their bytes."""
        raw = record.value or b""
        if b"\\" not in raw and not any(mentions(record, word, word.encode()) for word in self.ids | self.flows):
            return False
        try:
            event = orjson.loads(_text(record))
        except orjson.JSONDecodeError:
            return False
        return isinstance(event, dict) and (
            event.get("eventId") in self.ids
            or event.get("causationId") in self.ids
            or event.get("correlationId") in self.flows
        )

    def and_related(self, events: Collection[Mapping[str, Any]]) -> Wanted:
        """With what the found events were caused by, and the flows of those that were asked for by their ids."""
        causes = {event["causationId"] for event in events if isinstance(event.get("causationId"), str)}
        flows = {
            event["correlationId"]
            for event in events
            if event.get("eventId") in self.ids and isinstance(event.get("correlationId"), str)
        }
        return Wanted(self.ids | causes, self.flows | flows)


@dataclass(frozen=True, slots=True)
class Story:
    """Events by time; `is_whole` unless a bound was reached before all was looked at.

    `reach`: only what was appended so long (ms) before and after the given time was looked at; None: everything.
    """

    events: list[dict[str, Any]]
    scanned: int
    is_whole: bool
    reach: int | None


class Stories:
    """Reads stories from the topics. `kafka` are an aiokafka client's settings.

    `hide` takes out of each event what is not to be shown.
    """

    def __init__(
        self, kafka: Mapping[str, Any], *, scans: int = 2, hide: Callable[[dict[str, Any]], object] = lambda _: None
    ) -> None:
        self._pool, self._hide = ConsumerPool(kafka, scans), hide

    async def close(self) -> None:
        """Let go of the consumers."""
        await self._pool.close()

    async def tell(self, wanted: Wanted, around: int | None) -> Story:
        """Look again as long as what was found leads further. `around`: the time (ms) of an event of the story."""
        until = time.monotonic() + _READ_S_MAX
        async with asyncio.timeout(_ANSWER_S_MAX), self._pool.consumer() as consumer:
            ranges, reach = await _ranges(consumer, await self._pool.partitions(BY_NAME), around)
            story = await _scan(consumer, ranges, wanted, until)
            for _ in range(_FURTHER_LOOKS_MAX):
                further = wanted.and_related(story.events)
                if further == wanted:
                    break
                again = await _scan(consumer, ranges, further, until)
                wanted, story = further, replace(again, scanned=story.scanned + again.scanned)
        for event in story.events:
            self._hide(event)
        return replace(story, reach=reach)


def _text(record: Record) -> bytes:
    """An event as the contract writes it, where it is one; a story has what agents have refused as well."""
    try:
        return read(record.topic, record)[1]
    except Invalid:
        return record.value or b""


_Ranges = dict[TopicPartition, tuple[int, int]]


async def _ranges(
    consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition], around: int | None
) -> tuple[_Ranges, int | None]:
    """Offsets to look at, and how long (ms) before and after `around` they reach: as long as the bound allows."""
    if not partitions:
        return {}, None
    lows, highs = await consumer.beginning_offsets(list(partitions)), await consumer.end_offsets(list(partitions))
    if around is None:
        return {p: (lows[p], highs[p]) for p in sorted(partitions)}, None
    ranges, reach = dict[TopicPartition, tuple[int, int]](), 0
    for reach in _REACHES_MS:
        begins = await consumer.offsets_for_times(dict.fromkeys(partitions, max(0, around - reach)))
        ends = await consumer.offsets_for_times(dict.fromkeys(partitions, max(0, around + reach)))
        ranges = {
            p: (
                max(lows[p], begin.offset) if (begin := begins[p]) else highs[p],
                min(highs[p], end.offset) if (end := ends[p]) else highs[p],
            )
            for p in sorted(partitions)
        }
        if sum(max(0, high - low) for low, high in ranges.values()) <= SCANNED_MAX:
            break
    return ranges, reach


async def _scan(
    consumer: AIOKafkaConsumer, ranges: Mapping[TopicPartition, tuple[int, int]], wanted: Wanted, until: float
) -> Story:
    tails = [Tail(partition, low, high, _BLOCK) for partition, (low, high) in ranges.items()]
    scan = Backwards(consumer, tails, wanted.accepts, records_max=SCANNED_MAX, until=until)
    scan.assign()
    events: list[dict[str, Any]] = []
    while len(events) < EVENTS_MAX and (record := await scan.next()) is not None:
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        events.append({**orjson.loads(_text(record)), **place, "receivedAt": record.timestamp})
    events.sort(key=lambda event: (event["receivedAt"], event["topic"], event["partition"], event["offset"]))
    return Story(events, scan.scanned, all(tail.is_exhausted for tail in tails), None)


STORIES = web.AppKey("stories", Stories)


def routes() -> list[web.RouteDef]:
    """Needs STORIES in the application."""
    return [web.get("/v1/events/story", show_story)]


async def show_story(request: web.Request) -> web.Response:
    """All events of a flow, with what caused them and what they caused, oldest first."""
    given = parameters(request, ("id", "correlationId", "around"))
    asked, flow = text(given, "id"), text(given, "correlationId")
    if asked is None:
        raise refused("id", "is needed: an event's id, or that of a flow")
    wanted = Wanted(frozenset({asked}), frozenset({asked, flow or asked}))
    try:
        story = await request.app[STORIES].tell(wanted, time_ms(given, "around"))
    except Busy:
        raise _again("Too many searches", "other searches for events are running, try again soon") from None
    except (KafkaError, OSError, TimeoutError, TookTooLong) as error:
        raise _again("Events cannot be read", f"Kafka could not be read: {error or type(error).__name__}") from None
    request[ROWS_READ] = len(story.events)
    return json_answer(
        {"events": story.events, "scanned": story.scanned, "complete": story.is_whole, "reachMs": story.reach}
    )


def _again(title: str, detail: str) -> ProblemError:
    return ProblemError(503, title, detail, headers={"Retry-After": str(_RETRY_S)})
