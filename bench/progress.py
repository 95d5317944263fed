"""How far the worker has come, from outside: the offsets that its transactions have committed, looked at often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from bench.events import TOPIC
from bench.figures import Sample
from bench.place import Place
from bench.preload import Stretch
from bench.processes import Child, Failed
from carbon_stream.contracts.names import APP_ID

EVERY_S = 0.05
WARM_SHARE = 0.1
"""What has been done before the clock starts: start-up and the first batches are left out."""
STALLED_S_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: events committed of the stretch, and when."""

    done: int
    at: float
    cpu_s: float


class Progress:
    """Watches a consumer group over one stretch of the topic. Made by `watching`."""

    def __init__(
        self, admin: AIOKafkaAdminClient, group: str, coordinator: int, stretch: Stretch, child: Child
    ) -> None:
        self._admin, self._group, self._coordinator = admin, group, coordinator
        self._stretch, self._child = stretch, child

    async def look(self) -> Sight:
        """How far it is now."""
        partitions = [TopicPartition(TOPIC, number) for number in self._stretch.begins]
        committed = await self._admin.list_consumer_group_offsets(self._group, self._coordinator, partitions)
        done = sum(max(0, found.offset - self._stretch.begins[tp.partition]) for tp, found in committed.items())
        return Sight(done, time.perf_counter(), self._child.cpu_s())

    async def measure(self, each: Callable[[], object] = lambda: None, warm_share: float = WARM_SHARE) -> Sample:
        """Wait until all is done. The sample is of what was done after the first `warm_share`; calls `each` often."""
        before = since = await self.look()
        total = self._stretch.count
        changed_at = since.at
        while True:
            await asyncio.sleep(EVERY_S)
            each()
            now = await self.look()
            if now.done > before.done:
                changed_at = now.at
            elif now.at - changed_at > STALLED_S_MAX:
                raise Failed(str(self._child.failure(f"stands still at {now.done} of {total} events")))
            if since.done < total * warm_share:
                # where one look shows all of it, the look before has to do
                since = before if now.done >= total else now
            if now.done >= total:
                return Sample(now.done - since.done, now.at - since.at, now.cpu_s - since.cpu_s)
            before = now


@asynccontextmanager
async def watching(place: Place, stretch: Stretch, child: Child, group: str = APP_ID) -> AsyncIterator[Progress]:
    """Progress of a worker that has just been started, by its consumer group."""
    admin = AIOKafkaAdminClient(**place.settings.kafka_client())
    await admin.start()
    try:
        yield Progress(admin, group, await _coordinator(admin, group), stretch, child)
    finally:
        await admin.close()


async def _coordinator(admin: AIOKafkaAdminClient, group: str) -> int:
    """The broker makes the topic of offsets when it is first asked for."""
    deadline = time.monotonic() + STALLED_S_MAX
    while True:
        try:
            return int(await admin.find_coordinator(group))
        except KafkaError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(EVERY_S)
