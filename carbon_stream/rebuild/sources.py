"""What the topics of one stage partition still hold, and reading it up to a position."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

POLL_MS = 500
POLL_RECORDS_MAX = 10_000
STALLED_S_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Source:
    """A source partition: its first offset, where it ends, and the append time (ms) of its first record.

    `first_at` is None if no record is left, and where nothing was ever lost it is not asked for.
    """

    partition: TopicPartition
    begin: int
    end: int
    first_at: int | None = None


async def sources(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> list[Source]:
    """What each partition holds now, with the time of the first record of those that do not begin with offset 0."""
    consumer.assign(partitions)
    begins, ends = await bounds(consumer, partitions)
    for tp in partitions:
        consumer.seek(tp, begins[tp])
    cut = {tp: ends[tp] for tp in partitions if 0 < begins[tp] < ends[tp]}
    first: dict[TopicPartition, int] = {}
    async for records in read(consumer, cut):
        tp = TopicPartition(records[0].topic, records[0].partition)
        first.setdefault(tp, records[0].timestamp)
        cut.pop(tp, None)
    return [Source(tp, begins[tp], ends[tp], first.get(tp)) for tp in partitions]


async def bounds(
    consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """First offsets and ends."""
    return await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)


async def read(consumer: AIOKafkaConsumer, until: dict[TopicPartition, int]) -> AsyncIterator[list[Any]]:
    """Committed records from where the consumer stands to before these offsets, some of one partition at a time.

    Partitions may be taken out of `until` meanwhile. Raises TimeoutError when nothing moves, and KafkaError.
    """
    deadline = time.monotonic() + STALLED_S_MAX
    before: dict[TopicPartition, int] = {}
    while waiting := [tp for tp in list(until) if await consumer.position(tp) < until[tp]]:
        polled = await consumer.getmany(*waiting, timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
        for tp, records in polled.items():
            if wanted := [record for record in records if record.offset < until.get(tp, 0)]:
                yield wanted
        positions = {tp: await consumer.position(tp) for tp in waiting}
        if positions != before:
            before, deadline = positions, time.monotonic() + STALLED_S_MAX
        elif time.monotonic() > deadline:
            raise TimeoutError(f"{waiting[0].topic}/{waiting[0].partition} gave nothing for {STALLED_S_MAX:.0f} s")
