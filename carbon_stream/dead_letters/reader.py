"""Dead letters read back from Kafka, newest first, a bounded piece at a time.

A page is read backwards: for each partition a short window below what has been seen, merged by time. The cursor says
for each partition where the page ended, so paging neither repeats nor misses a letter while new ones arrive.
"""

import asyncio
import heapq
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from carbon_stream.contracts.names import DEAD_LETTERS
from carbon_stream.dead_letters.record import DeadLetter
from carbon_stream.streaming import clients

PAGE_BYTES_MAX: Final = 16 << 20
"""A page ends early once its letters hold so much; there is always at least one."""
SCANNED_MAX: Final = 10_000
"""Letters looked at for one page when a filter leaves most of them out."""
CURSOR_PATTERN: Final = r"^[0-9]{1,6}\.[0-9]{1,18}(_[0-9]{1,6}\.[0-9]{1,18})*$"
"""``partition.offset``, joined by ``_``: of these partitions the page has shown the offset and everything above it."""
CURSOR_CHARS_MAX: Final = 4_000
_WINDOW_BYTES: Final = 2 << 20
_WINDOW_MAX: Final = 500
_FIRST_WINDOW: Final = 8
_FETCH_WAIT_MS: Final = 20
"""A fetch that is waiting at the end of the topic holds up the one that reads back from it."""
_TIMEOUT_S: Final = 15.0


class Unavailable(Exception):
    """Kafka did not give what was asked for in time."""


class BadCursor(ValueError):
    """The cursor is not one that a page gave out."""


@dataclass(frozen=True, slots=True)
class Page:
    """Letters, newest first; ``next`` is the cursor of the following page, or None at the end."""

    letters: tuple[DeadLetter, ...]
    next: str | None
    scanned: int


