"""One partition's way to Kafka: records of all requests, in order, in batches.

A lane has one batch on its way; what arrives meanwhile waits and goes together in the next one. So a single event on
an idle lane leaves at once, and under load the events of many requests share batches, without a linger time. aiokafka
has one batch a partition in flight as well, so nothing is lost by it.

Where there is a spool, what cannot be delivered goes there (`give_way`): all new records of the lane at once, in order,
so that none overtakes another. Of the batch on its way it is heard later whether it arrived after all.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from carbon_stream.ingest.delivery import Delivery, Failed
from carbon_stream.ingest.failures import Verdict, judge, may_have_arrived, spoils_producer
from carbon_stream.ingest.observer import IngestObserver, Unobserved
from carbon_stream.ingest.producer import ProducerKeeper
from carbon_stream.ingest.spool.keeping import Kept
from carbon_stream.routing import Record

__all__ = ["Lane", "Part", "Spare"]

_ATTEMPTS_MAX: Final = 3
_TROUBLED_S: Final = 5.0
"""How long after a failure new records go to the spool at once, unless a batch is acknowledged before."""
_BEHIND: Final = "an earlier record of its partition was not acknowledged"

Part = tuple[Delivery, Sequence[int]]
"""Records of one delivery, by index, that stand together in a batch."""


class Spare(Protocol):
    """Hands open records over to the spool; None when it refused them. `unknown`: they may be on their topic already.

    `held`: they are on their way, and the lane tells what becomes of them. `waited`: their room is no longer the
    lane's, and what is refused has failed.
    """

    def __call__(
        self, parts: Sequence[Part], *, unknown: bool = False, held: bool = False, waited: bool = False
    ) -> Kept | None: ...


log = logging.getLogger(__name__)


class Lane:
    """The queue of one partition. `release` is told the bytes of records that have left it; `spare` is the spool."""

    def __init__(
        self,
        topic: str,
        partition: int,
        keeper: ProducerKeeper,
        timeout_s: float,
        release: Callable[[int], None],
        spare: Spare | None = None,
        observer: IngestObserver | None = None,
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._keeper = keeper
        self._timeout_s = timeout_s
        self._release = release
        self._spare = spare
        self._observer = observer or Unobserved()
        self._waiting: dict[Delivery, Sequence[int]] = {}
        self.gathering: Delivery | None = None
        """The last one that waits, where further records may join it."""
        self._sending: list[Part] = []
        self._apart: list[list[Part]] = []
        """Batches that are to be sent again, or in smaller ones: the next one last."""
        self._kept: list[Kept] = []
        """What the spool has of the batch on its way."""
        self._task: asyncio.Task[None] | None = None
        self._sent_at: float | None = None
        self._troubled_until = 0.0
        self._doubtful = False
        """Whether an earlier attempt at the batch on its way may have arrived."""

    def stalled(self, now: float) -> bool:
        """Whether the batch on its way is overdue, `now` being monotonic seconds."""
        return self._sent_at is not None and now - self._sent_at > self._timeout_s

    def troubled(self, now: float) -> bool:
        """Whether it has failed to deliver lately."""
        return now < self._troubled_until

    def add(self, delivery: Delivery, indices: Sequence[int], *, gathers: bool = False) -> None:
        """Queues records of a delivery, once a delivery. `gathers`: they are all of it, and others may join them."""
        assert indices
        assert delivery not in self._waiting
        self._waiting[delivery] = indices
        self.gathering = delivery if gathers else None  # one that joined another than the last would overtake
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def join(self, record: Record, size: int) -> int:
        """Queues one more record, at the end, with the delivery that is gathering; gives its index there."""
        assert self.gathering is not None
        index = self.gathering.join(record, size)
        self._waiting[self.gathering] = range(index + 1)
        return index

    def withdraw(self, delivery: Delivery) -> None:
        """Forgets what has not been sent of a delivery."""
        indices = self._waiting.pop(delivery, None)
        if indices is not None:
            self._release(delivery.size_of(indices))
            self.gathering = None

    def overdue(self, since: float) -> bool:
        """Whether a new record has been open since before then (monotonic, seconds)."""
        parts = (*self._sending, *(part for half in self._apart for part in half), *self._waiting.items())
        return any(delivery.began < since and _new([(delivery, indices)]) for delivery, indices in parts)

    def give_way(self, *, unknown: bool = True) -> None:
        """All new records go to the spool: they have waited for too long, or what stands before them has failed.

        `unknown`: the batch on its way may still arrive, or has.
        """
        self._troubled_until = time.monotonic() + _TROUBLED_S
        if self._spare is None:
            return
        if sending := _new(self._sending):
            kept = self._spare(sending, unknown=unknown, held=True)
            if kept is not None:
                self._kept.append(kept)
        for half in reversed(self._apart):
            if later := _new(half):
                self._spare(later, unknown=True)
        waiting = [(delivery, indices) for delivery, indices in self._waiting.items() if not delivery.forwarded]
        later = _new(waiting)
        for delivery, _ in waiting:
            del self._waiting[delivery]
        self.gathering = None
        settled = sum(delivery.size_of(indices) for delivery, indices in waiting)
        self._release(settled - sum(delivery.size_of(indices) for delivery, indices in later))
        if later:
            self._spare(later, waited=True)

    def cancel(self) -> None:
        """Stops sending; what is open stays so."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting:
                producer = await self._keeper.producer()
                builder, parts = self._fill(producer)
                self._doubtful = False
                if parts:
                    await self._deliver(producer, builder, parts, _ATTEMPTS_MAX)
        finally:
            self._task = None

    def _fill(self, producer: AIOKafkaProducer) -> tuple[BatchBuilder, list[Part]]:
        """A batch of what waits, in order, as much as it holds."""
        builder = producer.create_batch()
        parts: list[Part] = []
        self.gathering = None
        while self._waiting:
            delivery, indices = next(iter(self._waiting.items()))
            taken = _append(builder, delivery, indices)
            if taken < len(indices):
                if taken:
                    parts.append((delivery, indices[:taken]))
                    self._waiting[delivery] = indices[taken:]
                break
            parts.append((delivery, indices))
            del self._waiting[delivery]
        builder.close()  # nobody else may add to it, and it does not linger
        return builder, parts

    async def _deliver(
        self, producer: AIOKafkaProducer, builder: BatchBuilder, parts: list[Part], attempts: int
    ) -> None:
        """Sends one batch and settles its records, by further attempts where those make sense."""
        self._sending = parts
        try:
            metadata = await self._send(producer, builder)
        except Exception as error:  # noqa: BLE001 - `judge` tells them apart; nothing may end the lane
            await self._failed(error, producer, parts, attempts)
            return
        self._settled(arrived=True)
        self._troubled_until = 0.0
        offset = metadata.offset if metadata is not None else -1
        for delivery, indices in parts:
            self._release(delivery.size_of(indices))
            delivery.store(indices, self._partition, offset)
            offset += len(indices) if offset >= 0 else 0

    def _settled(self, *, arrived: bool) -> None:
        """The batch on its way has an outcome: the spool may send what it has of it, or forget it."""
        self._sending = []
        kept, self._kept = self._kept, []
        for each in kept:
            each.heard(arrived=arrived)

    async def _send(self, producer: AIOKafkaProducer, builder: BatchBuilder) -> RecordMetadata | None:
        self._sent_at = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                acknowledged = await producer.send_batch(builder, self._topic, partition=self._partition)
                metadata: RecordMetadata | None = await acknowledged
                return metadata
        finally:
            self._sent_at = None

    async def _failed(self, error: Exception, producer: AIOKafkaProducer, parts: list[Part], attempts: int) -> None:
        count = sum(len(indices) for _, indices in parts)
        verdict = judge(error, count)
        if spoils_producer(error, verdict):
            self._keeper.renew(producer)
        if verdict is Verdict.AGAIN and attempts == 1:
            verdict = Verdict.LATER
        log.warning("a batch of %d to %s/%d failed: %r: %s", count, self._topic, self._partition, error, verdict.value)
        self._doubtful |= may_have_arrived(error)
        if verdict is Verdict.AGAIN:
            self._settled(arrived=False)
            self._observer.sent_again(count)
            await self._again(parts, attempts - 1)
        elif verdict is Verdict.APART:
            self._settled(arrived=False)
            first, second = _halves(parts, count // 2)
            self._apart.append(second)
            await self._again(first, attempts)
            await self._again(self._apart.pop(), attempts)
        else:
            why = "Kafka did not acknowledge it in time" if isinstance(error, TimeoutError) else _describe(error)
            self._give_up(parts, Failed(verdict is not Verdict.NEVER, why, self._doubtful))

    def _give_up(self, parts: list[Part], failure: Failed) -> None:
        """Settles a batch that was not delivered, and with a spool all that stands behind it."""
        if failure.retriable and self._spare is not None:
            self.give_way(unknown=failure.unknown)
            self._fail_forwarded(self._waiting.items(), Failed(True, _BEHIND))
        self._settled(arrived=False)
        for delivery, indices in parts:
            self._release(delivery.size_of(indices))
            delivery.fail(indices, failure)

    def _fail_forwarded(self, parts: Iterable[Part], failure: Failed) -> None:
        """The spool keeps what it has, and sends it again in order."""
        for delivery, indices in [part for part in parts if part[0].forwarded]:
            del self._waiting[delivery]
            self._release(delivery.size_of(indices))
            delivery.fail(indices, failure)

    async def _again(self, parts: list[Part], attempts: int) -> None:
        """The same records in a new batch, without those that have been settled or handed over meanwhile."""
        self._apart.append(parts)
        producer = await self._keeper.producer()
        builder = producer.create_batch()
        still: list[Part] = []
        for delivery, indices in self._apart.pop():
            wanted = [index for index in indices if delivery.is_open(index)]
            if wanted:
                taken = _append(builder, delivery, wanted)
                assert taken == len(wanted), "what was in one batch fits into one"
                still.append((delivery, wanted))
            self._release(delivery.size_of(indices) - delivery.size_of(wanted))
        builder.close()
        if still:
            await self._deliver(producer, builder, still, attempts)


def _new(parts: Iterable[Part]) -> list[Part]:
    """The records that are open and that the spool does not have."""
    found: list[Part] = []
    for delivery, indices in parts:
        if not delivery.forwarded and (still := [index for index in indices if delivery.is_open(index)]):
            found.append((delivery, still))
    return found


def _append(builder: BatchBuilder, delivery: Delivery, indices: Sequence[int]) -> int:
    """Adds records to a batch, and gives how many of them it took."""
    append, records = builder.append, delivery.records
    for taken, index in enumerate(indices):
        _, key, value, headers, _, timestamp = records[index]
        if append(timestamp=timestamp, key=key, value=value, headers=headers) is None:
            return taken
    return len(indices)


def _halves(parts: list[Part], count: int) -> tuple[list[Part], list[Part]]:
    """The first `count` records, and the others."""
    first: list[Part] = []
    for place, (delivery, indices) in enumerate(parts):
        if len(indices) > count:
            second = [(delivery, indices[count:]), *parts[place + 1 :]]
            return [*first, *([(delivery, indices[:count])] if count else [])], second
        first.append((delivery, indices))
        count -= len(indices)
    return first, []


def _describe(error: Exception) -> str:
    return f"Kafka did not take it: {type(error).__name__}"
