"""The broker goes away while a worker works: it goes on by itself when the broker is back, and no count is off."""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from carbon_stream.local import LocalKafka
from tests.support.counting import Truth, Workers, check, make_topics, send

pytestmark = pytest.mark.timeout(400)


async def test_a_broker_that_is_killed_and_comes_back_costs_time_only(
    fresh_kafka: Callable[..., LocalKafka], tmp_path: Path
) -> None:
    kafka = fresh_kafka()
    group = await make_topics(kafka.bootstrap_servers)
    workers = Workers(group, kafka.bootstrap_servers, tmp_path)
    try:
        workers.start(1)
        async with AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, acks="all", enable_idempotence=True, request_timeout_ms=180_000
        ) as producer:
            sending = asyncio.create_task(send(producer, group, random.Random(9), 40_000, 15))
            await asyncio.sleep(7)
            await asyncio.to_thread(kafka.kill, 1)
            await asyncio.sleep(3)
            await asyncio.to_thread(kafka.start_node, 1)
            await sending
        truth: Truth = await check(workers)
        assert truth.records == 40_000
    finally:
        workers.stop()
