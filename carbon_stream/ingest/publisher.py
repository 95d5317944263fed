"""Publishes records and says what became of each: on its topic, in the spool, or neither."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from aiokafka.errors import KafkaError

from carbon_stream.ingest.delivery import SPOOLED, Delivery, Failed, Outcome, Spooled, Stored
from carbon_stream.ingest.lane import Lane, Part
from carbon_stream.ingest.limits import Room
from carbon_stream.ingest.observer import IngestObserver
from carbon_stream.ingest.producer import ProducerKeeper
from carbon_stream.ingest.spool.keeping import Kept, Spool
from carbon_stream.routing import Record, partition_of

__all__ = ["Failed", "Outcome", "Publisher", "Spooled", "Stored"]

_STEP_S: Final = 0.05
_GATHERING_S: Final = 0.05
"""How long others may join a record that waits: its deadline is theirs."""
_MISSING_S: Final = 1.0
"""How long a topic that was waited for in vain is not waited for again."""
_STARTING_S: Final = 10.0
"""How long readiness waits for the first attempt to connect, where a spool makes it independent of Kafka."""
_LATE: Final = "Kafka did not acknowledge it in time; it may still have arrived"
_DOWN: Final = "Kafka does not answer, or has no such topic yet"
_FULL: Final = "too much is waiting for Kafka already"
_CLOSING: Final = "the service is stopping"
_DISK: Final = "Kafka does not take it now, and the spool's disk did not either"


Places = Mapping[tuple[str, int], Sequence[int]]
"""Which records of a delivery, by index, go to which topic and partition."""


class Publisher:
    """One for each process. Records of one partition keep the order of `submit` calls and of records within a call.

    `kafka` are keyword arguments for aiokafka clients. `room` is a budget of bytes, shared with whoever else takes
    from it: what does not fit is refused at once, nothing queues without bound.

    Without `spool`, a record that is not acknowledged within `timeout_s` is Failed and retriable; its outcome is then
    unknown, and it may stand on its topic. With one, a record that is not acknowledged within `spool_after_s` goes
    there, and so does at once whatever Kafka is known not to take now, and what would overtake records of its key that
    are there. Failed is then only what the spool cannot take. A caller that is cancelled leaves its records to be
    delivered.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        topics: Sequence[str],
        *,
        room: Room,
        record_bytes_max: int,
        timeout_s: float = 10.0,
        spool: Spool | None = None,
        spool_after_s: float = 2.0,
        observer: IngestObserver | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._room = room
        self._observer = observer
        self.spool = spool
        self._patience_s = min(spool_after_s, timeout_s) if spool is not None else timeout_s
        self._keeper = ProducerKeeper(
            kafka, tuple(topics), record_bytes_max=record_bytes_max, timeout_s=timeout_s, observer=observer
        )
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._open: dict[Delivery, float] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._missing_until: dict[str, float] = {}
        self._began = time.monotonic()
        self._closing = False

    async def start(self) -> None:
        """Begins to connect, and returns at once: Kafka need not be up."""
        self._began = time.monotonic()
        self._keeper.start()

    async def close(self) -> None:
        """Takes no more, waits until what was taken is settled (at most `timeout_s`), and ends the producer."""
        self._closing = True
        waiting = [delivery.done for delivery in self._open]
        if waiting:
            await asyncio.wait(waiting, timeout=self._timeout_s)
        for lane in self._lanes.values():
            lane.cancel()
        await self._keeper.close()
        for delivery in tuple(self._open):
            self._expire(delivery, _CLOSING)
        if self._expiry is not None:
            self._expiry.cancel()

    @property
    def ready(self) -> bool:
        """Whether records can be delivered to Kafka now, as far as is known."""
        return not self._closing and self._keeper.ready

    @property
    def lack(self) -> str | None:
        """Why nothing can be taken now, be it by Kafka or the spool; None when something can."""
        if self._closing:
            return _CLOSING
        if self._keeper.ready:
            return None
        away = "the producer has no connection to Kafka"
        if self.spool is None or self.spool.lack is not None:
            return away if self.spool is None else f"{away}, and {self.spool.lack}"
        starting = not self._keeper.known_down and time.monotonic() - self._began < _STARTING_S
        return f"{away} yet" if starting else None

    async def publish(self, records: list[Record]) -> list[Outcome]:
        """Outcomes in order of the records; within `timeout_s`."""
        delivery = await self.submit(records)
        await delivery.done
        return delivery.outcomes()

    def join(self, record: Record) -> tuple[Delivery, int] | None:
        """Queues a record with others that wait for a batch of its partition: their delivery, and its index there.

        None where there are none, or where something is in its way that `submit` has to look at.
        """
        count = self._keeper.partitions(record.topic)
        lane = None if count is None else self._lanes.get((record.topic, partition_of(record.spread, count)))
        delivery = None if lane is None else lane.gathering
        if (
            lane is None
            or delivery is None
            or self._closing
            or time.monotonic() - delivery.began > _GATHERING_S
            or (self.spool and record in self.spool)
            or not self._room.take(size := record.size)
        ):
            return None
        return delivery, lane.join(record, size)

    def gather_anew(self) -> None:
        """Whoever waits now is joined by nobody any more."""
        for lane in self._lanes.values():
            lane.gathering = None

    async def submit(self, records: list[Record], *, gathers: bool = False) -> Delivery:
        """Queues records, normally without waiting; settled within `timeout_s`. `gathers`: others may `join` it."""
        now = time.monotonic()
        delivery = Delivery(records, self._forget)
        if not records:
            return delivery
        everything = range(len(records))
        if self._closing or not self._room.take(delivery.size):
            delivery.fail(everything, Failed(True, _CLOSING if self._closing else _FULL))
            return delivery
        self._watch(delivery, now + self._timeout_s)
        if self._down(now):
            self._pass_by(delivery, everything)
            return delivery
        places = self._by_partition(delivery)
        if places is None:
            known = await self._learn({record.topic for record in records})
            if delivery.closed:
                self._room.give(delivery.size)  # its time was over meanwhile
                return delivery
            if not known:
                if self.spool is not None and not self._keeper.ready:
                    self._pass_by(delivery, everything)
                else:
                    self._refuse(delivery, everything)
                return delivery
            places = self._by_partition(delivery)
            assert places is not None, "asked for before"
        self._distribute(delivery, places, now, gathers)
        return delivery

    async def forward(
        self, records: Sequence[Record], queued: Callable[[Delivery], None] | None = None
    ) -> list[Outcome]:
        """Publishes records of the spool: what Kafka does not take has Failed, and is to be forwarded again.

        `queued` is called once all of them stand before whatever is submitted from then on.
        """
        topics = list({record.topic for record in records})
        known = dict(zip(topics, await asyncio.gather(*(self._learn({topic}) for topic in topics)), strict=True))
        delivery = Delivery([record for record in records if known[record.topic]], self._forget, forwarded=True)
        if self._closing or not self._room.take(delivery.size):
            return [Failed(True, _FULL)] * len(records)
        if delivery.records:
            self._watch(delivery, time.monotonic() + self._timeout_s)
            places = self._by_partition(delivery)
            assert places is not None, "asked for before"
            for place, indices in places.items():
                self._lane(*place).add(delivery, indices)
            if queued is not None and len(delivery.records) == len(records):
                queued(delivery)
            await delivery.done
        outcomes = iter(delivery.outcomes())
        return [next(outcomes) if known[record.topic] else Failed(True, _DOWN) for record in records]

    def partition(self, record: Record) -> int | None:
        """The partition of a record, where it is known how many there are."""
        count = self._keeper.partitions(record.topic)
        return None if count is None else partition_of(record.spread, count)

    def _down(self, now: float) -> bool:
        """Whether it is known that Kafka takes nothing: then nobody has to wait to hear it."""
        if self.spool is not None:
            return self._keeper.known_down
        down_since = self._keeper.down_since
        return down_since is not None and now - down_since > self._timeout_s

    def _distribute(self, delivery: Delivery, places: Places, now: float, gathers: bool) -> None:
        """Each record to the lane of its partition, or past it."""
        for place, indices in places.items():
            lane = self._lane(*place)
            if lane.troubled(now) if self.spool is not None else lane.stalled(now):
                self._pass_by(delivery, indices)
            elif self.spool:
                behind = [index for index in indices if delivery.records[index] in self.spool]
                if behind:
                    self._pass_by(delivery, behind)
                if ahead := [index for index in indices if delivery.is_open(index)]:
                    lane.add(delivery, ahead, gathers=gathers)
            else:
                lane.add(delivery, indices, gathers=gathers)

    def _pass_by(self, delivery: Delivery, indices: Sequence[int]) -> None:
        """To the spool, or nowhere."""
        if self.spool is None:
            self._refuse(delivery, indices)
        else:
            self._spare([(delivery, indices)], waited=True)

    def _refuse(self, delivery: Delivery, indices: Sequence[int], why: str = _DOWN) -> None:
        self._room.give(delivery.size_of(indices))
        delivery.fail(indices, Failed(True, why))

    def _spare(
        self, parts: Sequence[Part], *, unknown: bool = False, held: bool = False, waited: bool = False
    ) -> Kept | None:
        """See `lane.Spare`."""
        assert self.spool is not None
        records = [delivery.records[index] for delivery, indices in parts for index in indices]
        kept = self.spool.put(records, unknown=unknown, held=held)
        if isinstance(kept, str):
            for delivery, indices in parts if waited else ():
                self._refuse(delivery, indices, f"Kafka does not take it now, and {kept}")
            return None
        for delivery, indices in parts:
            delivery.hand_over(indices)
        kept.done.add_done_callback(partial(self._kept, parts, waited))
        return kept

    def _kept(self, parts: Sequence[Part], waited: bool, done: "asyncio.Future[None]") -> None:
        durable = not done.cancelled() and done.exception() is None
        for delivery, indices in parts:
            if waited:
                self._room.give(delivery.size_of(indices))
            delivery.settle(indices, SPOOLED if durable else Failed(True, _DISK))

    async def _learn(self, topics: set[str]) -> bool:
        """Whether the partitions of these topics are known; asks for those that are not."""
        unknown = {topic for topic in topics if not self._keeper.partitions(topic)}
        if not unknown:
            return True
        now = time.monotonic()
        if any(now < self._missing_until.get(topic, 0.0) for topic in unknown):
            return False
        try:
            async with asyncio.timeout(self._patience_s):
                for topic in unknown:
                    while self._keeper.partitions(topic) is None:
                        producer = await self._keeper.producer()
                        await producer.partitions_for(topic)
        except (TimeoutError, KafkaError):
            self._missing_until.update(dict.fromkeys(unknown, time.monotonic() + _MISSING_S))
            return False
        return True

    def _by_partition(self, delivery: Delivery) -> Places | None:
        """The records by place; None where it is not known how many partitions a topic has."""
        if len(delivery.records) == 1:
            (record,) = delivery.records
            partition = self.partition(record)
            return None if partition is None else {(record.topic, partition): (0,)}
        counts: dict[str, int] = {}
        places: dict[tuple[str, int], list[int]] = {}
        for index, record in enumerate(delivery.records):
            topic = record.topic
            count = counts.get(topic)
            if count is None:
                known = self._keeper.partitions(topic)
                if known is None:
                    return None
                count = counts[topic] = known
            place = (topic, partition_of(record.spread, count))
            indices = places.get(place)
            if indices is None:
                places[place] = [index]
            else:
                indices.append(index)
        return places

    def _lane(self, topic: str, partition: int) -> Lane:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            spare = None if self.spool is None else self._spare
            lane = Lane(topic, partition, self._keeper, self._timeout_s, self._room.give, spare, self._observer)
            self._lanes[topic, partition] = lane
        return lane

    def _watch(self, delivery: Delivery, until: float) -> None:
        self._open[delivery] = until
        if self._expiry is None:
            self._expiry = asyncio.get_running_loop().call_later(self._patience_s, self._tick)

    def _forget(self, delivery: Delivery) -> None:
        self._open.pop(delivery, None)

    def _tick(self) -> None:
        """Lanes that make records wait for too long give way; deliveries whose time is over are settled.

        All deliveries have the same time, so the oldest are first.
        """
        now = time.monotonic()
        if self.spool is not None:
            for lane in self._lanes.values():
                if lane.overdue(now - self._patience_s):
                    lane.give_way()
        for delivery, deadline in tuple(self._open.items()):
            if deadline > now:
                break
            self._expire(delivery, _LATE)
        self._expiry = None
        if self._open:
            wait_s = _STEP_S
            if self.spool is None:
                wait_s += max(next(iter(self._open.values())) - now, 0)
            self._expiry = asyncio.get_running_loop().call_later(wait_s, self._tick)

    def _expire(self, delivery: Delivery, why: str) -> None:
        """Settles what is open, and takes back what has not been sent."""
        for lane in self._lanes.values():
            lane.withdraw(delivery)
        everything = range(len(delivery.records))
        delivery.fail(everything, Failed(True, why, unknown=True))
        delivery.settle(everything, Failed(True, _DISK, unknown=True))
