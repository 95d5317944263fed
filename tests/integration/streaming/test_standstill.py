"""A worker whose reading stands still ends with a word; the one that is started in its place does the rest."""

import asyncio
import random
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.support.counting import Workers, check, make_topics, send

pytestmark = pytest.mark.timeout(240)


async def test_a_worker_that_reads_no_more_while_the_lag_grows_is_ended_and_says_why(
    bootstrap_servers: str, tmp_path: Path
) -> None:
    group = await make_topics(bootstrap_servers)
    workers = Workers(group, bootstrap_servers, tmp_path)
    try:
        workers.start(1, STALLED="1000")
        async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
            dice = random.Random(4)
            deadline = time.monotonic() + 90
            while workers.processes[1].poll() is None:
                assert time.monotonic() < deadline, workers.logs()[-4000:]
                await send(producer, group, dice, 500, 0.2)
                await asyncio.sleep(0.2)
        assert workers.processes.pop(1).returncode != 0
        assert "reading stands still at offset" in workers.log(1)
        workers.start(2)
        truth = await check(workers)
        assert truth.records >= 1_000
    finally:
        workers.stop()
