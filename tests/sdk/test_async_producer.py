"""What the asyncio producer does, whatever carries its events."""

import asyncio
from typing import Any

import pytest

from carbon_stream_producer import (
    AsyncEventProducer,
    BufferFull,
    ConfigurationError,
    DeliveryFailed,
    InvalidEvent,
    ProducerClosed,
    Receipt,
    RecordingTransport,
    ServiceHealthEvent,
    flow,
    get_async_event_producer,
)
from carbon_stream_producer.record import Record
from carbon_stream_producer.transports.base import Opening

HEALTH: dict[str, Any] = {
    "service_name": "trino",
    "namespace": "data-platform",
    "health_status": "HEALTHY",
    "latency_ms": 12,
    "error_rate": 0.0,
}


class Held:
    """Keeps deliveries open until they are let go."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, asyncio.Future[Receipt]]] = []

    async def open(self, opening: Opening) -> None:
        """Nothing to open."""

    async def send(self, record: Record) -> "asyncio.Future[Receipt]":
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.waiting.append((record.event_id, future))
        return future

    def let_go(self) -> None:
        event_id, future = self.waiting.pop(0)
        future.set_result(Receipt(event_id))

    async def flush(self) -> None:
        """Nothing lingers."""

    async def close(self, timeout_s: float) -> None:
        for event_id, future in self.waiting:
            future.set_exception(DeliveryFailed(event_id, "closed", retriable=True))
        await asyncio.sleep(0)


async def test_a_full_buffer_blocks_until_there_is_room_or_fails_in_time() -> None:
    held = Held()
    producer = AsyncEventProducer("svc", transport=held, buffer_events=2, max_block_s=0.1)
    for _ in range(2):
        await producer.produce_service_health_event(**HEALTH)
    with pytest.raises(BufferFull, match="buffer_events"):
        await producer.produce_service_health_event(**HEALTH)
    asyncio.get_running_loop().call_later(0.02, held.let_go)
    await producer.produce_service_health_event(**HEALTH)
    assert (producer.stats().delivered, producer.stats().pending) == (1, 2)
    await producer.close(timeout=0)
    assert producer.stats()[:2] == (1, 2)


async def test_closing_twice_waits_for_the_first_time() -> None:
    held = Held()
    producer = AsyncEventProducer("svc", transport=held)
    delivery = await producer.produce_service_health_event(**HEALTH)
    first = asyncio.create_task(producer.close(timeout=30))
    await asyncio.sleep(0)
    second = asyncio.create_task(producer.close(timeout=30))
    await asyncio.sleep(0.05)
    assert not first.done()
    assert not second.done()
    with pytest.raises(ProducerClosed):
        await producer.produce_service_health_event(**HEALTH)
    held.let_go()
    await asyncio.gather(first, second)
    assert delivery.result().status == "accepted"


async def test_methods_objects_and_mappings_go_the_same_way() -> None:
    recording = RecordingTransport()
    async with AsyncEventProducer("svc", transport=recording) as producer:
        with flow(correlation_id="c-1"):
            receipt = await (await producer.produce_service_health_event(**HEALTH, event_id="e", timestamp=10**12))
            await producer.produce(ServiceHealthEvent(**HEALTH, event_id="e", timestamp=10**12))
            given = {"eventId": "e", "timestamp": 10**12, "serviceName": "trino", "namespace": "data-platform"}
            given |= {"healthStatus": "HEALTHY", "latencyMs": 12, "errorRate": 0.0}
            await producer.produce_custom_event("system-health", given)
        with pytest.raises(InvalidEvent):
            await producer.produce_service_health_event(**{**HEALTH, "error_rate": 2})
        recording.fail_next()
        with pytest.raises(DeliveryFailed):
            await (await producer.produce_service_health_event(**HEALTH))
        assert await producer.flush(5) == 0
    assert (receipt.event_id, receipt.status) == ("e", "recorded")
    first, second, third = recording.events
    assert first == second == third
    assert (producer.stats().refused, producer.stats().failed) == (1, 1)


async def test_settings_that_cannot_work_are_told_at_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    producer = AsyncEventProducer("svc", transport="kafka")
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="KAFKA_BOOTSTRAP_SERVERS"):
            await producer.produce_service_health_event(**HEALTH)
    await producer.close()


def test_each_loop_has_a_producer_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBON_STREAM_TRANSPORT", "noop")

    async def use() -> AsyncEventProducer:
        async with get_async_event_producer("svc") as producer:
            assert get_async_event_producer("svc") is producer
            await (await producer.produce_service_health_event(**HEALTH))
        return producer

    assert asyncio.run(use()) is not asyncio.run(use())
