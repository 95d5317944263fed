"""How fresh the views say they are: up to now once everything is applied, and never stuck on what is no record."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from carbon_stream.streaming.ledger import Tally, ledger_key
from carbon_stream.views.freshness import SOURCES, Freshness


@pytest.fixture
def source() -> str:
    return f"source-{uuid.uuid4().hex[:8]}"


async def create(servers: str, topic: str, partitions: int = 2) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def send(servers: str, topic: str, count: int, *, transactional: bool = False) -> None:
    """Send to partition 0; a transaction leaves a marker behind its records."""
    identity = f"direct-{uuid.uuid4()}" if transactional else None
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=identity, retry_backoff_ms=10)
    await producer.start()
    try:
        if transactional:
            await producer.begin_transaction()
        for _ in range(count):
            await producer.send_and_wait(topic, b"x", partition=0)
        if transactional:
            await producer.commit_transaction()
    finally:
        await producer.stop()


@asynccontextmanager
async def watching(servers: str, topic: str) -> AsyncIterator[Freshness]:
    freshness = Freshness({"bootstrap_servers": servers}, {"table": (topic,)})
    await freshness.start()
    try:
        yield freshness
    finally:
        await freshness.stop()


def applied(freshness: Freshness, topic: str, position: int, at: int, partition: int = 0) -> None:
    freshness.views[0].apply(partition, ledger_key(topic), Tally(position=position, applied=position, at=at).row())


async def until_fresh(freshness: Freshness, since_ms: float, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while freshness.as_of("table") < since_ms:
            await asyncio.sleep(0.02)


async def test_complete_up_to_now_once_every_position_has_reached_its_end(bootstrap_servers: str, source: str) -> None:
    await create(bootstrap_servers, source)
    await send(bootstrap_servers, source, 3)
    async with watching(bootstrap_servers, source) as freshness:
        async with asyncio.timeout(60):
            while not freshness.lags():
                await asyncio.sleep(0.02)
        assert freshness.as_of("table") == 0
        assert freshness.lags() == {TopicPartition(source, 0): 3, TopicPartition(source, 1): 0}
        applied(freshness, source, 2, 1_000)
        assert freshness.as_of("table") == 1_000
        started = time.time() * 1000
        applied(freshness, source, 3, 1_001)
        await until_fresh(freshness, started)
        assert freshness.as_of("table") <= time.time() * 1000
        assert set(freshness.lags().values()) == {0}


async def test_a_partition_that_falls_behind_does_not_make_the_past_incomplete(
    bootstrap_servers: str, source: str
) -> None:
    await create(bootstrap_servers, source)
    async with watching(bootstrap_servers, source) as freshness:
        await until_fresh(freshness, time.time() * 1000)
        before = freshness.as_of("table")
        await send(bootstrap_servers, source, 5)
        await asyncio.sleep(2.5)
        assert before <= freshness.as_of("table") <= time.time() * 1000 - 1_000
        assert freshness.lags()[TopicPartition(source, 0)] == 5


async def test_a_marker_at_the_end_is_no_record_to_wait_for(bootstrap_servers: str, source: str) -> None:
    await create(bootstrap_servers, source)
    await send(bootstrap_servers, source, 2, transactional=True)
    async with watching(bootstrap_servers, source) as freshness:
        applied(freshness, source, 2, 1_000)
        await until_fresh(freshness, time.time() * 1000)
        assert freshness.lags()[TopicPartition(source, 0)] == 0
        await send(bootstrap_servers, source, 1, transactional=True)
        await asyncio.sleep(2.5)
        assert freshness.lags()[TopicPartition(source, 0)] > 0
        applied(freshness, source, 4, 2_000)
        await until_fresh(freshness, time.time() * 1000)


async def test_records_that_retention_removed_unread_are_not_waited_for(bootstrap_servers: str, source: str) -> None:
    await create(bootstrap_servers, source)
    await send(bootstrap_servers, source, 4)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await admin.delete_records({TopicPartition(source, 0): RecordsToDelete(before_offset=4)})
    await admin.close()
    async with watching(bootstrap_servers, source) as freshness:
        await until_fresh(freshness, time.time() * 1000)


def test_every_topic_feeds_one_table() -> None:
    topics = [topic for sources in SOURCES.values() for topic in sources]
    assert len(topics) == len(set(topics)) == 12
