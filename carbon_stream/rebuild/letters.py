"""Which records are in the dead letters already: their fate is decided there, by a replay, and not by a rebuild."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import TopicPartition

from carbon_stream.dead_letters.record import DeadLetter
from carbon_stream.rebuild import sources
from carbon_stream.streaming import clients


class Letters:
    """Offsets of refused records by where they stood, as far as the dead letters have been read."""

    def __init__(self, partitions: Collection[TopicPartition], about: Collection[str]) -> None:
        self._partitions, self._about = list(partitions), frozenset(about)
        self._read: dict[TopicPartition, int] = {}
        self._offsets: dict[tuple[str, int], set[int]] = defaultdict(set)

    def of(self, topic: str, partition: int) -> Collection[int]:
        """Offsets of this topic's partition that have a letter."""
        return self._offsets.get((topic, partition), ())

    async def refresh(self, kafka: Mapping[str, Any]) -> None:
        """Take in the letters that have come since the last time."""
        async with clients.reading(kafka, "none") as consumer:
            consumer.assign(self._partitions)
            begins, ends = await sources.bounds(consumer, self._partitions)
            for tp in self._partitions:
                consumer.seek(tp, max(begins[tp], self._read.get(tp, 0)))
            async for records in sources.read(consumer, dict(ends)):
                for record in records:
                    self._take(record)
            self._read = ends

    def _take(self, record: Any) -> None:
        letter = DeadLetter.from_record(
            record.partition, record.offset, record.timestamp, record.key, record.value, record.headers
        )
        if letter.origin is not None and letter.origin.topic in self._about:
            self._offsets[letter.origin.topic, letter.origin.partition].add(letter.origin.offset)
