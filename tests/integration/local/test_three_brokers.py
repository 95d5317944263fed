"""Three nodes: replication 3, two in-sync replicas, and the loss of one costs nothing that was acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from carbon_stream.local import LocalKafka

pytestmark = pytest.mark.timeout(180)


@asynccontextmanager
async def _admin(cluster: LocalKafka) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def _create_topic(cluster: LocalKafka, name: str) -> None:
    async with _admin(cluster) as admin:
        response = await admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=3)])
        assert [error[1] for error in response.topic_errors] == [0]


async def _values(cluster: LocalKafka, topic: str) -> list[int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap_servers, auto_offset_reset="earliest")
    partitions = [TopicPartition(topic, number) for number in range(3)]
    consumer.assign(partitions)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(partitions)
        found: list[int] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += [int(record.value) for record in records]
        return found
    finally:
        await consumer.stop()


async def test_topics_need_two_in_sync_replicas_by_default(three_brokers: LocalKafka) -> None:
    await _create_topic(three_brokers, "defaults")
    async with _admin(three_brokers) as admin, asyncio.timeout(90):
        values: dict[str, str] = {}
        while not values:  # a broker that has not heard of the topic yet answers with an error and no settings
            (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "defaults")])
            values = {entry[0]: entry[1] for entry in response.resources[0][4]}
    assert values["min.insync.replicas"] == "2"


@pytest.mark.parametrize("how", ["kill", "stop_node"])
async def test_loss_of_one_node_loses_nothing_acknowledged(three_brokers: LocalKafka, how: str) -> None:
    topic = f"survives-{how}"
    await _create_topic(three_brokers, topic)
    producer = AIOKafkaProducer(
        bootstrap_servers=three_brokers.bootstrap_servers, enable_idempotence=True, request_timeout_ms=30_000
    )
    await producer.start()
    try:
        acknowledged = 0
        for number in range(300):
            await producer.send_and_wait(topic, b"%d" % number, partition=number % 3)
            acknowledged += 1
            if number == 100:
                await asyncio.to_thread(getattr(three_brokers, how), 2)
                assert set(three_brokers.pids) == {1, 3}
            if number == 200:
                await asyncio.to_thread(three_brokers.start_node, 2)
    finally:
        await producer.stop()
    assert acknowledged == 300
    assert sorted(await _values(three_brokers, topic)) == list(range(300))


async def test_paused_node_goes_on_where_it_was(three_brokers: LocalKafka) -> None:
    await _create_topic(three_brokers, "paused")
    producer = AIOKafkaProducer(
        bootstrap_servers=three_brokers.bootstrap_servers, enable_idempotence=True, request_timeout_ms=15_000
    )
    three_brokers.pause(3)
    try:
        await producer.start()
        try:
            for number in range(30):
                await producer.send_and_wait("paused", b"%d" % number, partition=number % 3)
        finally:
            await producer.stop()
    finally:
        three_brokers.resume(3)
    three_brokers.check_alive()
    assert sorted(await _values(three_brokers, "paused")) == list(range(30))
