"""Three brokers, each killed and started again in turn under two workers: time is lost, and nothing else."""

import asyncio
import random
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from carbon_stream.local import LocalKafka
from tests.support.counting import Workers, check, make_topics, send

pytestmark = pytest.mark.timeout(400)


async def test_every_broker_killed_in_turn_changes_no_count(three_brokers: LocalKafka, tmp_path: Path) -> None:
    bootstrap = three_brokers.bootstrap_servers
    group = await make_topics(bootstrap, replication=3)
    workers = Workers(group, bootstrap, tmp_path)
    try:
        workers.start(1)
        workers.start(2)
        async with AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, request_timeout_ms=180_000
        ) as producer:
            sending = asyncio.create_task(send(producer, group, random.Random(21), 60_000, 40))
            await workers.share_partitions()
            for node in (1, 2, 3):
                await asyncio.to_thread(three_brokers.kill, node)
                await asyncio.sleep(5)
                await asyncio.to_thread(three_brokers.start_node, node)
                await asyncio.sleep(2)
            await sending
        truth = await check(workers)
        assert truth.records == 60_000
    finally:
        workers.stop()
