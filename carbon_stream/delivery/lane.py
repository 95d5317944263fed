"""One endpoint's outbox: read in order, delivered, and only then behind us.

Each partition is worked off one record after the other, so its position is all that has to be kept, and a slow or dead
endpoint holds up nobody but itself. Position and dead letter are one transaction; the partition's transactional id
shuts out a deliverer that has lost it. A record is delivered again where a process ends between its request and the
commit: at least once, under one `Idempotency-Key`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from carbon_stream.contracts.names import APP_ID, DEAD_LETTERS
from carbon_stream.delivery.attempt import Attempts, Verdict
from carbon_stream.delivery.circuit import Circuit, backoff_s
from carbon_stream.rules.model import Endpoint, outbox
from carbon_stream.streaming import clients
from carbon_stream.streaming.batch import Record
from carbon_stream.streaming.dead_letters import DeadLetter
from carbon_stream.streaming.transaction import Fenced, PartitionProducer

__all__ = ["UNDELIVERABLE", "DeliveryObserver", "Lane"]

log = logging.getLogger(__name__)

UNDELIVERABLE: Final = "undeliverable"
"""Reason of a dead letter: an endpoint has refused the event, or could not be reached for as long as it may wait."""
FAILED_MAX: Final = 10
"""Attempts that the endpoint may answer with an error of its own."""
COMMIT_EVERY_S: Final = 1.0
POLL_MS: Final = 100
POLL_RECORDS_MAX: Final = 50
RESTART_S: Final = 2.0


class DeliveryObserver(Protocol):
    """Told how deliveries go; must neither raise nor block."""

    def on_attempt(self, endpoint: str, result: str, seconds: float) -> None:
        """A request was made (delivered, retried, refused), or an event was given up (expired, with no seconds)."""

    def on_state(self, endpoint: str, oldest_s: float, circuit_open: bool) -> None:
        """Age of the oldest event in work, and whether the endpoint is left alone for a while."""


class Lane(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Delivers to one endpoint until it is closed."""

    def __init__(
        self, endpoint: Endpoint, kafka: Mapping[str, Any], attempts: Attempts, observer: DeliveryObserver
    ) -> None:
        self.endpoint, self._kafka, self._attempts, self._observer = endpoint, dict(kafka), attempts, observer
        self._group = f"{APP_ID}-outbox-{endpoint.name}"
        self._circuit = Circuit()
        self._closing = asyncio.Event()
        self._tasks: dict[TopicPartition, asyncio.Task[None]] = {}
        self._producers: dict[TopicPartition, PartitionProducer] = {}
        self._ages: dict[TopicPartition, float] = {}

    async def run(self) -> None:
        """Until it is closed, whatever the brokers do."""
        while not self._closing.is_set():
            try:
                await self._consume()
            except (KafkaError, Fenced, OSError) as error:
                log.warning("endpoint %s: starting again: %r", self.endpoint.name, error)
            except Exception:
                log.exception("endpoint %s: starting again", self.endpoint.name)
            finally:
                await self._let_go(list(self._tasks.keys() | self._producers.keys()))
            await self._pause(RESTART_S)
        self._observer.on_state(self.endpoint.name, 0.0, False)

    def close(self) -> None:
        """Finish the requests that are under way, then end."""
        self._closing.set()

    async def _consume(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._kafka,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=2 << 20,
        )
        try:
            await consumer.start()
            consumer.subscribe([outbox(self.endpoint.name)], listener=self)
            while not self._closing.is_set():
                found = await consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX)
                for tp, records in found.items():
                    consumer.pause(tp)
                    self._tasks[tp] = asyncio.create_task(self._work(tp, records), name=f"deliver {tp}")
                for tp in [tp for tp, task in self._tasks.items() if task.done()]:
                    self._tasks.pop(tp).result()
                    if tp in consumer.assignment():
                        consumer.resume(tp)
                self._tell()
        finally:
            await clients.stop(consumer)

    def _tell(self) -> None:
        now = time.time()
        oldest = max((now - at for at in self._ages.values()), default=0.0)
        self._observer.on_state(self.endpoint.name, max(0.0, oldest), self._circuit.is_open)

    # -- partitions come and go -----------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Somebody else may have them next: what is under way is finished within the endpoint's own time."""
        await self._let_go(revoked)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Nothing to do: a partition's producer is made with its first records."""

    async def _let_go(self, partitions: Sequence[TopicPartition]) -> None:
        tasks = [self._tasks.pop(tp) for tp in partitions if tp in self._tasks]
        if tasks:
            wait_s = self.endpoint.timeout_s + 1 if self._closing.is_set() else 0.5
            _, late = await asyncio.wait(tasks, timeout=wait_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for tp in partitions:
            self._ages.pop(tp, None)
            if (producer := self._producers.pop(tp, None)) is not None:
                await producer.close()

    # -- one partition --------------------------------------------------------------------------------------------

    async def _work(self, tp: TopicPartition, records: Sequence[Record]) -> None:
        producer = self._producers.get(tp)
        if producer is None:
            producer = PartitionProducer(self._kafka, f"{self._group}-{tp.partition}", self._group)
            self._producers[tp] = producer
            await producer.fence()
        committed_at, position = time.monotonic(), None
        try:
            for record in records:
                self._ages[tp] = record.timestamp / 1000
                verdict = await self._deliver(record)
                if verdict is None:
                    return
                letters = [] if verdict.meaning == "delivered" else [_letter(record, self.endpoint.name, verdict)]
                position = record.offset + 1
                if letters or time.monotonic() - committed_at > COMMIT_EVERY_S:
                    await self._commit(producer, tp, position, letters)
                    committed_at, position = time.monotonic(), None
        finally:
            self._ages.pop(tp, None)
            if position is not None:
                await self._commit(producer, tp, position, [])

    async def _commit(self, producer: PartitionProducer, tp: TopicPartition, position: int, letters: Any) -> None:
        await producer.commit(tp, {}, (DEAD_LETTERS, letters), {tp: position})

    async def _deliver(self, record: Record) -> Verdict | None:
        """Until it is delivered or given up; None where the lane closes before that."""
        name, endpoint = self.endpoint.name, self.endpoint
        attempts = failed = 0
        while await self._turn():
            began = time.monotonic()
            try:
                verdict = await self._attempts.make(endpoint, record.value or b"", record.headers or ())
            except asyncio.CancelledError:
                self._circuit.dropped()
                raise
            seconds = time.monotonic() - began
            attempts += 1
            failed += verdict.meaning == "failed"
            if verdict.meaning in ("delivered", "refused"):
                self._circuit.answered()
                self._observer.on_attempt(name, verdict.meaning, seconds)
                return verdict
            self._circuit.failed(time.monotonic())
            self._observer.on_attempt(name, "retried", seconds)
            too_old = time.time() - record.timestamp / 1000 > endpoint.give_up_after_s
            if too_old or failed >= FAILED_MAX:
                self._observer.on_attempt(name, "expired", 0)
                return Verdict("refused", f"given up after {attempts} attempts, at last: {verdict.why}")
            log.log(
                logging.WARNING if attempts in (1, 10, 100) else logging.DEBUG,
                "endpoint %s: %s-%d@%d, attempt %d: %s",
                name, record.topic, record.partition, record.offset, attempts, verdict.why, extra=_about(record),
            )  # fmt: skip
            await self._pause(backoff_s(attempts, random.random(), verdict.retry_after_s))
        return None

    async def _turn(self) -> bool:
        """Wait until a request may be made; False where the lane closes instead."""
        while not self._closing.is_set():
            wait_s = self._circuit.wait_s(time.monotonic())
            if not wait_s:
                return True
            await self._pause(wait_s)
        return False

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


def _letter(record: Record, endpoint: str, verdict: Verdict) -> DeadLetter:
    log.warning(
        "endpoint %s: %s-%d@%d is a dead letter: %s",
        endpoint, record.topic, record.partition, record.offset, verdict.why, extra=_about(record),
    )  # fmt: skip
    return DeadLetter(record, UNDELIVERABLE, f"endpoint {endpoint}: {verdict.why}")


def _about(record: Record) -> dict[str, str]:
    """The ids of an event, for logs: those of its headers."""
    headers = dict(record.headers or ())
    about = {"eventId": headers.get("ce_id", b"").decode("utf-8", "replace")}
    if trace := headers.get("traceparent"):
        about["traceId"] = trace[3:35].decode("ascii", "replace")
    return about
