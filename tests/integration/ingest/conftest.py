"""The ingest application on a real broker with the platform's topics."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.ingest import routes, service
from carbon_stream.ingest.service import INGEST, Ingest
from carbon_stream.settings import Settings
from tests.support.applications import answering

RECORD_BYTES_MAX = (1 << 20) + (128 << 10)


@dataclass
class Service:
    """A running ingest application and a client for it."""

    url: str
    ingest: Ingest
    client: aiohttp.ClientSession

    async def post(self, events: Any, **headers: str) -> tuple[int, dict[str, Any]]:
        """Posts JSON; gives status and answer."""
        async with self.client.post(f"{self.url}/v1/events", json=events, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def until_ready(self, ready: bool = True, seconds: float = 90.0) -> None:
        """Waits until Kafka answers, or does not."""
        async with asyncio.timeout(seconds):
            while self.ingest.publisher.ready is not ready:
                await asyncio.sleep(0.02)


StartService = Callable[..., Awaitable[Service]]


@pytest.fixture
async def start_service() -> AsyncIterator[StartService]:
    """Starts ingest applications: `await start_service(bootstrap_servers, **settings)`.

    Unless they say otherwise, events are spooled only after very long: a busy machine's acknowledgements take theirs.
    """
    async with contextlib.AsyncExitStack() as stack:

        async def start(servers: str, **settings: Any) -> Service:
            application = answering()
            values = Settings(kafka_bootstrap_servers=servers, **{"spool_after_s": 60.0, **settings})
            application.cleanup_ctx.append(service.context(values))
            application.add_routes(routes.routes())
            runner = web.AppRunner(application, auto_decompress=False)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            client = await stack.enter_async_context(aiohttp.ClientSession())
            return Service(f"http://127.0.0.1:{runner.addresses[0][1]}", application[INGEST], client)

        yield start


@pytest.fixture
def make_topics() -> Callable[..., Awaitable[None]]:
    """Creates the twelve topics where they are missing."""

    async def make(servers: str, replication: int = 1, **configs: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        await admin.start()
        try:
            settings = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": str(RECORD_BYTES_MAX)}
            settings |= {name.replace("_", "."): value for name, value in configs.items()}
            await admin.create_topics(
                [NewTopic(topic.name, topic.partitions, replication, topic_configs=settings) for topic in TOPICS]
            )
        finally:
            await admin.close()

    return make


@pytest.fixture
async def service_on_shared_broker(
    bootstrap_servers: str, make_topics: Callable[..., Awaitable[None]], start_service: StartService
) -> Service:
    """A ready application on the shared broker, whose topics other tests use as well."""
    await make_topics(bootstrap_servers)
    running = await start_service(bootstrap_servers)
    await running.until_ready()
    return running


@pytest.fixture
def read_topic() -> Callable[..., Awaitable[list[ConsumerRecord[bytes | None, bytes | None]]]]:
    """Reads what is on topics now: `await read_topic(servers, topics)`."""

    async def read(servers: str, topics: Sequence[str]) -> list[ConsumerRecord[bytes | None, bytes | None]]:
        consumer: AIOKafkaConsumer[bytes | None, bytes | None] = AIOKafkaConsumer(
            bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest", check_crcs=True
        )
        await consumer.start()
        try:
            partitions = [
                TopicPartition(topic, number)
                for topic in topics
                for number in sorted(await _partitions(consumer, topic))
            ]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            left = {partition for partition in partitions if ends[partition] > 0}
            found: list[ConsumerRecord[bytes | None, bytes | None]] = []
            while left:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    found.extend(records)
                left = {partition for partition in left if await consumer.position(partition) < ends[partition]}
            return sorted(found, key=lambda record: (record.topic, record.partition, record.offset))
        finally:
            await consumer.stop()

    return read


async def _partitions(consumer: Any, topic: str) -> set[int]:
    while not (found := consumer.partitions_for_topic(topic)):
        consumer._client.add_topic(topic)
        await consumer._client.force_metadata_update()
    return set(found)


@pytest.fixture
def api_call() -> Callable[..., dict[str, Any]]:
    """A valid AuditAPICallEvent; keyword arguments replace or add fields."""

    def make(**fields: Any) -> dict[str, Any]:
        return {
            "eventType": "AuditAPICallEvent",
            "source": "trino",
            "service": "trino",
            "endpoint": "/v1/statement",
            "method": "POST",
            "statusCode": 200,
            "latencyMs": 12.5,
            "requestSizeBytes": 100,
            "responseSizeBytes": 2000,
            "ipAddress": "10.0.0.1",
            **fields,
        }

    return make
