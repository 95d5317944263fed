"""A few consumers that queries share, so that no number of requests can take more of the broker than these."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from carbon_stream.streaming import clients
from carbon_stream.views import consumers

_ANSWER_MS_MAX = 5_000
_FETCH_WAIT_MS = 25
_WAIT_S = 1.0


class Busy(Exception):
    """All consumers are in use, and none came free in a second."""


class ConsumerPool:
    """At most `size` consumers, read committed and without a group. They are started when first needed, and kept."""

    def __init__(self, kafka: Mapping[str, Any], size: int = 4) -> None:
        self._kafka = {**kafka, "request_timeout_ms": _ANSWER_MS_MAX}
        self._free = asyncio.Semaphore(size)
        self._idle: list[AIOKafkaConsumer] = []
        self._is_closed = False
        self._admin: AIOKafkaAdminClient | None = None
        self._admin_lock = asyncio.Lock()

    @asynccontextmanager
    async def consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer for one query; raises Busy. One whose query failed is not used again."""
        try:
            await asyncio.wait_for(self._free.acquire(), _WAIT_S)
        except TimeoutError:
            raise Busy from None
        consumer = None
        try:
            if self._idle:
                consumer = self._idle.pop()
            else:
                consumer = self._new()
                await consumer.start()
            yield consumer
            if self._is_closed:
                await clients.stop(consumer)
            else:
                self._idle.append(consumer)
        except BaseException:
            if consumer is not None:
                await clients.stop(consumer)
            raise
        finally:
            self._free.release()

    async def partitions(self, topics: Collection[str]) -> set[TopicPartition]:
        """The partitions that these topics have now."""
        async with self._admin_lock:
            try:
                if self._admin is None:
                    self._admin = AIOKafkaAdminClient(**self._kafka)
                    await self._admin.start()
                return await consumers.partitions_of(self._admin, topics)
            except BaseException:
                await self._close_admin()
                raise

    async def close(self) -> None:
        """Stop what is idle, and what is in use when it comes back."""
        self._is_closed = True
        while self._idle:
            await clients.stop(self._idle.pop())
        await self._close_admin()

    async def _close_admin(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            await admin.close()

    def _new(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            **self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_max_bytes=16 << 20,
        )
