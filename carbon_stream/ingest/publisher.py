"""Publishes records and says what became of each: on its topic, acknowledged by all in-sync replicas, or not."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka.errors import KafkaError

from carbon_stream.ingest.delivery import Delivery, Failed, Outcome, Stored
from carbon_stream.ingest.lane import Lane
from carbon_stream.ingest.limits import Room
from carbon_stream.ingest.observer import IngestObserver
from carbon_stream.ingest.producer import ProducerKeeper
from carbon_stream.routing import Record, partition_of

__all__ = ["Failed", "Outcome", "Publisher", "Stored"]

_EXPIRY_STEP_S: Final = 0.05
_MISSING_S: Final = 1.0
"""How long a topic that was waited for in vain is not waited for again."""
_LATE: Final = "Kafka did not acknowledge it in time; it may still have arrived"
_DOWN: Final = "Kafka does not answer, or has no such topic yet"
_FULL: Final = "too much is waiting for Kafka already"
_CLOSING: Final = "the service is stopping"


class Publisher:
    """One for each process. Records of one partition keep the order of `submit` calls and of records within a call.

    `kafka` are keyword arguments for aiokafka clients. `room` is a budget of bytes, shared with whoever else takes
    from it: what does not fit is refused at once, nothing queues without bound.

    A record that is not acknowledged within `timeout_s` is Failed and retriable; its outcome is then unknown, and it
    may stand on its topic. A caller that is cancelled leaves its records to be delivered.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        topics: Sequence[str],
        *,
        room: Room,
        record_bytes_max: int,
        timeout_s: float = 10.0,
        observer: IngestObserver | None = None,
    ) -> None:
        self._timeout_s = timeout_s
        self._room = room
        self._keeper = ProducerKeeper(
            kafka, tuple(topics), record_bytes_max=record_bytes_max, timeout_s=timeout_s, observer=observer
        )
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._open: dict[Delivery, float] = {}
        self._expiry: asyncio.TimerHandle | None = None
        self._missing_until: dict[str, float] = {}
        self._closing = False

    async def start(self) -> None:
        """Begins to connect, and returns at once: Kafka need not be up."""
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
        """Whether records can be delivered now, as far as is known."""
        return not self._closing and self._keeper.ready

    async def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """Outcomes in order of the records; within `timeout_s`."""
        delivery = await self.submit(records)
        await delivery.done
        return delivery.outcomes()

    async def submit(self, records: Sequence[Record]) -> Delivery:
        """Queues records and returns, normally without waiting; `done` of the delivery is set within `timeout_s`."""
        now = time.monotonic()
        delivery = Delivery(records, self._forget)
        refusal = await self._why_not(delivery, now) if records else None
        if refusal is not None:
            delivery.fail(range(len(records)), Failed(True, refusal))
            return delivery
        self._open[delivery] = now + self._timeout_s
        for place, indices in self._by_partition(records).items():
            lane = self._lane(*place)
            if lane.stalled(now):
                self._room.give(delivery.size_of(indices))
                delivery.fail(indices, Failed(True, _DOWN))
            else:
                lane.add(delivery, indices)
        if delivery.done.done():
            self._forget(delivery)
        elif self._expiry is None:
            self._expiry = asyncio.get_running_loop().call_later(self._timeout_s, self._expire_overdue)
        return delivery

    async def _why_not(self, delivery: Delivery, now: float) -> str | None:
        """Takes room for the records and learns their topics' partitions; the reason where that fails."""
        if self._closing:
            return _CLOSING
        down_since = self._keeper.down_since
        if down_since is not None and now - down_since > self._timeout_s:
            return _DOWN  # known to be down: nobody has to wait to hear it
        unknown = {
            topic for topic in {record.topic for record in delivery.records} if not self._keeper.partitions(topic)
        }
        if unknown and not await self._learn(unknown):
            return _DOWN
        return None if self._room.take(sum(delivery.sizes)) else _FULL

    async def _learn(self, topics: set[str]) -> bool:
        now = time.monotonic()
        if any(now < self._missing_until.get(topic, 0.0) for topic in topics):
            return False
        try:
            async with asyncio.timeout(self._timeout_s):
                for topic in topics:
                    while self._keeper.partitions(topic) is None:
                        producer = await self._keeper.producer()
                        await producer.partitions_for(topic)
        except (TimeoutError, KafkaError):
            self._missing_until.update(dict.fromkeys(topics, time.monotonic() + _MISSING_S))
            return False
        return True

    def _by_partition(self, records: Sequence[Record]) -> dict[tuple[str, int], list[int]]:
        counts: dict[str, int] = {}
        places: dict[tuple[str, int], list[int]] = {}
        for index, record in enumerate(records):
            topic = record.topic
            count = counts.get(topic)
            if count is None:
                known = self._keeper.partitions(topic)
                assert known is not None, "asked for before"
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
            lane = Lane(topic, partition, self._keeper, self._timeout_s, self._room.give)
            self._lanes[topic, partition] = lane
        return lane

    def _forget(self, delivery: Delivery) -> None:
        self._open.pop(delivery, None)

    def _expire_overdue(self) -> None:
        """Settles deliveries whose time is over. All have the same time, so the oldest are first."""
        now = time.monotonic()
        for delivery, deadline in tuple(self._open.items()):
            if deadline > now:
                break
            self._expire(delivery, _LATE)
        self._expiry = None
        if self._open:
            oldest = next(iter(self._open.values()))
            wait_s = max(oldest - now, 0) + _EXPIRY_STEP_S
            self._expiry = asyncio.get_running_loop().call_later(wait_s, self._expire_overdue)

    def _expire(self, delivery: Delivery, why: str) -> None:
        """Settles what is open, and takes back what has not been sent."""
        for lane in self._lanes.values():
            lane.withdraw(delivery)
        delivery.fail(range(len(delivery.records)), Failed(True, why))
