"""The part of the demo that goes as a service's events should: by the producer library, straight to Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import orjson

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.demo.step import Expected, Step, Way
from carbon_stream_producer import AiokafkaTransport, AsyncEventProducer, Receipt

_PATIENCE_S: Final = 3_600.0
_CLOSE_S: Final = 20.0
Sent = asyncio.Future[Receipt]


class LibraryWay:
    """Sends what is valid and has its catalog's key; other keys, and what is no event, need a bare client."""

    def __init__(self, kafka: Mapping[str, Any]) -> None:
        # A demo waits for its broker rather than giving events up.
        transport = AiokafkaTransport(client=kafka)
        self._producer = AsyncEventProducer("demo", transport=transport, delivery_timeout_s=_PATIENCE_S)

    @staticmethod
    def takes(step: Step) -> bool:
        """Whether the library would make this record of this event."""
        if step.way is not Way.KAFKA or step.expected is Expected.REFUSED or not step.value or step.key is None:
            return False
        return BY_NAME[step.topic].key(orjson.loads(step.value)) == step.key.decode()

    async def send(self, step: Step) -> Sent:
        """Hands the event over; the future is its receipt."""
        return await self._producer.produce_custom_event(step.topic, orjson.loads(step.value or b""))

    async def close(self) -> None:
        """Delivers what waits."""
        await self._producer.close(_CLOSE_S)
