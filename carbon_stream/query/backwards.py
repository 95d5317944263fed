"""Reading topics backwards: newest first over many partitions, a bounded piece at a time, to be gone on with exactly.

Kafka reads forwards only, so each partition is read in blocks from its end towards its beginning, and the blocks are
merged by the broker's append time, ties by topic, partition and offset. What is left of a partition is its offsets
below `Tail.rest`: these are all that a cursor has to hold, and records that arrive later are above them.

Append times rise with the offset. Where they do not (a leader changed to a broker whose clock is behind) a record
counts as no younger than those above it, so the order stays one that a cursor can go on with.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

BLOCK_BYTES_MAX = 1 << 20
"""What is held of one partition at a time, one record at least."""
_BLOCK_MAX = 4_096
_BLOCK_LEAST = 16
_POLL_RECORDS_MAX = 500
_POLL_MS = 100


class Record(Protocol):
    """What is used of aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


Accept = Callable[[Record], bool]


class TookTooLong(Exception):
    """The broker gave nothing in the time there was."""


@dataclass(slots=True)
class Tail:
    """What is left to read of a partition: offsets from `low` to below `rest`."""

    partition: TopicPartition
    low: int
    high: int
    """Records from here on have been read; those that were accepted and not taken yet are in `held`."""
    block: int
    """Records to read at once, next time."""
    youngest: float = inf
    """No record that is left was appended after this (ms)."""
    held: deque[tuple[float, Record]] = field(default_factory=deque)
    """(time that orders it, record), oldest first."""

    @property
    def rest(self) -> int:
        """Everything below this offset is still to be given out."""
        return self.held[-1][1].offset + 1 if self.held else self.high

    @property
    def is_exhausted(self) -> bool:
        return not self.held and self.high <= self.low

    @property
    def next_time(self) -> float:
        """When the next record to be given out was appended, at the latest."""
        return self.held[-1][0] if self.held else self.youngest

    def place(self) -> tuple[float, bool, str, int]:
        """Sorts tails by what comes first; of the same time, one that has to be read before one that holds a record."""
        return (-self.next_time, bool(self.held), self.partition.topic, self.partition.partition)


class Backwards:
    """One scan. `records_max` and `until` (monotonic seconds) bound it; `scanned` counts what was read."""

    def __init__(
        self, consumer: AIOKafkaConsumer, tails: Sequence[Tail], accept: Accept, *, records_max: int, until: float
    ) -> None:
        self.scanned = 0
        self.tails = tails
        self._consumer, self._accept = consumer, accept
        self._records_max, self._until = records_max, until

    def assign(self) -> None:
        """Take the partitions to read; nothing is read of them yet."""
        partitions = [tail.partition for tail in self.tails]
        if partitions:
            self._consumer.assign(partitions)
            for tail in self.tails:
                self._consumer.seek(tail.partition, tail.high)
            self._consumer.pause(*partitions)

    async def next(self) -> Record | None:
        """The next accepted record, newest first; None when there is no more, or the bounds are reached."""
        while True:
            first = min((tail for tail in self.tails if not tail.is_exhausted), key=Tail.place, default=None)
            if first is None:
                return None
            if first.held:
                return first.held.pop()[1]
            if self.scanned >= self._records_max or time.monotonic() >= self._until:
                return None
            await self._read(list(self._to_read()))

    def _to_read(self) -> Iterator[Tail]:
        """The tails that may have what comes next: all that hold nothing and are not older than what others hold."""
        held = max((tail.next_time for tail in self.tails if tail.held), default=-inf)
        for tail in self.tails:
            if not tail.held and not tail.is_exhausted and tail.next_time >= held:
                yield tail

    async def _read(self, tails: Sequence[Tail]) -> None:
        """Read a block of each of these tails, which hold nothing; those that were not finished stay as they are."""
        consumer = self._consumer
        fair = max(_BLOCK_LEAST, (self._records_max - self.scanned) // len(tails))
        blocks = {tail.partition: _Block(tail, max(tail.low, tail.high - min(tail.block, fair))) for tail in tails}
        for block in blocks.values():
            consumer.seek(block.tail.partition, block.low)
        consumer.resume(*blocks)
        unfinished = set(blocks)
        try:
            while unfinished and time.monotonic() < self._until:
                polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS_MAX)
                for partition, records in polled.items():
                    if partition in unfinished:
                        self.scanned += blocks[partition].take(records, self._accept)
                for partition in list(unfinished):
                    if await consumer.position(partition) >= blocks[partition].tail.high:
                        consumer.pause(partition)
                        unfinished.discard(partition)
                        blocks[partition].finish()
                await asyncio.sleep(0)  # getmany gives way to no one while it has records
        finally:
            consumer.pause(*unfinished)
        if len(unfinished) == len(blocks):
            raise TookTooLong


class _Block:
    """A block of one partition while it is read, forwards."""

    def __init__(self, tail: Tail, low: int) -> None:
        self.tail, self.low = tail, low
        self._kept: deque[Record] = deque()
        self._bytes = 0
        self._read = 0
        self._read_bytes = 0
        self._oldest: int | None = None

    def take(self, records: Sequence[Record], accept: Accept) -> int:
        """Keep those that are accepted, as many of the newest as there is room for. Returns how many were looked at."""
        ours = [record for record in records if record.offset < self.tail.high]
        if ours and self._oldest is None:
            self._oldest = ours[0].timestamp
        for record in ours:
            size = len(record.value or b"")
            self._read_bytes += size
            if not accept(record):
                continue
            self._kept.append(record)
            self._bytes += size
            while self._bytes > BLOCK_BYTES_MAX and len(self._kept) > 1:
                dropped = self._kept.popleft()  # to be read again with the next block
                self._bytes -= len(dropped.value or b"")
                self.low, self._oldest = dropped.offset + 1, dropped.timestamp
        self._read += len(ours)
        return len(ours)

    def finish(self) -> None:
        """The tail holds what was kept, and goes on below the block."""
        tail = self.tail
        youngest = tail.youngest
        for record in reversed(self._kept):
            youngest = min(youngest, record.timestamp)
            tail.held.appendleft((youngest, record))
        tail.high = self.low
        if self._oldest is not None:
            tail.youngest = min(youngest, self._oldest)
        if len(self._kept) * 2 < tail.block:
            tail.block *= 4
        room = BLOCK_BYTES_MAX * 4 * self._read // max(1, self._read_bytes) if self._read else _BLOCK_MAX
        tail.block = max(1, min(tail.block, room, _BLOCK_MAX))
