"""One partition's way to Kafka: records of all requests, in order, in batches.

A lane has one batch on its way; what arrives meanwhile waits and goes together in the next one. So a single event on
an idle lane leaves at once, and under load the events of many requests share batches, without a linger time. aiokafka
has one batch a partition in flight as well, so nothing is lost by it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from carbon_stream.ingest.delivery import Delivery, Failed
from carbon_stream.ingest.failures import Verdict, judge, spoils_producer
from carbon_stream.ingest.producer import ProducerKeeper

__all__ = ["Lane"]

_ATTEMPTS_MAX = 3

Part = tuple[Delivery, Sequence[int]]
"""Records of one delivery, by index, that stand together in a batch."""

log = logging.getLogger(__name__)


class Lane:
    """The queue of one partition. `release` is told the bytes of records that have left it."""

    def __init__(
        self,
        topic: str,
        partition: int,
        keeper: ProducerKeeper,
        timeout_s: float,
        release: Callable[[int], None],
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._keeper = keeper
        self._timeout_s = timeout_s
        self._release = release
        self._waiting: dict[Delivery, Sequence[int]] = {}
        self._task: asyncio.Task[None] | None = None
        self._sent_at: float | None = None

    def stalled(self, now: float) -> bool:
        """Whether the batch on its way is overdue, `now` being monotonic seconds."""
        return self._sent_at is not None and now - self._sent_at > self._timeout_s

    def add(self, delivery: Delivery, indices: Sequence[int]) -> None:
        """Queues records of a delivery, once a delivery."""
        assert indices
        assert delivery not in self._waiting
        self._waiting[delivery] = indices
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def withdraw(self, delivery: Delivery) -> None:
        """Forgets what has not been sent of a delivery."""
        indices = self._waiting.pop(delivery, None)
        if indices is not None:
            self._release(delivery.size_of(indices))

    def cancel(self) -> None:
        """Stops sending; what is open stays so."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            while self._waiting:
                producer = await self._keeper.producer()
                builder, parts = self._fill(producer)
                if parts:
                    await self._deliver(producer, builder, parts, _ATTEMPTS_MAX)
        finally:
            self._task = None

    def _fill(self, producer: AIOKafkaProducer) -> tuple[BatchBuilder, list[Part]]:
        """A batch of what waits, in order, as much as it holds."""
        builder = producer.create_batch()
        parts: list[Part] = []
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
        try:
            metadata = await self._send(producer, builder)
        except Exception as error:  # noqa: BLE001 - `judge` tells them apart; nothing may end the lane
            await self._failed(error, producer, parts, attempts)
            return
        offset = metadata.offset if metadata is not None else -1
        for delivery, indices in parts:
            self._release(delivery.size_of(indices))
            delivery.store(indices, self._partition, offset)
            offset += len(indices) if offset >= 0 else 0

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
        if verdict is Verdict.AGAIN:
            await self._again(parts, attempts - 1)
        elif verdict is Verdict.APART:
            for half in _halves(parts, count // 2):
                await self._again(half, attempts)
        else:
            why = "Kafka did not acknowledge it in time" if isinstance(error, TimeoutError) else _describe(error)
            failure = Failed(verdict is not Verdict.NEVER, why)
            for delivery, indices in parts:
                self._release(delivery.size_of(indices))
                delivery.fail(indices, failure)

    async def _again(self, parts: list[Part], attempts: int) -> None:
        """The same records in a new batch, without those whose deadline has passed meanwhile."""
        producer = await self._keeper.producer()
        builder = producer.create_batch()
        still: list[Part] = []
        for delivery, indices in parts:
            wanted = [index for index in indices if delivery.is_open(index)]
            if wanted:
                taken = _append(builder, delivery, wanted)
                assert taken == len(wanted), "what was in one batch fits into one"
                still.append((delivery, wanted))
            self._release(delivery.size_of(indices) - delivery.size_of(wanted))
        builder.close()
        if still:
            await self._deliver(producer, builder, still, attempts)


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
