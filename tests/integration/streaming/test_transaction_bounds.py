"""What a broker never answers ends within a bound, and a fresh producer goes on from there."""

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.local import LocalKafka
from carbon_stream.streaming import transaction
from carbon_stream.streaming.shard import Changes
from carbon_stream.streaming.transaction import Fenced, PartitionProducer
from tests.conftest import FreshKafka

BOUND_S = 2.0
ROWS: Changes = {b"key": b"row"}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def kafka(fresh_kafka: FreshKafka) -> LocalKafka:
    return fresh_kafka()


@pytest.fixture
async def changelog(kafka: LocalKafka) -> TopicPartition:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("changelog", 1, 1), NewTopic("dead", 1, 1)])
    finally:
        await admin.close()
    return TopicPartition("changelog", 0)


def producer_of(kafka: LocalKafka, name: str) -> PartitionProducer:
    return PartitionProducer({"bootstrap_servers": kafka.bootstrap_servers}, name, "group")


@contextmanager
def unanswered(kafka: LocalKafka) -> Iterator[None]:
    """The broker is paused meanwhile, and what waits for it waits for a short time only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transaction, "STEP_S_MAX", BOUND_S)
        kafka.pause(1)
        try:
            yield
        finally:
            kafka.resume(1)


async def committed(kafka: LocalKafka, changelog: TopicPartition, name: str) -> list[bytes | None]:
    """The values that a reader of committed records finds, once the markers of that producer's have been written."""
    last = producer_of(kafka, name)
    await last.fence()
    await last.close()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([changelog])
        consumer.seek(changelog, 0)
        end = (await consumer.end_offsets([changelog]))[changelog]
        values = []
        while await consumer.position(changelog) < end:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                values += [record.value for record in records]
        return values
    finally:
        await consumer.stop()


async def test_a_commit_that_is_never_answered_ends_and_a_fresh_producer_goes_on(
    kafka: LocalKafka, changelog: TopicPartition
) -> None:
    name = uuid.uuid4().hex
    hanging = producer_of(kafka, name)
    await hanging.fence()
    await hanging.commit(changelog, {b"key": b"before"}, ("dead", ()), {})
    began = time.monotonic()
    with unanswered(kafka), pytest.raises(TimeoutError, match="a transaction did not end within 2 s"):
        await hanging.commit(changelog, {b"key": b"hanging"}, ("dead", ()), {TopicPartition("source", 0): 1})
    assert time.monotonic() - began < BOUND_S * 3
    await hanging.close()

    fresh = producer_of(kafka, name)
    try:
        await fresh.fence()
        await fresh.commit(changelog, {b"key": b"after"}, ("dead", ()), {})
    finally:
        await fresh.close()
    assert await committed(kafka, changelog, name) == [b"before", b"after"]


async def test_fencing_that_is_never_answered_ends(kafka: LocalKafka, changelog: TopicPartition) -> None:
    name = uuid.uuid4().hex
    owner = producer_of(kafka, name)
    await owner.fence()
    waiting = producer_of(kafka, name)
    with unanswered(kafka), pytest.raises(TimeoutError, match="fencing did not end within 2 s"):
        await waiting.fence()
    await waiting.close()
    await owner.close()


async def test_who_was_fenced_is_told_so_and_not_that_it_took_too_long(
    kafka: LocalKafka, changelog: TopicPartition
) -> None:
    name = uuid.uuid4().hex
    before, after = producer_of(kafka, name), producer_of(kafka, name)
    try:
        await before.fence()
        await after.fence()
        with pytest.raises(Fenced):
            await asyncio.wait_for(before.commit(changelog, ROWS, ("dead", ()), {}), 20)
        await after.commit(changelog, ROWS, ("dead", ()), {})
    finally:
        await before.close()
        await after.close()
    assert await committed(kafka, changelog, name) == [b"row"]