@dataclass(slots=True)
class _Tail:
    """What is still to be read of one partition: offsets below ``bound``, and letters already here, newest last."""

    partition: int
    begin: int
    bound: int
    fetched_from: int = -1
    window: int = _FIRST_WINDOW
    letters: list[DeadLetter] = field(default_factory=list)

    @property
    def exhausted(self) -> bool:
        return not self.letters and self.bound <= self.begin

    def next_range(self) -> tuple[int, int]:
        return max(self.begin, self.bound - self.window), self.bound

    def take_in(self, start: int, letters: list[DeadLetter]) -> None:
        self.fetched_from, self.letters = start, letters
        if not letters:
            self.bound = start
            self.window = min(self.window * 4, _WINDOW_MAX)
            return
        mean = max(1, sum(letter.size for letter in letters) // len(letters))
        self.window = max(1, min(_WINDOW_BYTES // mean, _WINDOW_MAX))

    def pop(self) -> DeadLetter:
        letter = self.letters.pop()
        self.bound = letter.offset if self.letters else self.fetched_from
        return letter


class DeadLetterReader:
    """Reads the dead-letter topic with a consumer of its own for each call; ``calls`` of them at once at most."""

    def __init__(self, kafka: Mapping[str, Any], *, topic: str = DEAD_LETTERS, calls: int = 2) -> None:
        self._kafka = dict(kafka)
        self._topic = topic
        self._gate = asyncio.Semaphore(calls)

    async def page(
        self, limit: int, cursor: str | None = None, accept: Callable[[DeadLetter], bool] | None = None
    ) -> Page:
        """The newest letters that ``accept`` takes, ``limit`` at most. Raises BadCursor, Unavailable."""
        bounds = None if cursor is None else _decode_cursor(cursor)
        async with self._consumer() as (consumer, partitions):
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
            tails = []
            for tp in partitions:
                bound = ends[tp] if bounds is None else min(ends[tp], bounds.get(tp.partition, 0))
                tails.append(_Tail(tp.partition, begins[tp], bound))
            return await self._read_page(consumer, tails, limit, accept or _accept_all)

    async def fetch(self, places: list[tuple[int, int]]) -> dict[tuple[int, int], DeadLetter]:
        """The letters at these (partition, offset) places; one that is not there (any more) is left out."""
        found: dict[tuple[int, int], DeadLetter] = {}
        async with self._consumer() as (consumer, partitions):
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
            for partition, offset in places:
                tp = TopicPartition(self._topic, partition)
                if tp in ends and begins[tp] <= offset < ends[tp]:
                    for letter in await self._read_range(consumer, tp, offset, offset + 1):
                        found[partition, offset] = letter
        return found

    async def _read_page(
        self, consumer: AIOKafkaConsumer, tails: list[_Tail], limit: int, accept: Callable[[DeadLetter], bool]
    ) -> Page:
        heap: list[tuple[int, int, _Tail]] = []
        for tail in tails:
            await self._push(consumer, heap, tail)
        taken: list[DeadLetter] = []
        held = scanned = 0
        while heap and len(taken) < limit and scanned < SCANNED_MAX:
            _, _, tail = heap[0]
            candidate = tail.letters[-1]
            wanted = accept(candidate)
            if wanted and taken and held + candidate.size > PAGE_BYTES_MAX:
                break
            heapq.heappop(heap)
            tail.pop()
            scanned += 1
            if wanted:
                taken.append(candidate)
                held += candidate.size
            await self._push(consumer, heap, tail)
        return Page(tuple(taken), _encode_cursor(tails) if heap else None, scanned)

    async def _push(self, consumer: AIOKafkaConsumer, heap: list[tuple[int, int, _Tail]], tail: _Tail) -> None:
        """Put the partition's newest letter into the running, reading another window where the last is used up."""
        while not tail.letters and not tail.exhausted:
            start, stop = tail.next_range()
            letters = await self._read_range(consumer, TopicPartition(self._topic, tail.partition), start, stop)
            tail.take_in(start, letters)
        if tail.letters:
            heapq.heappush(heap, (-tail.letters[-1].at, tail.partition, tail))

    async def _read_range(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, stop: int
    ) -> list[DeadLetter]:
        """Letters at offsets from ``start`` to before ``stop``; aborted records and markers are passed over."""
        consumer.seek(tp, start)
        letters: list[DeadLetter] = []
        until = time.monotonic() + _TIMEOUT_S
        while await consumer.position(tp) < stop:
            if time.monotonic() > until:
                raise Unavailable(f"{tp.topic}-{tp.partition} gave nothing for {_TIMEOUT_S:g} s")
            records = (await consumer.getmany(tp, timeout_ms=500)).get(tp, [])
            letters += [_letter(record) for record in records if record.offset < stop]
        return letters

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
        async with self._gate:
            # Without a group a subscription is given every partition, at its end; each read seeks for itself.
            consumer = AIOKafkaConsumer(
                self._topic,
                **self._kafka,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="latest",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                isolation_level="read_committed",
            )
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await consumer.start()
                yield consumer, sorted(consumer.assignment())
            except (KafkaError, TimeoutError) as error:
                raise Unavailable(f"Kafka could not be read: {error or type(error).__name__}") from error
            finally:
                await clients.stop(consumer)


def _accept_all(_: DeadLetter) -> bool:
    return True


def _letter(record: Any) -> DeadLetter:
    return DeadLetter.from_record(
        record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
    )


def _encode_cursor(tails: list[_Tail]) -> str:
    return "_".join(f"{tail.partition}.{tail.bound}" for tail in tails if not tail.exhausted)


def _decode_cursor(cursor: str) -> dict[int, int]:
    if len(cursor) > CURSOR_CHARS_MAX or not re.fullmatch(CURSOR_PATTERN, cursor):
        raise BadCursor("the cursor is not one that an earlier page gave")
    parts = (part.split(".") for part in cursor.split("_"))
    return {int(partition): int(bound) for partition, bound in parts}
