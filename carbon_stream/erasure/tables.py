"""A person's rows leave the tables, while workers run.

A partition is taken from its owner for the moment it takes, the way any new owner takes it: its producer's id is
fenced, the changelog is read to its end, and the changes are committed to it. The worker notices with its next commit,
gives up what it had not committed, and some seconds later takes the partition back and reads what has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from carbon_stream.contracts.names import APP_ID, changelog
from carbon_stream.projections.erasure import ERASERS
from carbon_stream.projections.formats import FORMATS
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.observer import Silent
from carbon_stream.streaming.restore import Wanted, restore
from carbon_stream.streaming.rows import Work
from carbon_stream.streaming.transaction import PartitionProducer

ROWS_MAX = 1_000
"""Rows of one transaction."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one stage keeps the rows of one partition."""

    table: str
    partition: int

    @property
    def changelog(self) -> TopicPartition:
        """The partition of the changelog."""
        return TopicPartition(changelog(self.table), self.partition)


async def find(kafka: Mapping[str, Any], place: Place, user: str) -> int:
    """How many rows would change; nothing is changed and nobody disturbed."""
    work = Work(await _rows(kafka, place), FORMATS[place.table])
    return ERASERS[place.table](work, user, 1 << 62)


async def erase(
    kafka: Mapping[str, Any], place: Place, user: str, dead_letters: str, say: Callable[[str], None]
) -> int:
    """Take the user out of one partition's rows; returns how many rows were changed."""
    producer = PartitionProducer(kafka, f"{APP_ID}-{place.table}-{place.partition}", APP_ID)
    changed = 0
    try:
        await producer.fence()
        shard = await _rows(kafka, place)
        while True:
            work = Work(shard, FORMATS[place.table])
            if not ERASERS[place.table](work, user, ROWS_MAX):
                break
            changes = work.changes()
            # counts go from one row to another: no view may show a half of it
            written = await producer.commit(place.changelog, changes, (dead_letters, ()), {}, is_one_move=True)
            shard.apply(changes, {}, written)
            changed += len(changes)
    finally:
        await producer.close()
    if changed:
        say(f"{place.table} partition {place.partition}: {changed} rows changed")
    return changed


async def _rows(kafka: Mapping[str, Any], place: Place) -> MemoryShard:
    shard = MemoryShard()
    await restore(kafka, [Wanted(place.table, place.changelog, shard)], Silent())
    return shard
