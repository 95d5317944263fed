"""The audit events themselves, read back from their topics, newest first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from carbon_stream.contracts.cloudevents_on_kafka import read
from carbon_stream.query.audit_search import Rests, Search, acceptor, decode_cursor, encode_cursor
from carbon_stream.query.backwards import Backwards, Record, Tail, TookTooLong
from carbon_stream.query.consumer_pool import ConsumerPool
from carbon_stream.streaming.clock import AHEAD_MS_MAX

LATE_MS = 86_400_000
"""Of a search with an end, what arrived later than this after it is looked at last, if there is much to look at."""
SCANNED_MAX = 50_000
"""Records that are looked at for one page."""
PAGE_BYTES_MAX = 16 << 20
_PAGE_S_MAX = 4.0
_ANSWER_S_MAX = 10.0


class Unavailable(Exception):
    """Kafka cannot be read at the moment."""


@dataclass(frozen=True, slots=True)
class Page:
    """Events as they stand on their topics, with topic, partition and offset; newest first by their arrival."""

    events: list[dict[str, Any]]
    next: str | None
    """The cursor of the following page; None when there is no more."""
    scanned: int
    skipped: int
    """Records that looked like they were asked for, and that no one can decode."""


class AuditEvents:
    """Searches the audit topics. `kafka` are an aiokafka client's settings; `scans` may run at once.

    `hide` takes out of each event what is not to be shown.
    """

    def __init__(
        self, kafka: Mapping[str, Any], *, scans: int = 4, hide: Callable[[dict[str, Any]], object] = lambda _: None
    ) -> None:
        self._pool = ConsumerPool(kafka, scans)
        self._hide = hide

    async def close(self) -> None:
        """Let go of the consumers."""
        await self._pool.close()

    async def page(self, search: Search, limit: int, cursor: str | None) -> Page:
        """The next `limit` events of a search, fewer where the bounds on work are reached first.

        Events are in the order of their arrival at the broker, ties by topic, partition and offset. Where there is more
        to look at than fits on a page and the search has an end, the events that arrived `LATE_MS` after that end come
        after all others: so most are found at once, and none is missed. A repeat of an event (same source and eventId)
        on the same page is left out. Raises Unavailable, Busy, and ProblemError for a cursor that is none.
        """
        done = None if cursor is None else decode_cursor(search, cursor)
        try:
            async with asyncio.timeout(_ANSWER_S_MAX), self._pool.consumer() as consumer:
                ranges = await _ranges(consumer, search, await self._pool.partitions(search.topics))
                parts = _parts(ranges, done, limit)
                return await _Reading(consumer, search, limit, self._hide).page(parts)
        except (KafkaError, OSError, TimeoutError, TookTooLong) as error:
            raise Unavailable(f"Kafka could not be read: {error or type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class _Range:
    """Offsets of a partition where the events may be: from `low` to below `high`, the late ones from `late` on."""

    low: int
    late: int
    high: int


async def _ranges(
    consumer: AIOKafkaConsumer, search: Search, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, _Range]:
    """An event may be ahead of its arrival by a little (else it counts at its arrival), and late by any time."""
    if not partitions:
        return {}
    lows = await consumer.beginning_offsets(list(partitions))
    highs = await consumer.end_offsets(list(partitions))
    begins = dict(lows)
    lates = dict(highs)
    if search.start is not None:
        begins = await _first_since(consumer, search.start - AHEAD_MS_MAX, highs)
    if search.end is not None:
        lates = await _first_since(consumer, search.end + LATE_MS, highs)
    return {
        partition: _Range(max(lows[partition], begins[partition]), lates[partition], highs[partition])
        for partition in sorted(partitions)
    }


async def _first_since(
    consumer: AIOKafkaConsumer, since_ms: int, highs: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """By partition: the first offset that was appended at or after a time, the end if there is none."""
    found = await consumer.offsets_for_times(dict.fromkeys(highs, max(0, since_ms)))
    return {
        partition: high if found[partition] is None else min(high, found[partition].offset)
        for partition, high in highs.items()
    }


def _parts(
    ranges: Mapping[TopicPartition, _Range], done: Sequence[Rests] | None, limit: int
) -> tuple[list[Tail], list[Tail]]:
    """What is left to read: first and, if it is set apart, last."""
    block = max(8, 2 * limit // max(1, len(ranges)))
    is_split = sum(range_.high - range_.low for range_ in ranges.values()) > SCANNED_MAX
    if done is None:
        early = {partition: range_.late if is_split else range_.high for partition, range_ in ranges.items()}
        late = {partition: range_.high for partition, range_ in ranges.items() if is_split}
    else:  # a partition that is not in the cursor has been read to its end, or is younger than the search
        early, late = (dict(part) for part in done)
    return (
        [Tail(p, r.low, min(r.high, early[p]), block) for p, r in ranges.items() if p in early],
        [Tail(p, max(r.low, r.late), min(r.high, late[p]), block) for p, r in ranges.items() if p in late],
    )


class _Reading:
    """One page while it is read."""

    def __init__(
        self, consumer: AIOKafkaConsumer, search: Search, limit: int, hide: Callable[[dict[str, Any]], object]
    ) -> None:
        self._consumer, self._search, self._limit, self._hide = consumer, search, limit, hide
        self._events: list[dict[str, Any]] = []
        self._bytes = self._scanned = self._skipped = 0
        self._seen: set[tuple[str, str]] = set()
        self._until = time.monotonic() + _PAGE_S_MAX

    async def page(self, parts: Sequence[list[Tail]]) -> Page:
        """Read one part after the other until the page is full or the bounds on work are reached."""
        for tails in parts:
            if not self._is_full() and not all(tail.is_exhausted for tail in tails):
                await self._read(tails)
            if not all(tail.is_exhausted for tail in tails):
                break
        rests = [{tail.partition: tail.rest for tail in tails if not tail.is_exhausted} for tails in parts]
        cursor = encode_cursor(self._search, rests) if any(rests) else None
        return Page(self._events, cursor, self._scanned, self._skipped)

    async def _read(self, tails: Sequence[Tail]) -> None:
        accept = acceptor(self._search, self._count_skipped)
        records_max = max(1, SCANNED_MAX - self._scanned)
        scan = Backwards(self._consumer, tails, accept, records_max=records_max, until=self._until)
        scan.assign()
        try:
            while not self._is_full() and (record := await scan.next()) is not None:
                self._show(record)
        except TookTooLong:
            if not self._events:
                raise
        finally:
            self._scanned += scan.scanned

    def _is_full(self) -> bool:
        return len(self._events) >= self._limit or self._bytes >= PAGE_BYTES_MAX

    def _count_skipped(self) -> None:
        self._skipped += 1

    def _show(self, record: Record) -> None:
        """The event as it stands on the topic, and where that is."""
        try:
            event: dict[str, Any] = orjson.loads(read(record.topic, record)[1])
        except orjson.JSONDecodeError:  # decodable, but nothing that the answer's JSON could say
            self._skipped += 1
            return
        event_id = event.get("eventId")
        if event_id is not None:  # without one it is no repeat of anything
            if (event["source"], event_id) in self._seen:
                return
            self._seen.add((event["source"], event_id))
        self._hide(event)
        self._events.append({**event, "topic": record.topic, "partition": record.partition, "offset": record.offset})
        self._bytes += len(record.value or b"")
