"""Events of our own: made, enriched and published as those of senders are."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from carbon_stream.contracts import codec
from carbon_stream.contracts.own import SOURCE
from carbon_stream.enrichment import Enrichment, Origin
from carbon_stream.enrichment.services import Service
from carbon_stream.ingest.delivery import Failed
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.routing import Record, record_of

__all__ = ["OwnEvents"]

_WAITING_MAX: Final = 1_000
_RETRY_S: Final = 1.0
_ATTEMPTS: Final = 60
_CLOSE_S: Final = 3.0

log = logging.getLogger(__name__)


class OwnEvents:
    """Publishes through `publisher`. `lost` is told of each event that could not be."""

    def __init__(
        self,
        publisher: Callable[[], Publisher],
        services: Mapping[str, Service],
        lost: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._publisher, self._services, self._lost = publisher, services, lost
        self._waiting: asyncio.Queue[Record] = asyncio.Queue(_WAITING_MAX)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to publish what is noted."""
        self._task = asyncio.create_task(self._work(), name="own-events")

    async def close(self) -> None:
        """Publishes what waits, for a moment, then gives it up."""
        if self._task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._waiting.join()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        while not self._waiting.empty():
            self._give_up(self._waiting.get_nowait(), "the service is stopping")

    async def publish(self, event: dict[str, Any], origin: Origin) -> bool:
        """Publishes now; whether it is durable."""
        (outcome,) = await self._publisher().publish([self._record(event, origin)])
        return not isinstance(outcome, Failed)

    def note(self, event: dict[str, Any], origin: Origin) -> None:
        """Publishes soon, and tries again for a minute; nobody waits for it."""
        record = self._record(event, origin)
        try:
            self._waiting.put_nowait(record)
        except asyncio.QueueFull:
            self._give_up(record, "too many wait already")

    def _record(self, event: dict[str, Any], origin: Origin) -> Record:
        data = {"source": SOURCE, **event}
        topic = codec.accept(data)
        Enrichment(origin, self._services).apply(topic, data)
        traceparent = str(origin.trace).encode() if origin.trace else None
        return record_of(topic, data, codec.encode(data), origin.received_at, traceparent)

    async def _work(self) -> None:
        while True:
            record = await self._waiting.get()
            try:
                await self._deliver(record)
            finally:
                self._waiting.task_done()

    async def _deliver(self, record: Record) -> None:
        for _ in range(_ATTEMPTS):
            (outcome,) = await self._publisher().publish([record])
            if not isinstance(outcome, Failed):
                return
            if not outcome.retriable:
                break
            await asyncio.sleep(_RETRY_S)
        self._give_up(record, "Kafka did not take it")

    def _give_up(self, record: Record, why: str) -> None:
        log.error("an event of our own for %s was not recorded: %s", record.topic, why)
        self._lost(record.topic)
