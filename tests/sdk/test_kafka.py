"""Both producers on a real broker: the vectors arrive byte for byte, and nothing that was reported is lost."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carbon_stream.local import LocalKafka
from carbon_stream_producer import (
    AiokafkaTransport,
    AsyncEventProducer,
    ConfigurationError,
    DeliveryFailed,
    EventProducer,
    KafkaSettings,
    KafkaTransport,
    flow,
)
from carbon_stream_producer.generated.tables import BY_EVENT_TYPE
from tests.support.loads import run_load
from tests.support.sdk_broker import at_offsets, compare, records_of
from tests.support.sdk_vectors import VECTORS, arguments

pytestmark = pytest.mark.timeout(120)

HEALTH: dict[str, Any] = {
    "service_name": "trino",
    "namespace": "data-platform",
    "health_status": "HEALTHY",
    "latency_ms": 12,
    "error_rate": 0.0,
}
SECURITY: dict[str, Any] = {"category": "network", "severity": "LOW"}


@pytest.fixture
def settings(broker: LocalKafka) -> KafkaSettings:
    return KafkaSettings(broker.bootstrap_servers)


async def test_vectors_by_librdkafka_are_the_services_records(broker: LocalKafka, settings: KafkaSettings) -> None:
    deliveries = []
    producers: dict[str, EventProducer] = {}
    for vector in VECTORS:
        event = vector["event"]
        source = event["source"]
        if source not in producers:
            producers[source] = EventProducer(source, transport=KafkaTransport(settings))
        method = getattr(producers[source], f"produce_{BY_EVENT_TYPE[event['eventType']].check.__name__}")
        with flow(traceparent=vector.get("traceparent")):
            deliveries.append(method(**arguments(event)))
    for producer in producers.values():
        assert producer.flush(60) == 0
    receipts = [delivery.result(0) for delivery in deliveries]
    for vector, receipt, record in zip(VECTORS, receipts, await at_offsets(broker, receipts), strict=True):
        compare(vector, receipt, record)
    for producer in producers.values():
        producer.close()


async def test_vectors_by_aiokafka_are_the_services_records(broker: LocalKafka, settings: KafkaSettings) -> None:
    producers: dict[str, AsyncEventProducer] = {}
    sent = []
    for vector in VECTORS:
        event = vector["event"]
        source = event["source"]
        if source not in producers:
            producers[source] = AsyncEventProducer(source, transport=AiokafkaTransport(settings))
        method = getattr(producers[source], f"produce_{BY_EVENT_TYPE[event['eventType']].check.__name__}")
        with flow(traceparent=vector.get("traceparent")):
            sent.append(await method(**arguments(event)))
    receipts = await asyncio.gather(*sent)
    for vector, receipt, record in zip(VECTORS, receipts, await at_offsets(broker, receipts), strict=True):
        compare(vector, receipt, record)
    for producer in producers.values():
        await producer.close()
        assert producer.stats().pending == 0


async def test_events_without_a_key_spread_and_repeat_in_one_place(settings: KafkaSettings) -> None:
    ids = [f"event-{number}" for number in range(60)]
    places = []
    for _ in range(2):
        with EventProducer("svc", transport=KafkaTransport(settings)) as producer:
            sent = [producer.produce_security_event(**SECURITY, event_id=event_id) for event_id in ids]
            places.append([delivery.result(30).partition for delivery in sent])
    async with AsyncEventProducer("svc", transport=AiokafkaTransport(settings)) as producer:
        waiting = [await producer.produce_security_event(**SECURITY, event_id=event_id) for event_id in ids]
        places.append([receipt.partition for receipt in await asyncio.gather(*waiting)])
    assert places[0] == places[1] == places[2]
    assert set(places[0]) == set(range(6))


def test_a_small_buffer_lets_everything_through_in_turn(settings: KafkaSettings) -> None:
    with EventProducer("svc", transport=KafkaTransport(settings), buffer_events=20) as producer:
        for _ in range(400):
            producer.produce_service_health_event(**HEALTH)
            assert producer.stats().pending <= 20
        assert producer.flush(30) == 0
        assert producer.stats()[:2] == (400, 0)


def test_a_lone_event_is_told_of_without_a_flush(settings: KafkaSettings) -> None:
    with EventProducer("svc", transport=KafkaTransport(settings)) as producer:
        assert producer.produce_service_health_event(**HEALTH).result(30).status == "accepted"


def test_what_the_promises_stand_on_cannot_be_overridden() -> None:
    for name in ("acks", "enable.idempotence", "partitioner"):
        with pytest.raises(ConfigurationError, match=name):
            KafkaTransport(KafkaSettings("a:1"), {name: "1"})


def test_without_a_broker_events_fail_in_time_and_say_what_to_look_at(free_port: int) -> None:
    away = KafkaSettings(f"127.0.0.1:{free_port}")
    with EventProducer("svc", transport=KafkaTransport(away), delivery_timeout_s=1) as producer:
        keyed = producer.produce_service_health_event(**HEALTH)
        keyless = producer.produce_security_event(**SECURITY)
        for delivery in (keyed, keyless):
            error = delivery.exception(30)
            assert error is not None
            assert error.retriable
            assert "KAFKA_BOOTSTRAP_SERVERS" in str(error)


async def test_without_a_broker_asyncio_is_told_the_same(free_port: int) -> None:
    away = KafkaSettings(f"127.0.0.1:{free_port}")
    async with AsyncEventProducer("svc", transport=AiokafkaTransport(away), delivery_timeout_s=1) as producer:
        with pytest.raises(DeliveryFailed, match="KAFKA_BOOTSTRAP_SERVERS") as failed:
            await producer.produce_service_health_event(**HEALTH)
        assert failed.value.retriable


LOAD = """
import sys
from carbon_stream_producer import EventProducer, KafkaTransport, KafkaSettings
told = open(sys.argv[2], "w", buffering=1)
def tell(delivery):
    if delivery.exception() is None:
        told.write(delivery.event_id + "\\n")
