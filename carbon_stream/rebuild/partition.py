"""One partition of a table: made again beside the rows that stand, then put in their place under a fence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from carbon_stream.projections.rebuilding import Rebuilding, since_of
from carbon_stream.rebuild import sources
from carbon_stream.rebuild.differences import Differences, differences
from carbon_stream.rebuild.letters import Letters
from carbon_stream.rebuild.progress import Done, Progress, Say, words
from carbon_stream.rebuild.refold import Refold, by_topic, latest, topics_of
from carbon_stream.rebuild.sources import Source
from carbon_stream.streaming.ledger import Tally, ledger_key, tally_of
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.observer import Silent
from carbon_stream.streaming.plan import Plan
from carbon_stream.streaming.restore import Wanted, restore
from carbon_stream.streaming.rows import Work, encode_key
from carbon_stream.streaming.shard import Changes
from carbon_stream.streaming.transaction import Fenced, PartitionProducer

CLOSE_S = 3.0
"""Catching up that takes no longer brings the rows as close to the worker's as they get without its partition."""
ROUNDS_MAX = 10
"""Rounds of catching up with a worker; then its partition is taken however far it has come meanwhile."""
ATTEMPTS_MAX = 5
"""How often the worker may take its partition back without anything having been committed in between."""


class Moved(Exception):
    """What was read is no longer what there is: the partition has to be made again from the beginning."""


