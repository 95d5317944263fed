"""Reading changelogs back: committed rows from where a shard stopped to the end, for many partitions at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from carbon_stream.streaming import changelogs, clients
from carbon_stream.streaming.observer import Observer
from carbon_stream.streaming.patience import patiently
from carbon_stream.streaming.progress import Progress
from carbon_stream.streaming.shard import NOTHING_KEPT, Shard, ShardFailed, now_ms
from carbon_stream.streaming.validity import why_void

log = logging.getLogger(__name__)

POLL_RECORDS_MAX = 5_000
"""aiokafka decodes what it hands over in one go: some milliseconds of the event loop."""
POLL_MS = 200
FETCH_BYTES_MAX = 4 * 1024 * 1024
LOAD_RECORDS_MAX = 1_000
SLICE_S = 0.005
"""Loading rows gives way to whatever else runs on the event loop after this long."""
STALLED_S_MAX = 60.0
"""A restore that moves nothing for this long fails: its partition is taken over again."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """First offset and end of a source partition, as the broker has them now."""

    begin: int
    end: int


@dataclass(slots=True)
class Wanted:
    """A shard to bring up to its changelog's end, and the source partitions whose bounds are asked for beside.

    Nothing is written to it once it is `dropped`: then it is somebody else's, who may be at work in it already.
    """

    stage: str
    changelog: TopicPartition
    shard: Shard
    sources: Sequence[TopicPartition] = ()
    dropped: bool = False
    failure: ShardFailed | None = None
    """Why the shard could not take its rows; the others go on."""

    async def load(self, changes: Mapping[bytes, bytes | None], position: int, at: int | None = None) -> None:
        """Put changes into the shard, if it is still wanted."""

        def write() -> None:
            if not self.dropped:
                self.shard.load(changes, position, at)

        try:
            await patiently(write)
        except ShardFailed as exc:
            self.failure, self.dropped = exc, True


class RestoreStalled(Exception):
    """The changelog could not be read to its end."""


async def restore(
    kafka: Mapping[str, Any], wanted: Sequence[Wanted], observer: Observer
) -> dict[TopicPartition, Bounds]:
    """Bring each shard up to its changelog partition's end; returns the bounds of the sources.

    The end is told by position, since the last offset may be a transaction marker that no read returns. Call it after
    fencing: the end is final then.
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
        partitions = [each.changelog for each in wanted]
        consumer.assign(partitions)
        begins = await consumer.beginning_offsets(partitions)
        asked_at = now_ms()
        ends = await consumer.end_offsets(partitions)
        known = await changelogs.describe(consumer, {tp.topic for tp in partitions})
        for each in wanted:
            tp = each.changelog
            if not each.dropped:
                _check(each, known[tp.topic], begins[tp], ends[tp], observer)
            consumer.seek(tp, max(each.shard.mark.position, begins[tp]))
        await _read(consumer, wanted, ends, asked_at, observer)
        return await _bounds(consumer, list(dict.fromkeys(tp for each in wanted for tp in each.sources)))
    finally:
        await clients.stop(consumer)


def _check(each: Wanted, changelog: changelogs.Changelog, begin: int, end: int, observer: Observer) -> None:
    """Empty a shard that cannot be gone on from, and say why its rows are read from the beginning."""
    shard = each.shard
    why = why_void(shard.mark, changelog, begin, end, now_ms())
    try:
        if why or shard.mark.origin != changelog.origin:
            shard.clear(changelog.origin)
    except ShardFailed as exc:
        each.failure, each.dropped = exc, True
    if not shard.mark.position:
        why = why or shard.emptied
    if why and end > begin:
        level = logging.INFO if why == NOTHING_KEPT else logging.WARNING
        name = f"{each.changelog.topic}/{each.changelog.partition}"
        log.log(level, "%s: rows are read from the changelog again: %s", name, why)
        observer.on_rebuild(each.stage, each.changelog.partition, why)


async def _read(
    consumer: AIOKafkaConsumer,
    wanted: Sequence[Wanted],
    ends: Mapping[TopicPartition, int],
    asked_at: int,
    observer: Observer,
) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + STALLED_S_MAX
    waiting = {each.changelog: each for each in wanted}
    progress = Progress(
        observer, {tp: (each.stage, ends[tp] - await consumer.position(tp)) for tp, each in waiting.items()}
    )
    await _let_go(consumer, waiting, ends, asked_at)
    while waiting:
        polled = await consumer.getmany(*waiting, timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
        for tp, records in polled.items():
            await _load(waiting[tp], records)
            progress.read(tp, len(records), ends[tp] - records[-1].offset - 1)
        if polled:
            deadline = loop.time() + STALLED_S_MAX
        elif loop.time() > deadline:
            raise RestoreStalled(f"no progress for {STALLED_S_MAX:.0f} s on {sorted(tp.partition for tp in waiting)}")
        await _let_go(consumer, waiting, ends, asked_at)
    progress.finish(sum(len(each.shard) for each in wanted if not each.dropped))


async def _load(each: Wanted, records: Sequence[Any]) -> None:
    """Only the newest state of each row in a slice is written."""
    slice_ends = time.perf_counter() + SLICE_S
    for begin in range(0, len(records), LOAD_RECORDS_MAX):
        some = records[begin : begin + LOAD_RECORDS_MAX]
        changes = {record.key: record.value for record in some}
        changes.pop(None, None)
        await each.load(changes, some[-1].offset + 1)
        if time.perf_counter() >= slice_ends:
            await asyncio.sleep(0)
            slice_ends = time.perf_counter() + SLICE_S


async def _let_go(
    consumer: AIOKafkaConsumer, waiting: dict[TopicPartition, Wanted], ends: Mapping[TopicPartition, int], asked_at: int
) -> None:
    """Of shards that nobody wants any more, and of those at the end that their changelog had when it was asked for."""
    for tp, each in list(waiting.items()):
        position = await consumer.position(tp)
        if position >= ends[tp]:
            await each.load({}, position, asked_at)
        if position >= ends[tp] or each.dropped:
            del waiting[tp]


async def _bounds(consumer: AIOKafkaConsumer, sources: list[TopicPartition]) -> dict[TopicPartition, Bounds]:
    if not sources:
        return {}
    begins, ends = await consumer.beginning_offsets(sources), await consumer.end_offsets(sources)
    return {tp: Bounds(begins[tp], ends[tp]) for tp in sources}


class Restorer:
    """Restores that are asked for within a moment of each other share one consumer: a rebalance hands out many."""

    GATHER_S = 0.02

    def __init__(self, kafka: Mapping[str, Any], observer: Observer) -> None:
        self._kafka, self._observer = kafka, observer
        self._next: list[Wanted] = []
        self._running: asyncio.Task[dict[TopicPartition, Bounds]] | None = None

    async def bring_up(self, wanted: Wanted) -> dict[TopicPartition, Bounds]:
        """Bring one shard up to its changelog's end; the bounds of its source partitions are returned."""
        if not self._next:
            self._running = asyncio.create_task(self._gather())
        self._next.append(wanted)
        running = self._running
        assert running is not None
        try:
            bounds = await asyncio.shield(running)
        except asyncio.CancelledError:
            wanted.dropped = True
            raise
        if wanted.failure is not None:
            raise wanted.failure
        return {tp: bounds[tp] for tp in wanted.sources}

    async def _gather(self) -> dict[TopicPartition, Bounds]:
        await asyncio.sleep(self.GATHER_S)
        asked, self._next = self._next, []
        return await restore(self._kafka, asked, self._observer)
