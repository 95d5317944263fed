"""How fresh the views are: up to what moment all that the broker had taken is in them.

Each stage's ledger rows say, for every source topic and partition, the position it has come to and the broker's time of
the last record before it. About each second the ends of the source topics are asked for. When every position has
reached the ends that were asked for at a moment, the views are complete up to that moment. Otherwise they are complete
up to the hindmost partition's last record, or to the last moment at which they were complete.

An end may be out of reach for ever: a producer's transaction leaves a marker behind its records, which takes an offset
and is no record, and retention may remove records that were never read. So where a position stands still before an
unmoving end, what lies between is looked at once: if it holds no record, the position counts as the end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from carbon_stream.contracts.catalog import TOPICS, Group
from carbon_stream.projections.rows import Key, Row
from carbon_stream.streaming import clients
from carbon_stream.streaming.ledger import Tally, tally_of
from carbon_stream.views import consumers

log = logging.getLogger(__name__)

SOURCES: Mapping[str, tuple[str, ...]] = {
    "audit": tuple(topic.name for topic in TOPICS if topic.group is Group.AUDIT),
    "health": tuple(topic.name for topic in TOPICS if topic.group is Group.SYSTEM),
    "lineage": ("data-lineage",),
    "datasets": tuple(topic.name for topic in TOPICS if topic.group is Group.DATA and topic.name != "data-lineage"),
}
"""By table: the topics it is made from."""

_POLL_S = 1.0
_UNHEARD_S_MAX = 10.0
"""The ends are asked for each second; a broker that has not said them for so long is away."""
_LOOK_MS = 500
_LOOKS_MAX = 32
"""Partitions that are looked at in one round."""
_ANSWER_MS_MAX = 5_000


@dataclass(frozen=True, slots=True)
class _Ends:
    """The sources' end offsets, as asked for at a moment (ms)."""

    asked: int
    offsets: Mapping[TopicPartition, int]