class PartitionRebuild:
    """Use it once: `compare`, and then `put` if that is wanted. `cut` collects topics that were found to have lost
    what was counted, and is to be handed to the next attempt.
    """

    def __init__(
        self,
        plan: Plan,
        number: int,
        rebuilding: Rebuilding,
        letters: Letters,
        consumer: AIOKafkaConsumer,
        cut: set[str],
        say: Say,
    ) -> None:
        self._plan, self._number, self._rebuilding = plan, number, rebuilding
        self._letters, self._consumer, self._cut, self._say = letters, consumer, cut, say
        self._topics = topics_of(rebuilding)
        self._changelog = TopicPartition(plan.changelog, number)
        self._formats = plan.logic.formats
        self._old = MemoryShard()
        self._sources: dict[str, Source] = {}
        self._next: dict[str, int] = {}
        """By topic: the offset of the next record to fold."""
        self._sinces: dict[str, int | None] = {}
        self._refold = self._begun()

    # -- beside the worker ----------------------------------------------------------------------------------------

    async def compare(self) -> Done:
        """Make the rows again up to where those come that are committed now. What differs is told, nothing is written.

        Raises Moved, NewerRow, TooManyRefused, and any KafkaError.
        """
        await self._read_rows()
        found = await sources.sources(self._consumer, [TopicPartition(topic, self._number) for topic in self._topics])
        self._sources = {source.partition.topic: source for source in found}
        self._next = {topic: source.begin for topic, source in self._sources.items()}
        self._cut |= {topic for topic in self._topics if self._has_lost(topic)}
        own = {topic: self._since(topic) if topic in self._cut else None for topic in self._topics}
        self._sinces = by_topic(self._rebuilding, own)
        self._refold = self._begun()
        for rounds in range(1, ROUNDS_MAX + 1):
            began = time.monotonic()
            await self._catch_up()
            if time.monotonic() - began < CLOSE_S or rounds == ROUNDS_MAX:
                break
            await self._read_rows()
        return self._done(self._differences())

    def _begun(self) -> Refold:
        letters, number = self._letters, self._number
        return Refold(self._plan, self._rebuilding, self._sinces, lambda topic: letters.of(topic, number))

    async def _read_rows(self) -> None:
        """The rows that stand, as of one moment: whole transactions, with their ledger; then their dead letters."""
        await restore(self._plan.kafka, [Wanted(self._plan.name, self._changelog, self._old)], Silent())
        self._old.segments()  # identities are not needed: taken out of it, they are let go
        await self._letters.refresh(self._plan.kafka)

    def _tally(self, topic: str) -> Tally:
        return tally_of(Work(self._old, self._formats).get(ledger_key(topic)))

    def _has_lost(self, topic: str) -> bool:
        """Whether something that was counted is no longer on the topic, as far as its bounds tell it."""
        tally, source = self._tally(topic), self._sources[topic]
        if tally.position > source.end:
            raise Moved(f"{topic}/{self._number} ends at {source.end}, before position {tally.position}")
        return bool(_counted(tally)) and (source.begin > 0 or _counted(tally) > tally.position)

    def _since(self, topic: str) -> int:
        """From when on everything is there. Where no record is left, that is after the last one there was."""
        first_at = self._sources[topic].first_at
        return since_of(self._tally(topic).at if first_at is None else first_at)

    def _behind(self) -> int:
        return sum(max(0, self._tally(topic).position - self._next[topic]) for topic in self._topics)

    async def _catch_up(self) -> None:
        """Fold what the topics have, up to where the rows come."""
        positions = {topic: max(self._next[topic], self._tally(topic).position) for topic in self._topics}
        progress = Progress(self._say, str(self), self._behind())
        for topic in self._topics:
            self._consumer.seek(self._sources[topic].partition, self._next[topic])
        try:
            until = {self._sources[topic].partition: position for topic, position in positions.items()}
            async for records in sources.read(self._consumer, until):
                self._refold.add(records)
                progress.read(len(records))
                if self._refold.wants_sweeping():
                    self._refold.sweep(self._now())
        except OffsetOutOfRangeError as error:
            raise Moved(f"{self}: retention has taken records before they were read") from error
        self._next = positions
        for topic in self._topics:
            if topic not in self._cut and self._refold.records[topic] < _counted(self._tally(topic)):
                self._cut.add(topic)
                raise Moved(f"{topic}/{self._number} has lost records that were counted")

    def _now(self) -> int:
        """The broker's time: no clock of ours makes rows age."""
        return max(self._tally(topic).at for topic in self._topics)

    def _differences(self) -> Differences:
        self._refold.sweep(self._now(), whole_day=True)
        families = self._rebuilding.families
        sinces = {family: latest(self._sinces[topic] for topic in family.topics) for family in families}
        return differences(self._rebuilding, self._formats, self._old, self._refold.shard, sinces, self._now())

    def _done(self, found: Differences) -> Done:
        records, refused = sum(self._refold.records.values()), len(self._refold.refused)
        return Done(records, found.rows, found.changed, found.added, found.gone, refused)

    # -- under the fence ------------------------------------------------------------------------------------------

    async def put(self) -> Done:
        """Put the rows in their place, with what was applied since. Returns what that came to.

        The worker may take its partition back in the middle: what was committed by then stays, and the rest follows.
        Raises Fenced when it does so again and again, and what `compare` raises.
        """
        total, attempts = Done(), 0
        while attempts < ATTEMPTS_MAX:
            began = time.monotonic()
            producer = PartitionProducer(self._plan.kafka, self._transactional_id, self._plan.group_id)
            try:
                await producer.fence()
                await self._read_rows()
                await self._catch_up()
                found = self._differences()
                total = total.after(self._done(found))
                for piece in self._pieces(found):
                    await self._commit(producer, piece)
                    attempts = 0
            except Fenced:
                attempts += 1
                continue
            finally:
                await producer.close()
            self._say(f"{self}: {words(total)}; held for {time.monotonic() - began:.1f} s")
            return total
        raise Fenced(f"{self} was taken back {ATTEMPTS_MAX} times")

    @property
    def _transactional_id(self) -> str:
        return f"{self._plan.group_id}-{self._plan.name}-{self._number}"

    def _pieces(self, found: Differences) -> Iterator[Changes]:
        """What is committed, one transaction after the other: the ledger first, and with it the new dead letters."""
        pieces = iter(found.pieces)
        first = self._ledger() | next(pieces, {})
        if first or self._refold.refused:
            yield first
        yield from pieces

    async def _commit(self, producer: PartitionProducer, piece: Changes) -> None:
        letters = (self._plan.dead_letters, list(self._refold.refused))
        written = await producer.commit(self._changelog, piece, letters, {}, is_one_move=True)
        self._refold.refused.clear()
        self._old.apply(piece, {}, written)

    def _ledger(self) -> Changes:
        """What became of each topic's records: as it was found now where all are there, else with what is refused."""
        changes: Changes = {}
        for topic in self._topics:
            before = self._tally(topic)
            refused = sum(letter.record.topic == topic for letter in self._refold.refused)
            if topic in self._cut:
                after = replace(before, applied=max(0, before.applied - refused), dead=before.dead + refused)
            else:
                after = replace(self._refold.tally(topic), position=before.position, at=before.at)
            if after != before:
                changes[encode_key(ledger_key(topic))] = orjson.dumps(after.row())
        return changes

    def __str__(self) -> str:
        return f"{self._plan.name} partition {self._number}"


def _counted(tally: Tally) -> int:
    return tally.applied + tally.duplicate + tally.dead
