"""A steady stream beside everything that happens: events, repeats, what cannot be decoded, null keys and values."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.support.counting import events

AT_ONCE = 100


class Flow:
    """Sends until it is stopped. What arrives is counted on the topics, so a send that fails is only told."""

    def __init__(self, bootstrap: str, group: str, seed: int, per_second: int) -> None:
        self._bootstrap, self._group, self._per_second = bootstrap, group, per_second
        self._records = _endless(random.Random(seed))
        self._stopping = asyncio.Event()
        self.sent = self.failed = 0

    def stop(self) -> None:
        """Send no more; what is under way is waited for."""
        self._stopping.set()

    async def run(self) -> None:
        """Until `stop`; a producer that fails is replaced."""
        while not self._stopping.is_set():
            with contextlib.suppress(KafkaError, OSError):
                await self._send_with_one_producer()

    async def _send_with_one_producer(self) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, request_timeout_ms=60_000,
            metadata_max_age_ms=3_000,
        ) as producer:  # fmt: skip
            under_way: set[asyncio.Future[object]] = set()
            failed_before = self.failed
            while not self._stopping.is_set() and self.failed == failed_before:
                for _ in range(AT_ONCE):
                    key, value = next(self._records)
                    topic = f"{self._group}-{'ab'[sum(key or b'') % 2]}"
                    if key is None and value is None:  # `send` refuses it, a batch of our own does not
                        batch = producer.create_batch()
                        batch.append(timestamp=None, key=None, value=None)
                        future = await producer.send_batch(batch, topic, partition=self.sent % 6)
                    else:
                        future = await producer.send(topic, value, key=key)
                    self.sent += 1
                    under_way.add(future)
                    future.add_done_callback(under_way.discard)
                    future.add_done_callback(self._heard)
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), AT_ONCE / self._per_second)
            await asyncio.gather(*under_way, return_exceptions=True)

    def _heard(self, future: asyncio.Future[object]) -> None:
        if future.cancelled() or future.exception() is not None:
            self.failed += 1


def _endless(dice: random.Random) -> Iterator[tuple[bytes | None, bytes | None]]:
    while True:
        for key, value in events(dice, 10_000):
            kind = dice.random()
            if kind < 0.01:
                yield None, None
            elif kind < 0.02:
                yield None, value
            else:
                yield key, value
