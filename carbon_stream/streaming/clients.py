"""Kafka clients: reading what is committed, and ending them, whatever state they are in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

STOP_S_MAX = 5.0


@asynccontextmanager
async def reading(kafka: Mapping[str, Any], where_lost: Literal["earliest", "none"]) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of committed records, without a group, that is ended with the context.

    `where_lost` says what follows when retention takes a position away under its feet: it goes on at the beginning, or
    raises OffsetOutOfRangeError.
    """
    consumer = AIOKafkaConsumer(
        **kafka, enable_auto_commit=False, isolation_level="read_committed", auto_offset_reset=where_lost
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop(consumer)


async def stop(client: AIOKafkaConsumer | AIOKafkaProducer, seconds: float = STOP_S_MAX) -> None:
    """Stop a consumer or producer within a bound, also one that could not be started or is fenced; never raises.

    While a broker is away, aiokafka's own stop (0.14, `Fetcher.close`) raises CancelledError out of a fetch that it has
    cancelled itself, which would end the caller's task, and leaves connections and tasks behind.
    """
    stopping: asyncio.Task[Any] = asyncio.ensure_future(client.stop())
    done, _ = await asyncio.wait({stopping}, timeout=seconds)
    if not done:
        stopping.cancel()
        await asyncio.wait({stopping}, timeout=seconds)
    if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
        connections = client.client if isinstance(client, AIOKafkaProducer) else client._client
        await asyncio.gather(asyncio.wait_for(connections.close(), seconds), return_exceptions=True)
