"""A backlog, a hot partition and a slow fold: memory is bounded, nobody starves, nobody is thrown out."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import psutil
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from tests.support.counting import PARTITIONS, Workers, caught_up, make_topics

pytestmark = pytest.mark.timeout(400)

BACKLOG = 1_000_000
GROWTH_BYTES_MAX = 200 << 20
EVENT = orjson.dumps({"source": "svc", "user": "ann"})


@pytest.fixture
async def group(bootstrap_servers: str) -> str:
    return await make_topics(bootstrap_servers)


@pytest.fixture
def workers(group: str, bootstrap_servers: str, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(group, bootstrap_servers, tmp_path)
    yield made
    made.stop()


async def _preload(bootstrap: str, topic: str, partition: int, count: int) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=512 << 10) as producer:
        sends, left = [], count
        while left:
            batch = producer.create_batch()
            while left and batch.append(timestamp=None, key=None, value=EVENT) is not None:
                left -= 1
            sends.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sends)


async def _offsets(admin: AIOKafkaAdminClient, group: str) -> dict[TopicPartition, int]:
    return {tp: found.offset for tp, found in (await admin.list_consumer_group_offsets(group)).items()}


async def test_a_million_records_behind_on_one_partition_cost_little_memory_and_hold_nobody_up(
    workers: Workers, group: str, bootstrap_servers: str
) -> None:
    hot = TopicPartition(f"{group}-a", 0)
    workers.start(1)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        for partition in range(PARTITIONS):
            await producer.send_and_wait(f"{group}-b", EVENT, partition=partition)
        await caught_up(workers, PARTITIONS, 60)
        process = psutil.Process(workers.processes[1].pid)
        idle = peak = process.memory_info().rss
        await _preload(bootstrap_servers, hot.topic, hot.partition, BACKLOG)
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        await admin.start()
        try:
            workers.drain(1)
            workers.start(2)
            process = psutil.Process(workers.processes[2].pid)
            quick = 0  # commits of other partitions while the hot one was behind
            others = dict.fromkeys(range(1, PARTITIONS), 1)
            deadline = time.monotonic() + 120
            while (at := (await _offsets(admin, group)).get(hot, 0)) < BACKLOG:
                assert time.monotonic() < deadline, f"{at} of {BACKLOG}\n{workers.logs()[-4000:]}"
                peak = max(peak, process.memory_info().rss)
                offsets = await _offsets(admin, group)
                for n, sent in others.items():
                    if offsets.get(TopicPartition(f"{group}-b", n), 0) == sent:
                        quick += sent > 1
                        await producer.send_and_wait(f"{group}-b", EVENT, partition=n)
                        others[n] += 1
                await asyncio.sleep(0.02)
        finally:
            await admin.close()
    assert quick >= 3 * len(others), "each of the others committed again and again"
    assert peak - idle < GROWTH_BYTES_MAX, f"{(peak - idle) >> 20} MiB more than idle"


async def test_a_fold_that_takes_longer_than_the_session_keeps_its_partitions(
    workers: Workers, group: str, bootstrap_servers: str
) -> None:
    """It computes for 8 s in one go, the session times out after 6: heartbeats have a thread of their own."""
    workers.start(1)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers) as producer:
        await producer.send_and_wait(f"{group}-a", EVENT, partition=0)
        await caught_up(workers, 1, 60)
        await producer.send_and_wait(f"{group}-a", orjson.dumps({"source": "svc", "user": "slow"}), partition=0)
        await producer.send_and_wait(f"{group}-a", EVENT, partition=1)
        await caught_up(workers, 3, 60)
    log = workers.log(1)
    assert log.count("partitions taken over in") == 1, "no rebalance took anything away"
    assert "given up" not in log
    assert "fenced" not in log
