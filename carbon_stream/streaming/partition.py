"""One partition of a stage as this worker owns it: taking it over, working through its batches, giving it up."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from faust.types import TP

from carbon_stream.streaming import limits, positions, unit
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.clock import BrokerClock
from carbon_stream.streaming.deduplication import Budget, Seen, take_segments
from carbon_stream.streaming.formats import NewerRow
from carbon_stream.streaming.intake import Intake
from carbon_stream.streaming.ledger import Tally, ledger_key, tally_of
from carbon_stream.streaming.patience import patiently
from carbon_stream.streaming.plan import Plan, Reader
from carbon_stream.streaming.positions import Positions
from carbon_stream.streaming.restore import Restorer, RestoreStalled, Wanted
from carbon_stream.streaming.rows import Work
from carbon_stream.streaming.shard import Shard, parted
from carbon_stream.streaming.sweeping import Sweeper
from carbon_stream.streaming.transaction import Fenced, Headers, PartitionProducer
from carbon_stream.streaming.validity import touched
from carbon_stream.streaming.watchdog import Stuck

log = logging.getLogger(__name__)

BACKOFF_S_MAX = 10.0
REFUSED_S = 30.0
"""How often it is said that a partition has rows of a newer release, and looked whether it still has."""

FINISH_S_MAX = 5.0
"""How long a partition that is let go may take to finish the unit of work that is under way."""


class Partition:
    """Queue, state and producer of one stage partition. `start` it once, `submit` batches, `close` it at the end."""

    def __init__(
        self,
        plan: Plan,
        number: int,
        shard: Shard,
        restorer: Restorer,
        budget: Budget,
        clock: BrokerClock,
        fencing: asyncio.Semaphore,
    ) -> None:
        self.plan, self.number = plan, number
        self._restorer, self._fencing = restorer, fencing
        self._changelog = TopicPartition(plan.changelog, number)
        self._state = unit.State(shard, {topic: Seen(topic, budget) for topic in plan.topics})
        self._clock = clock
        self._sweeper = Sweeper(plan.sweep, shard, plan.logic.formats, clock.now)
        self.intake = Intake()
        self._reread_why: str | None = None
        self._wake = asyncio.Event()
        self._assigned = asyncio.Event()
        self._closing = asyncio.Event()
        self._producer: PartitionProducer | None = None
        self._task: asyncio.Task[None] | None = None
        self._busy_since: float | None = time.monotonic()
        self._committed = self._held = False
        self._positions = Positions(str(self))
        self._logic = plan.logic
        self.owned = False
        self.taken_over = asyncio.Event()

    def start(self, reader: Reader, room: asyncio.Event, crash: Any) -> None:
        """Begin to take the partition over and to work; `crash(exception)` ends the worker if nothing else helps."""
        self._reader, self._room, self._crash = reader, room, crash
        self._begin()

    def _begin(self) -> None:
        self._held = False
        self._task = asyncio.create_task(self._run(), name=f"{self.plan.name}-{self.number}")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A partition whose task ends without having been told to must not stand still unnoticed."""
        if not self._closing.is_set() and not self._held:
            self._crash(Stuck(f"{self}: its task has ended"))

    def hold(self) -> None:
        """The group hands partitions out anew: what is not taken over yet waits, lest it fence the next owner late."""
        if not self.owned and self._task is not None and not self._task.done():
            self._held = True
            self._task.cancel()

    def reassigned(self) -> None:
        """The group has handed this partition to this worker (again)."""
        self._assigned.set()
        if self._held:
            self._begin()

    def position(self, topic: str) -> int:
        """The offset of the next record of a topic to commit."""
        return self._state.tallies.get(topic, Tally()).position

    def submit(self, batch: Batch) -> None:
        """Queue a batch; one that does not follow on what came before makes the partition read again."""
        if why := self.intake.put(batch):
            self.read_again(why)
        self._wake.set()

    def busy_s(self) -> float:
        """How long the present step (taking over, one unit of work) has taken, seconds; 0 while there is nothing to do.

        Waiting for the group's word, and between two attempts, is a step as well.
        """
        return 0.0 if self._busy_since is None else time.monotonic() - self._busy_since

    def read_again(self, why: str) -> None:
        """Drop what is queued and read again from the position; nothing is applied twice by it."""
        self._reread_why = why
        self._wake.set()

    async def close(self) -> None:
        """Finish the unit that is under way, within a bound, and let go of everything."""
        self._closing.set()
        self._wake.set()
        self._assigned.set()
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=FINISH_S_MAX if self.owned else 0)
            if not done:
                self._task.cancel()
                await asyncio.wait({self._task})
        await self._close_producer()
        for seen in self._state.seen.values():
            seen.close()
        self._state.shard.close()
        self.owned = False
        self.plan.observer.on_rows(self.plan.name, self.number, 0)

    async def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                await self._take_over()
                await self._work()
            except Fenced as exc:
                await self._give_up(f"fenced: another worker owns it now ({exc})")
                await self._wait_for_assignment()
            except NewerRow as exc:
                await self._give_up(f"refused: {exc}", logging.ERROR)
                await self._pause(REFUSED_S)
            except (TimeoutError, KafkaError, RestoreStalled, OSError) as exc:
                if isinstance(exc, MessageSizeTooLargeError):
                    self._logic = await limits.learnt(self.plan.kafka, self.plan.changelog, self._logic)
                failures = 1 if self._committed else failures + 1
                await self._give_up(f"{type(exc).__name__}: {exc}")
                # for as long as it takes: a fresh process would find the same brokers
                await self._pause(min(BACKOFF_S_MAX, 0.25 * 2 ** min(failures, 10)))
            except Exception as exc:
                log.exception("%s: failed", self)
                await self._give_up(repr(exc))
                return  # which ends the worker: a broken stage that goes on helps nobody

    async def _take_over(self) -> None:
        """Fence whoever wrote before, then learn what they committed: in this order."""
        self._busy_since = started = time.monotonic()
        self._assigned.clear()
        self._committed = False
        await self._close_producer()
        plan, state = self.plan, self._state
        transactional_id = f"{plan.group_id}-{plan.name}-{self.number}"
        self._producer = PartitionProducer(plan.kafka, transactional_id, plan.group_id, self._logic.row_bytes_max)
        async with self._fencing:
            await self._producer.fence()
        sources = {topic: TopicPartition(topic, self.number) for topic in self.plan.topics}
        state.shard.open()
        asked = [self._changelog, *sources.values()]
        bounds = await self._restorer.bring_up(Wanted(self.plan.name, self._changelog, state.shard, asked))
        if positions.is_truncated(state.shard, bounds[self._changelog].begin):
            await self._start_over(bounds[self._changelog].begin)
        segments = take_segments(state.shard)
        for topic, seen in state.seen.items():
            seen.restore(segments.get(topic, ()))
            row = Work(state.shard, self.plan.logic.formats).get(ledger_key(topic))
            tally, lost = self._positions.checked(topic, tally_of(row), bounds[sources[topic]])
            state.tallies[topic] = tally
            state.routed[topic] = positions.routed(state.shard, topic, bounds[sources[topic]].end)
            self._lost(topic, lost)
            if tally.at:
                self._clock.saw(tally.at)
        self._sweeper.begin()
        self.owned = True
        self.taken_over.set()
        plan.observer.on_rows(plan.name, self.number, len(state.shard))
        log.debug("%s: taken over in %.2f s, %d rows", self, time.monotonic() - started, len(state.shard))

    async def _start_over(self, begin: int) -> None:
        """The changelog has lost its beginning, and with it rows: all are made again from what the topics still hold.

        The rows that are left go first, and the mark that it has been done last: a worker that dies in between leaves
        a changelog that is still seen to be truncated.
        """
        assert self._producer is not None
        log.error("%s: the changelog has lost what stood before offset %d: all rows are made again", self, begin)
        self._lost(self.plan.changelog, begin)
        state = self._state
        kept = [key for seen in state.seen.values() for key in seen.keys()]  # noqa: SIM118 — it is no mapping
        for changes in positions.starting_over(state.shard, kept, begin):
            written = await self._producer.commit(self._changelog, changes, (self.plan.dead_letters, ()), {})
            state.shard.apply(*parted(changes), written)
        for seen in state.seen.values():
            seen.clear()
        self._reread_why = "the rows are made again"

    def _lost(self, topic: str, offsets: int) -> None:
        if offsets:
            self.plan.observer.on_lost(self.plan.name, self.number, topic, offsets)

    async def _give_up(self, why: str, level: int = logging.WARNING) -> None:
        """Nothing of the failed unit is applied; what is queued will be read again."""
        self.owned = False
        log.log(level, "%s: given up: %s", self, why)
        self.plan.observer.on_gave_up(self.plan.name, self.number, why)
        self._reread_why = why
        self.intake.done()
        self._state.shard.close()
        await self._close_producer()

    async def _close_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()

    async def _wait_for_assignment(self) -> None:
        """A worker that was thrown out must not fence the new owner: only the group's word makes it try again.

        A word since the last commit counts: somebody else had the partition for a while, and has it no more.
        """
        try:
            await asyncio.wait_for(self._assigned.wait(), self.plan.reassignment_s_max)
        except TimeoutError:
            # no rebalance in the time in which a member that was thrown out would have noticed: it is still ours, and
            # what fenced it was the last act of somebody who has lost it
            log.warning("%s: still assigned here: taking it over again", self)

    async def _pause(self, seconds: float) -> None:
        """Wait, unless the partition is let go meanwhile."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    # -- working --------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while not self._closing.is_set():
            await self._turn()

    async def _turn(self) -> None:
        """What is due next. The events are named in here alone: while a partition waits for more, it holds none."""
        if self._reread_why is not None:
            await self._reread()
        if not self._sweeper.wait_s():
            await self._sweep()
        batches = await self._next()
        if not batches or self._closing.is_set():
            return
        if why := self.intake.doubt(batches, self.position):
            self._reread_why = why
        else:
            await self._work_off(batches)

    async def _work_off(self, batches: Sequence[Batch]) -> None:
        """Commit all of it: as one unit, or as several where some events cannot be taken."""
        gaps = list(positions.gaps(batches, self.position))
        with self.plan.tracing.unit(self.plan.name, batches) as headers:
            while outcome := unit.decide(self._logic, self._state, batches):
                await self._commit(outcome, headers)
                if not outcome.partial or self._closing.is_set():
                    break
                self._busy_since = time.monotonic()
        for topic, start, end in gaps:
            # markers leave gaps too: only the broker knows what it has deleted
            begin = await self._reader.begins_at(TP(topic, self.number))
            self._lost(topic, self._positions.lost(topic, start, min(begin, end)))

    async def _next(self) -> list[Batch]:
        """All that is queued; empty when a sweep is due."""
        self.intake.done()
        self._wake.clear()
        if not self.intake and self._reread_why is None:
            self._busy_since = None
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._sweeper.wait_s())
        self._busy_since = time.monotonic()
        batches = self.intake.take()
        self._room.set()
        return batches

    async def _commit(self, outcome: unit.Outcome, headers: Headers) -> None:
        assert self._producer is not None
        started = time.monotonic()
        ends = {TopicPartition(topic, self.number): offset for topic, offset in outcome.positions().items()}
        written = await self._producer.commit(
            self._changelog,
            outcome.rows(),
            (self.plan.dead_letters, outcome.dead),
            ends,
            outcome.forwards,
            last=headers,
        )
        self._assigned.clear()
        for counted in outcome.counted.values():
            self._clock.saw(counted.at)
        self.plan.tell(self.number, outcome, time.monotonic() - started)
        await patiently(lambda: unit.apply(self._state, outcome, written))
        self._committed = True
        self.plan.observer.on_rows(self.plan.name, self.number, len(self._state.shard))

    async def _sweep(self) -> None:
        were_settled = self._sweeper.are_formats_settled
        swept = self._sweeper.step()
        if self._sweeper.are_formats_settled and not were_settled and self.plan.logic.formats.steps:
            log.info("%s: all rows are in the formats that this worker writes", self)
        changes = swept.changes or touched(self._state.shard)
        if not (changes or swept.forwards) or self._producer is None:
            return
        written = await self._producer.commit(
            self._changelog, changes, (self.plan.dead_letters, ()), {}, swept.forwards, is_one_move=True
        )
        self._assigned.clear()
        self.plan.tell_forwards(swept.forwards)
        await patiently(lambda: self._state.shard.apply(changes, {}, written))
        self._committed = True
        self.plan.observer.on_rows(self.plan.name, self.number, len(self._state.shard))

    # -- reading again --------------------------------------------------------------------------------------------

    async def _reread(self) -> None:
        why, self._reread_why = self._reread_why, None
        log.warning("%s: reading again: %s", self, why)
        self.intake.drop()
        await self._reader.reread({TP(topic, self.number): self.position(topic) for topic in self.plan.topics})
        self.intake.drop()
        self.intake.follow({topic: self._reader.run_of(TP(topic, self.number)) for topic in self.plan.topics})
        self._room.set()

    def __str__(self) -> str:
        return f"stage {self.plan.name} partition {self.number}"
