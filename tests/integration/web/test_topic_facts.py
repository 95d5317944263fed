"""/v1/topics tells what the brokers have, what differs from the catalog, and 503 soon after the brokers are gone."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from aiohttp import ClientSession, web
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.errors import ProblemError
from carbon_stream.local import LocalKafka
from carbon_stream.settings import Settings
from carbon_stream.web.application import query_application
from carbon_stream.web.topic_facts import TopicFacts

Serving = Callable[[Callable[[Settings], web.Application], Settings], AbstractAsyncContextManager[ClientSession]]


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**settings.kafka_client(), acks="all") as started:
        yield started


async def test_topics_are_told_as_they_are(serving: Serving, settings: Settings, producer: AIOKafkaProducer) -> None:
    for number in range(7):
        await producer.send_and_wait("data-quality", b"x", partition=number % 2)
    async with serving(query_application, settings) as session:
        topics = (await (await session.get("/v1/topics")).json())["topics"]
    assert [topic["name"] for topic in topics] == [topic.name for topic in TOPICS]
    by_name = {topic["name"]: topic for topic in topics}
    assert by_name["data-quality"] == {
        "name": "data-quality",
        "group": "DATA",
        "eventType": "DataQualityEvent",
        "partitions": 12,
        "replicationFactor": 1,
        "retentionMs": 30 * 86_400_000,
        "records": 7,
        "drift": [],
    }
    assert by_name["data-lineage"]["records"] == 0


async def test_what_differs_or_is_missing_is_named(fresh_kafka: Callable[..., LocalKafka]) -> None:
    kafka = Settings(kafka_bootstrap_servers=fresh_kafka().bootstrap_servers).kafka_client()
    admin = AIOKafkaAdminClient(**kafka)
    await admin.start()
    await admin.create_topics([NewTopic("system-health", 2, 1, topic_configs={"retention.ms": "1000"})])
    await admin.close()
    topics = {topic["name"]: topic for topic in await TopicFacts(kafka, "carbon-stream").topics()}
    health = topics["system-health"]
    assert (health["partitions"], health["retentionMs"]) == (2, 1000)
    assert any("2 to 6 partitions" in line for line in health["drift"])
    assert any("retention.ms" in line for line in health["drift"])
    missing = topics["data-lineage"]
    assert (missing["partitions"], missing["replicationFactor"], missing["retentionMs"]) == (0, 0, None)
    assert any("create" in line for line in missing["drift"])


async def test_brokers_that_are_away_are_told_within_seconds(free_port: int) -> None:
    facts = TopicFacts(Settings(kafka_bootstrap_servers=f"127.0.0.1:{free_port}").kafka_client(), "carbon-stream")
    began = time.monotonic()
    with pytest.raises(ProblemError) as away:
        await facts.topics()
    assert (away.value.status, away.value.headers["Retry-After"]) == (503, "5")
    assert time.monotonic() - began < 30
