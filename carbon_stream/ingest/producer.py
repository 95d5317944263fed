"""Keeps one idempotent aiokafka producer, from before Kafka is up until after it is gone.

aiokafka 0.14 numbers an idempotent producer's batches in a sequence for each partition and never corrects it: after
one batch that the broker has refused, or that was given up, every later batch of that partition is out of order. And
it never gives up a batch by itself. So a producer with a failed or an overdue batch is replaced, and the old one may
finish what it still has, for a bounded time. This module and `compression` alone know aiokafka's internals.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from itertools import chain
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed

from carbon_stream.ingest.compression import compress_fast
from carbon_stream.ingest.observer import IngestObserver, Unobserved

__all__ = ["BATCH_BYTES", "ProducerKeeper"]

BATCH_BYTES: Final = 512 << 10
"""Records of one batch, uncompressed. With one batch a partition in a request, 120 partitions stay below the broker's
`socket.request.max.bytes` (100 MiB), and a batch below any topic's `max.message.bytes`, unless it is one record."""

_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0)
_START_S: Final = 30.0
_PROBE_S: Final = 5.0
_GRACE_S: Final = 1.0
"""For the batches of a replaced producer that are on their way to brokers that do answer."""
_METADATA_AGE_MS: Final = 30_000

log = logging.getLogger(__name__)


class ProducerKeeper:
    """Holds the current producer; `start` returns at once and connects in the background.

    `kafka` are keyword arguments for aiokafka clients, `topics` those whose metadata is kept, `record_bytes_max` the
    largest record that will be sent, `timeout_s` the bound on one request to a broker.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        topics: tuple[str, ...],
        *,
        record_bytes_max: int,
        timeout_s: float,
        observer: IngestObserver | None = None,
    ) -> None:
        compress_fast()
        self._options = {
            "client_id": "carbon-stream-ingest",
            **kafka,
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "lz4",
            "linger_ms": 0,  # batches form behind the request in flight; see `lane`
            "max_batch_size": BATCH_BYTES,
            "max_request_size": record_bytes_max + (64 << 10),
            "request_timeout_ms": int(timeout_s * 1000),
            "metadata_max_age_ms": _METADATA_AGE_MS,
        }
        self._topics = topics
        self._timeout_s = timeout_s
        self._observer = observer or Unobserved()
        self._producer: AIOKafkaProducer | None = None
        self._up = asyncio.Event()
        self._renew = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._answering = False
        self._partitions: dict[str, int] = {}
        self.down_since: float | None = time.monotonic()
        """When (monotonic, seconds) Kafka ceased to answer; None while it does."""
        self.known_down = False
        """Whether Kafka was asked and did not answer: not so before the first attempt to connect has ended."""

    def start(self) -> None:
        """Begins to connect."""
        assert self._keeping is None
        self._keeping = asyncio.create_task(self._keep(), name="ingest-producer")

    async def close(self) -> None:
        """Ends all producers: flushes, for at most `timeout_s`, then gives up what is left."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        self._up.clear()
        if self._producer is not None:
            self._retire(self._producer, self._timeout_s)
            self._producer = None
        if self._retiring:
            await asyncio.wait(self._retiring)

    @property
    def ready(self) -> bool:
        """Whether there is a producer and Kafka answered it when last asked."""
        return self._answering and self._up.is_set()

    async def producer(self) -> AIOKafkaProducer:
        """The current producer; waits until there is one."""
        while self._producer is None:
            await self._up.wait()
        return self._producer

    def partitions(self, topic: str) -> int | None:
        """The number of a topic's partitions where it is known, as heard within the last half minute."""
        count = self._partitions.get(topic)
        if count is None and self._producer is not None:
            self._count(self._producer, topic)
            count = self._partitions.get(topic)
        return count

    def _count(self, producer: AIOKafkaProducer, topic: str) -> None:
        found = producer.client.cluster.partitions_for_topic(topic)
        if found:
            self._partitions[topic] = len(found)

    def renew(self, producer: AIOKafkaProducer) -> None:
        """Replaces a producer that has failed; nothing where it has been replaced already."""
        if producer is self._producer:
            self._producer = None
            self._up.clear()
            self._retire(producer, _GRACE_S)
            self._renew.set()

    async def _keep(self) -> None:
        attempt = 0
        while True:
            producer = AIOKafkaProducer(**self._options)
            try:
                async with asyncio.timeout(_START_S):
                    await producer.start()
                    # Topics that are missing now are asked for again when they are needed.
                    await producer.client.set_topics(self._topics)
            except asyncio.CancelledError:
                await _end(producer)
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is (TLS, SASL, DNS, …): said, and tried again
                await _end(producer)
                self._note(answering=False, why=str(error))
                await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
                attempt += 1
                continue
            attempt = 0
            self._renew.clear()
            self._producer = producer
            self._up.set()
            self._note(answering=True)
            await self._watch(producer)

    async def _watch(self, producer: AIOKafkaProducer) -> None:
        """Asks Kafka for a sign of life now and then, until the producer is to be replaced."""
        while producer is self._producer:
            try:
                async with asyncio.timeout(_PROBE_S):
                    await self._renew.wait()
            except TimeoutError:
                await self._probe(producer)
        self._renew.clear()

    async def _probe(self, producer: AIOKafkaProducer) -> None:
        try:
            async with asyncio.timeout(_PROBE_S):
                answered = bool(await producer.client.force_metadata_update())
        except (TimeoutError, KafkaError):
            answered = False
        if producer is self._producer:
            self._note(answering=answered, why="no broker answers")
            for topic in self._topics:  # they may have grown
                self._count(producer, topic)

    def _note(self, *, answering: bool, why: str = "") -> None:
        self.known_down = not answering
        if answering:
            self.down_since = None
        elif self.down_since is None:
            self.down_since = time.monotonic()
        if answering != self._answering:
            self._answering = answering
            self._observer.kafka_ready(answering)
            if answering:
                log.info("Kafka answers")
            else:
                log.warning("Kafka does not answer: %s", why)

    def _retire(self, producer: AIOKafkaProducer, grace_s: float) -> None:
        task = asyncio.create_task(_finish(producer, grace_s), name="ingest-producer-end")
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


async def _finish(producer: AIOKafkaProducer, grace_s: float) -> None:
    """Lets a producer deliver what it has, for a bounded time, then ends it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            await producer.flush()
    await _end(producer)


async def _end(producer: AIOKafkaProducer) -> None:
    """Stops a producer now; what it has not delivered fails with ProducerClosed."""
    accumulator, sender = producer._message_accumulator, producer._sender
    if sender.sender_task is not None:
        sender.sender_task.remove_done_callback(sender._fail_all)  # it fails itself where there are no transactions
    for batch in (*chain.from_iterable(accumulator._batches.values()), *accumulator._pending_batches):
        batch.future.add_done_callback(_hear)  # whoever waited for it has given up, or hears of it too
    accumulator.fail_all(ProducerClosed())
    try:
        await producer.stop()
    except Exception as error:  # noqa: BLE001 - a batch failed under the sender's hands makes it stumble
        log.debug("the producer did not stop cleanly: %r", error)
        await producer.client.close()


def _hear(future: asyncio.Future[object]) -> None:
    """Takes note of an outcome: one that nobody hears of is logged as an error when it is forgotten."""
    if not future.cancelled():
        future.exception()
