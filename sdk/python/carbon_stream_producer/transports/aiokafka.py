"""Straight to Kafka from asyncio, by aiokafka.

aiokafka never gives up a batch, and after one that the broker refused every later one of that partition is out of
order. So deliveries have a deadline of ours, and a client with a failed or an overdue batch is replaced.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from carbon_stream_producer.delivery import Receipt
from carbon_stream_producer.errors import DeliveryFailed, MissingExtra
from carbon_stream_producer.partitioner import partition_of
from carbon_stream_producer.record import Record
from carbon_stream_producer.settings import KafkaSettings
from carbon_stream_producer.transports.base import Opening

__all__ = ["AiokafkaTransport"]

RECORD_BYTES_MAX: Final = (1 << 20) + (64 << 10)
_BATCH_BYTES: Final = 64 << 10
_GRACE_S: Final = 2.0
_FINAL: Final = frozenset({"MessageSizeTooLargeError", "TopicAuthorizationFailedError", "InvalidMessageError"})


class AiokafkaTransport:
    """Idempotent, acks=all, lz4, linger 10 ms, murmur2.

    `settings` come from the environment unless given; a service that has aiokafka's own keyword arguments for its
    brokers (`bootstrap_servers`, `ssl_context`, …) gives them as `client` instead.
    """

    def __init__(self, settings: KafkaSettings | None = None, *, client: Mapping[str, Any] | None = None) -> None:
        self._settings = settings
        self._client_options = client
        self._pending: dict[asyncio.Future[Receipt], tuple[str, float]] = {}
        """Deliveries under way, oldest first, with their event and deadline."""
        self._client: Any = None
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, opening: Opening) -> None:
        """Find the library and check the settings; the client connects at the first event."""
        try:
            import aiokafka
            import cramjam  # noqa: F401 - what lz4 needs
        except ImportError:
            raise MissingExtra("sending to Kafka from asyncio", "asyncio") from None
        self._make = aiokafka.AIOKafkaProducer
        self._log, self._timeout_s = opening.log, opening.delivery_timeout_s
        where = self._client_options
        if where is None:
            where = (self._settings or KafkaSettings.from_environment()).for_aiokafka()
        self._options = {
            **where,
            "client_id": f"carbon-stream-producer-{opening.service}"[:200],
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "lz4",
            "linger_ms": 10,
            "max_batch_size": _BATCH_BYTES,
            "max_request_size": RECORD_BYTES_MAX,
        }
        self._task(self._watch())

    async def send(self, record: Record) -> "asyncio.Future[Receipt]":
        """Hand the record to aiokafka; DeliveryFailed where it cannot be handed over in time."""
        event_id, _, topic, key, value, headers, spread, _ = record
        try:
            async with asyncio.timeout(self._timeout_s):
                client = self._client or await self._started()
                partitions = client.client.cluster.partitions_for_topic(topic) or await client.partitions_for(topic)
                partition = partition_of(spread, len(partitions))
                sent = await client.send(topic, value, key=key, partition=partition, headers=headers)
        except Exception as error:
            raise self._failure(event_id, error) from error
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._pending[future] = (event_id, time.monotonic() + self._timeout_s)
        sent.add_done_callback(partial(self._report, future, event_id, client))
        return future

    async def flush(self) -> None:
        """Nothing to do: aiokafka lingers for 10 ms at most."""

    async def close(self, timeout_s: float) -> None:
        """Deliver for so long, then give up the rest."""
        if self._pending and timeout_s > 0:
            await asyncio.wait(tuple(self._pending), timeout=timeout_s)
        for future, (event_id, _) in tuple(self._pending.items()):
            self._fail(future, DeliveryFailed(event_id, "the producer was closed before it was sent", retriable=True))
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))
        client, self._client = self._client, None
        if client is not None:
            await _end(client)

    async def _started(self) -> Any:
        async with self._starting:
            if self._client is None:
                client = self._make(**self._options)
                try:
                    await client.start()
                except BaseException:
                    await _end(client)
                    raise
                self._client = client
            return self._client

    def _report(self, future: "asyncio.Future[Receipt]", event_id: str, client: Any, sent: Any) -> None:
        error = asyncio.CancelledError() if sent.cancelled() else sent.exception()
        if error is not None:
            self._renew(client)
            self._fail(future, self._failure(event_id, error))
        elif self._pending.pop(future, None) is not None and not future.done():
            found = sent.result()
            future.set_result(Receipt(event_id, "accepted", found.topic, found.partition, found.offset))

    def _fail(self, future: "asyncio.Future[Receipt]", error: DeliveryFailed) -> None:
        self._pending.pop(future, None)
        if not future.done():
            future.set_exception(error)

    def _failure(self, event_id: str, error: BaseException) -> DeliveryFailed:
        name = type(error).__name__
        hint = f"; {self._look_at()}" if "Conn" in name else ""
        if name in ("UnknownTopicOrPartitionError", "KafkaTimeoutError", "TimeoutError"):
            hint = "; does the broker answer, and has the topic been created (carbon-stream bootstrap apply topics)?"
        return DeliveryFailed(
            event_id, f"Kafka did not take it: {name} {error}{hint}".strip(), retriable=name not in _FINAL
        )

    def _look_at(self) -> str:
        """Aiokafka says only that it could not connect, and its log why: so all that a broker may refuse is named."""
        questions = ["is KAFKA_BOOTSTRAP_SERVERS right", "does a broker answer"]
        if self._options.get("ssl_context") is not None:
            questions.append(
                "is KAFKA_SSL_CA_LOCATION the authority that signed the broker's certificate, does the broker take ours"
                " (KAFKA_SSL_CERTIFICATE_LOCATION)"
            )
        if self._options.get("sasl_mechanism") is not None:
            questions.append("are KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM right")
        return f"{', '.join(questions[:-1])}, and {questions[-1]}?"

    async def _watch(self) -> None:
        """Fails what is overdue, and does not let the old client send it after all."""
        while True:
            await asyncio.sleep(min(0.5, self._timeout_s / 4))
            now = time.monotonic()
            overdue = [(future, told[0]) for future, told in self._pending.items() if told[1] <= now]
            for future, event_id in overdue:
                self._fail(future, self._failure(event_id, TimeoutError("no acknowledgement in time")))
            if overdue and self._client is not None:
                self._renew(self._client)

    def _renew(self, client: Any) -> None:
        if client is self._client:
            self._client = None
            self._log.warning("the Kafka client is replaced after a failed delivery")
            self._task(_end(client))

    def _task(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _end(client: Any) -> None:
    """Stop a client within a bound, whatever it still has."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(_GRACE_S):
            await client.stop()
            return
    for close in (client._sender.close, client.client.close):  # `stop` waits for its batches first, for ever
        with contextlib.suppress(Exception):
            await close()