producer = EventProducer("svc", transport=KafkaTransport(KafkaSettings(sys.argv[1])))
print("ready", flush=True)
for number in range({count}):
    producer.produce_service_health_event(service_name=f"s-{{number % 50}}", namespace="n", health_status="HEALTHY",
        latency_ms=number, error_rate=0, event_id=f"{prefix}-{{number}}", on_delivery=tell)
"""
ASYNC_LOAD = """
import asyncio, sys
from carbon_stream_producer import AsyncEventProducer, AiokafkaTransport, KafkaSettings
told = open(sys.argv[2], "w", buffering=1)
async def main():
    async with AsyncEventProducer("svc", transport=AiokafkaTransport(KafkaSettings(sys.argv[1]))) as producer:
        print("ready", flush=True)
        for number in range({count}):
            sent = await producer.produce_service_health_event(service_name=f"s-{{number % 50}}", namespace="n",
                health_status="HEALTHY", latency_ms=number, error_rate=0, event_id=f"{prefix}-{{number}}")
            sent.add_done_callback(lambda done, i=number: done.exception() or told.write(f"{prefix}-{{i}}\\n"))
            await asyncio.sleep(0)
asyncio.run(main())
"""


async def load(broker: LocalKafka, folder: Path, script: str, *, kill: bool) -> tuple[int, str, list[str]]:
    told = folder / "told"
    return await run_load([sys.executable, "-c", script, broker.bootstrap_servers, str(told)], told, kill=kill)


@pytest.mark.parametrize(("script", "prefix"), [(LOAD, "threads"), (ASYNC_LOAD, "asyncio")])
async def test_sigterm_under_load_loses_nothing_that_was_reported_nor_what_waited(
    broker: LocalKafka, tmp_path: Path, script: str, prefix: str
) -> None:
    script = script.format(count=10_000_000, prefix=prefix)
    status, errors, told = await load(broker, tmp_path, script, kill=True)
    assert status == -signal.SIGTERM or "ProducerClosed" in errors, errors
    arrived = await records_of(broker, {f"{prefix}-{number}" for number in range(len(told) + 200_000)})
    assert set(told) <= arrived.keys()
    # Events were taken in order: whatever was taken is there, without a gap.
    numbers = sorted(int(event_id.rpartition("-")[2]) for event_id in arrived)
    assert numbers == list(range(len(numbers)))
    assert "could not be delivered" not in errors


async def test_a_normal_end_without_close_delivers_everything(broker: LocalKafka, tmp_path: Path) -> None:
    script = LOAD.format(count=5_000, prefix="normal")
    status, errors, told = await load(broker, tmp_path, script, kill=False)
    assert (status, errors) == (0, "")
    assert len(told) == 5_000
    assert len(await records_of(broker, {f"normal-{number}" for number in range(5_000)})) == 5_000


FORKED = """
import os, sys
from carbon_stream_producer import EventProducer, KafkaTransport, KafkaSettings, ProducerClosed
producer = EventProducer("svc", transport=KafkaTransport(KafkaSettings(sys.argv[1])))
child = os.fork()
if child == 0:
    try:
        producer.produce_security_event(category="x", severity="LOW")
    except ProducerClosed as error:
        os._exit(7 if "after the fork" in str(error) else 8)
    os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), producer.produce_security_event(
    category="x", severity="LOW").result(30).status)
"""


def test_a_forked_child_is_told_to_make_its_own(broker: LocalKafka) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKED, broker.bootstrap_servers], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["7", "accepted"]
