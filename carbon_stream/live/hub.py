"""The one consumer behind all readers of a process: at the end of the topics, as long as somebody reads.

It is not let fall behind: where more waits than `BEHIND_MAX` records, it goes to the end, and readers are told how many
were passed over. A tail that is late is no tail, and queries share this process.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.live.frames import Hide, lazily
from carbon_stream.live.positions import Positions
from carbon_stream.live.reader import EVENTS_MAX, Reader
from carbon_stream.streaming import clients
from carbon_stream.views import consumers

log = logging.getLogger(__name__)

BEHIND_MAX = 20_000
READERS_MAX = 64
_POLL_MS = 100
_POLL_RECORDS_MAX = 500
_FETCH_WAIT_MS = 100
_FETCH_BYTES_MAX = 4 << 20
_GROWTH_EVERY_S = 10.0
_RETRY_S = 1.0
_ANSWER_MS_MAX = 5_000
_START_S_MAX = 10.0


class Full(Exception):
    """There are as many readers as there may be."""


class Unavailable(Exception):
    """Kafka cannot be read at the moment."""


class Hub:
    """Hands new records to its readers. `kafka` are an aiokafka client's settings."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        *,
        readers_max: int = READERS_MAX,
        reader_events_max: int = EVENTS_MAX,
        hide: Hide = lambda _: None,
    ) -> None:
        self.hide = hide
        self.reader_events_max = reader_events_max
        self.readers: set[Reader] = set()
        self._kafka = dict(kafka)
        self.readers_max = readers_max
        self._positions: Positions = {}
        self._started = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @contextmanager
    def place(self, reader: Reader) -> Iterator[None]:
        """A reader's place, held until the context ends; raises Full. The consumer starts with the first reader."""
        if self._is_closed or len(self.readers) >= self.readers_max:
            raise Full
        self.readers.add(reader)
        if self._task is None:
            self._started.clear()
            self._positions = {}
            self._task = asyncio.create_task(self._run(), name="live tail")
        try:
            yield
        finally:
            self.readers.discard(reader)
            if not self.readers:
                self._end()

    async def joined(self, reader: Reader) -> Positions:
        """From these positions on the reader is offered everything. Raises Unavailable."""
        try:
            async with asyncio.timeout(_START_S_MAX):
                await self._started.wait()
        except TimeoutError:
            raise Unavailable("the brokers have not said where the topics end") from None
        reader.mark(self._positions)
        return dict(self._positions)

    async def close(self) -> None:
        """Every stream ends with what it has; then the consumer stops."""
        self._is_closed = True
        for reader in self.readers:
            reader.close()
        self._end()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError) as error:
                log.info("the live tail cannot be read, trying again: %r", error)
            except Exception:
                log.exception("the live tail failed, trying again")
            await asyncio.sleep(_RETRY_S)

    async def _follow(self) -> None:
        """Hand out what comes until something fails; what came meanwhile comes with the next attempt."""
        consumer = AIOKafkaConsumer(
            **self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            isolation_level="read_committed",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_max_bytes=_FETCH_BYTES_MAX,
            request_timeout_ms=_ANSWER_MS_MAX,
        )
        admin = AIOKafkaAdminClient(**self._kafka, request_timeout_ms=_ANSWER_MS_MAX)
        loop = asyncio.get_running_loop()
        try:
            await consumer.start()
            await admin.start()
            while True:
                await self._assign(consumer, await consumers.partitions_of(admin, BY_NAME))
                until = loop.time() + _GROWTH_EVERY_S
                while loop.time() < until:
                    await self._poll(consumer)
        finally:
            await clients.stop(consumer)
            await admin.close()

    async def _assign(self, consumer: AIOKafkaConsumer, partitions: set[TopicPartition]) -> None:
        """At the first time from the end; a partition that comes later is read from its beginning."""
        if partitions - consumer.assignment():
            if not self._started.is_set():
                self._positions = await _ends(consumer, partitions)
            consumer.assign(list(partitions))
            for partition in partitions:
                consumer.seek(partition, self._positions.setdefault(partition, 0))
        self._started.set()

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        if not consumer.assignment():
            await asyncio.sleep(_RETRY_S)
            return
        polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS_MAX)
        for partition, records in polled.items():
            for record in records:
                show = lazily(record, self.hide)
                for reader in self.readers:
                    reader.offer(record.topic, show)
            self._positions[partition] = records[-1].offset + 1
        if polled:
            await self._keep_up(consumer)
            for reader in self.readers:
                reader.mark(self._positions)
        await asyncio.sleep(0)  # getmany gives way to no one while it has records

    async def _keep_up(self, consumer: AIOKafkaConsumer) -> None:
        behind = {
            partition: (consumer.highwater(partition) or 0) - position
            for partition, position in self._positions.items()
        }
        if sum(max(0, records) for records in behind.values()) <= BEHIND_MAX:
            return
        ends = await _ends(consumer, self._positions)
        for reader in self.readers:
            reader.skip(
                sum(
                    max(0, end - self._positions[partition])
                    for partition, end in ends.items()
                    if partition.topic in reader.wanted.topics
                )
            )
        for partition, end in ends.items():
            consumer.seek(partition, end)
        self._positions.update(ends)


async def _ends(consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> Positions:
    return dict(await consumer.end_offsets(list(partitions))) if partitions else {}
