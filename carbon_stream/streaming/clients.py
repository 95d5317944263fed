"""Ending Kafka clients, whatever state they are in."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

STOP_S_MAX = 5.0


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
