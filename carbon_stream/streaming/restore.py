"""Reading changelogs back: committed rows from where a shard stopped to the end, for many partitions at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from carbon_stream.streaming import clients
from carbon_stream.streaming.rows import Shard

POLL_RECORDS_MAX = 20_000
POLL_MS = 200
FETCH_BYTES_MAX = 4 * 1024 * 1024
STALLED_S_MAX = 60.0
"""A restore that moves nothing for this long fails: its partition is taken over again."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """First offset and end of a source partition, as the broker has them now."""

    begin: int
    end: int


class RestoreStalled(Exception):
    """The changelog could not be read to its end."""


async def restore(
    kafka: Mapping[str, Any],
    shards: Mapping[TopicPartition, Shard],
    sources: Sequence[TopicPartition] = (),
    progress: Callable[[int], None] = lambda _: None,
) -> dict[TopicPartition, Bounds]:
    """Bring each shard up to its changelog partition's end; returns the bounds of `sources`.

    The end is told by position, since the last offset may be a transaction marker that no read returns. Call it after
    fencing: the end is final then. `progress` gets the number of records after each poll.
    """
    consumer = AIOKafkaConsumer(
        **kafka,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES_MAX,
        fetch_max_wait_ms=50,
    )
    await consumer.start()
    try:
        consumer.assign(list(shards))
        begins = await consumer.beginning_offsets(list(shards))
        ends = await consumer.end_offsets(list(shards))
        for tp, shard in shards.items():
            consumer.seek(tp, _start(shard, begins[tp], ends[tp]))
        await _read(consumer, shards, ends, progress)
        return await _bounds(consumer, list(sources))
    finally:
        await clients.stop(consumer)


def _start(shard: Shard, begin: int, end: int) -> int:
    """Where to read on. A position outside the log means that it is another one: everything is read again."""
    if not begin <= shard.position <= end:
        shard.clear()
    return max(shard.position, begin)


async def _read(
    consumer: AIOKafkaConsumer,
    shards: Mapping[TopicPartition, Shard],
    ends: Mapping[TopicPartition, int],
    progress: Callable[[int], None],
) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STALLED_S_MAX
    waiting = {tp for tp in shards if await consumer.position(tp) < ends[tp]}
    while waiting:
        polled = await consumer.getmany(*waiting, timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
        for tp, records in polled.items():
            shards[tp].apply({record.key: record.value for record in records if record.key is not None})
            progress(len(records))
        if polled:
            deadline = loop.time() + STALLED_S_MAX
        elif loop.time() > deadline:
            raise RestoreStalled(f"no progress for {STALLED_S_MAX:.0f} s on {sorted(tp.partition for tp in waiting)}")
        for tp in list(waiting):
            position = await consumer.position(tp)
            shards[tp].position = position
            if position >= ends[tp]:
                waiting.discard(tp)


async def _bounds(consumer: AIOKafkaConsumer, sources: list[TopicPartition]) -> dict[TopicPartition, Bounds]:
    if not sources:
        return {}
    begins, ends = await consumer.beginning_offsets(sources), await consumer.end_offsets(sources)
    return {tp: Bounds(begins[tp], ends[tp]) for tp in sources}


class Restorer:
    """Restores that are asked for within a moment of each other share one consumer: a rebalance hands out many."""

    GATHER_S = 0.02

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        self._kafka = kafka
        self._next: list[tuple[TopicPartition, Shard, list[TopicPartition]]] = []
        self._running: asyncio.Task[dict[TopicPartition, Bounds]] | None = None

    async def bring_up(
        self, changelog: TopicPartition, shard: Shard, sources: list[TopicPartition]
    ) -> dict[TopicPartition, Bounds]:
        """Bring one shard up to its changelog's end; the bounds of its source partitions are returned."""
        if not self._next:
            self._running = asyncio.create_task(self._gather())
        self._next.append((changelog, shard, sources))
        running = self._running
        assert running is not None
        bounds = await asyncio.shield(running)
        return {tp: bounds[tp] for tp in sources}

    async def _gather(self) -> dict[TopicPartition, Bounds]:
        await asyncio.sleep(self.GATHER_S)
        asked, self._next = self._next, []
        sources = dict.fromkeys(tp for _, _, tps in asked for tp in tps)
        return await restore(self._kafka, {tp: shard for tp, shard, _ in asked}, list(sources))
