"""Workers are killed and paused while events come in: every event counts once or is a dead letter once."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.support.counting import PARTITIONS, Workers, check, make_topics, send

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
async def group(bootstrap_servers: str) -> str:
    return await make_topics(bootstrap_servers)


@pytest.fixture
def workers(group: str, bootstrap_servers: str, tmp_path: Path) -> Iterator[Workers]:
    made = Workers(group, bootstrap_servers, tmp_path)
    yield made
    made.stop()


@pytest.fixture
async def producer(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True) as made:
        yield made


async def test_one_worker_counts_everything_once(workers: Workers, producer: AIOKafkaProducer) -> None:
    workers.start(1)
    await send(producer, workers.group, random.Random(1), 20_000, 2)
    truth = await check(workers)
    assert truth.records == 20_000
    assert truth.bad > 100
    assert truth.repeats > 100


async def test_killed_and_paused_workers_lose_nothing_and_count_nothing_twice(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    dice = random.Random(7)
    workers.start(1)
    workers.start(2)
    await workers.share_partitions()
    sending = asyncio.create_task(send(producer, workers.group, dice, 120_000, 35))
    await asyncio.sleep(4)
    for victim in (1, 2, 1):
        workers.kill(victim)
        await asyncio.sleep(0.5)
        workers.start(victim)
        await asyncio.sleep(dice.uniform(5, 7))
    await workers.logged(1, f"count {PARTITIONS // 2}", workers.log(1).rfind("ƒaµS†"))  # since its last start
    before = len(workers.log(1))
    # longer than the session and the transaction timeout: it wakes up as a zombie whose partitions have a new owner
    workers.processes[2].send_signal(signal.SIGSTOP)
    await asyncio.sleep(20)
    await workers.logged(1, f"count {PARTITIONS}", before)  # the other has everything while it sleeps
    workers.processes[2].send_signal(signal.SIGCONT)
    await sending
    truth = await check(workers)
    assert truth.records == 120_000


async def test_a_worker_that_is_asked_to_stop_leaves_no_open_transaction(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    workers.start(1)
    sending = asyncio.create_task(send(producer, workers.group, random.Random(3), 30_000, 6))
    await workers.logged(1, "partitions taken over in")
    await asyncio.sleep(2)
    process = workers.processes.pop(1)
    process.terminate()
    assert process.wait(60) == 0
    workers.start(2)
    await sending
    await check(workers)