class LedgerView:
    """The view of one table's ledger rows: by topic and partition, the position and the time of the last record."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.positions: dict[TopicPartition, tuple[int, int]] = {}
        self.tallies: dict[TopicPartition, Tally] = {}

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        if key[0] != "ledger":
            return
        source = TopicPartition(str(key[1]), partition)
        if row is None:
            self.positions.pop(source, None)
            self.tallies.pop(source, None)
        else:
            self.tallies[source] = tally_of(row)
            self.positions[source] = (int(row["position"]), int(row["at"]))

    def clear(self, partition: int) -> None:
        """Forget one changelog partition."""
        for source in [source for source in self.positions if source.partition == partition]:
            del self.positions[source]
            self.tallies.pop(source, None)


class Freshness:
    """Watches the sources of some tables. `kafka` are an aiokafka client's settings; `views` go to the reader."""

    def __init__(self, kafka: Mapping[str, Any], sources: Mapping[str, Sequence[str]] = SOURCES) -> None:
        self.views = [LedgerView(table) for table in sources]
        self._kafka = dict(kafka)
        self._sources = {topic: view for view in self.views for topic in sources[view.table]}
        self._ends: _Ends | None = None
        self._complete = dict.fromkeys(sources, 0)
        self._empty: dict[TopicPartition, tuple[int, int]] = {}
        self._behind: dict[TopicPartition, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to watch; returns at once, with or without a broker."""
        self._task = asyncio.create_task(self._run(), name="freshness")

    async def stop(self) -> None:
        """Stop watching; `as_of` then no longer moves."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def as_of(self, table: str) -> int:
        """The moment (ms) up to which the table's views have all that the broker had taken; 0 if nothing is known.

        It never goes back.
        """
        if self._ends is not None:
            self._complete[table] = max(self._complete[table], self._candidate(table, self._ends))
        return self._complete[table]

    def reaches_kafka(self) -> bool:
        """Whether the brokers have lately said where the topics end."""
        return self._ends is not None and time.time() - self._ends.asked / 1000 < _UNHEARD_S_MAX

    def ends(self) -> Mapping[TopicPartition, int]:
        """By source topic and partition: where it ended when that was last asked for; empty while nothing is known."""
        return {} if self._ends is None else self._ends.offsets

    def tallies(self) -> Iterator[tuple[TopicPartition, Tally]]:
        """By source topic and partition: what became of its records, as far as the views know."""
        for view in self.views:
            yield from view.tallies.items()

    def lags(self) -> dict[TopicPartition, int]:
        """By source topic and partition: offsets between what is in the views and the end, as last asked for."""
        ends = {} if self._ends is None else self._ends.offsets
        return {
            source: 0 if self._has_reached(source, end) else end - self._position(source)
            for source, end in ends.items()
        }

    def _candidate(self, table: str, ends: _Ends) -> int:
        behind = [
            self._sources[source.topic].positions.get(source, (0, 0))[1]
            for source, end in ends.offsets.items()
            if self._sources[source.topic].table == table and not self._has_reached(source, end)
        ]
        return min(behind, default=ends.asked)

    def _position(self, source: TopicPartition) -> int:
        return self._sources[source.topic].positions.get(source, (0, 0))[0]

    def _has_reached(self, source: TopicPartition, end: int) -> bool:
        position = self._position(source)
        empty_from, empty_to = self._empty.get(source, (0, 0))
        return position >= end or (empty_from <= position and end <= empty_to)

    async def _run(self) -> None:
        while True:
            try:
                await self._watch()
            except (KafkaError, OSError) as error:
                log.info("the ends of the source topics cannot be asked for, trying again: %r", error)
            except Exception:
                log.exception("watching the source topics failed, trying again")
            await asyncio.sleep(_POLL_S)

    async def _watch(self) -> None:
        """Watch until something fails."""
        consumer = AIOKafkaConsumer(
            **self._kafka,
            enable_auto_commit=False,
            isolation_level="read_committed",
            max_partition_fetch_bytes=4_096,  # one record is enough to know that there is one
            request_timeout_ms=_ANSWER_MS_MAX,
        )
        admin = AIOKafkaAdminClient(**self._kafka, request_timeout_ms=_ANSWER_MS_MAX)
        try:
            await consumer.start()
            await admin.start()
            while True:
                partitions = await consumers.partitions_of(admin, self._sources)
                if partitions - consumer.assignment():
                    self._assign(consumer, partitions)
                await self._ask(consumer, partitions)
                await asyncio.sleep(_POLL_S)
        finally:
            await clients.stop(consumer)
            await admin.close()

    def _assign(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        """Assigned for their metadata's sake, and paused."""
        consumer.assign(list(partitions))
        for partition in partitions:
            consumer.seek(partition, 0)  # any position will do: without one the fetcher would look for one
        consumer.pause(*partitions)

    async def _ask(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        asked = int(time.time() * 1000)
        ends = await consumer.end_offsets(list(partitions)) if partitions else {}
        before = self._ends
        for table in self._complete:
            self.as_of(table)  # what was complete at the last asking is to be remembered
        self._ends = _Ends(asked, ends)
        if before is not None:
            await self._look_at_stuck(consumer, before.offsets, ends)

    async def _look_at_stuck(
        self, consumer: AIOKafkaConsumer, before: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> None:
        """Look behind the positions that stand still before an unmoving end, a bounded number of them in a round."""
        stuck = [
            source
            for source, end in ends.items()
            if before.get(source) == end
            and not self._has_reached(source, end)
            and self._behind.get(source) != self._position(source)
        ][:_LOOKS_MAX]
        if not stuck:
            return
        positions = {source: self._position(source) for source in stuck}
        beginnings = await consumer.beginning_offsets(stuck)
        for source in stuck:
            consumer.seek(source, max(positions[source], beginnings[source]))
        consumer.resume(*stuck)
        try:
            found = await consumer.getmany(*stuck, timeout_ms=_LOOK_MS)
        finally:
            consumer.pause(*stuck)
        for source in stuck:
            if source in found:
                self._behind[source] = positions[source]  # a record is there: it is the stage that has to move
            elif await consumer.position(source) >= ends[source]:
                self._empty[source] = (positions[source], ends[source])
