"""A release with another row format, and the way back: rows are rewritten, refused, rewritten back, and counts stay."""

import asyncio
import random
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tests.support.counting import PARTITIONS, Workers, check, committed, make_topics, read, send

pytestmark = pytest.mark.timeout(400)


async def _rows(workers: Workers) -> dict[tuple[int, bytes | None], dict[str, int]]:
    records = await read(workers.bootstrap, f"{workers.group}-counts-changelog", PARTITIONS)
    return {(n, key): orjson.loads(value) for n, key, value in records if value and (key or b"").startswith(b'["user"')}


async def _until(workers: Workers, number: int, said: str) -> None:
    """Until a worker has said something of each partition."""
    async with asyncio.timeout(90):
        while workers.log(number).count(said) < PARTITIONS:
            assert workers.processes[number].poll() is None, workers.log(number)[-4000:]
            await asyncio.sleep(0.1)


def _stop(workers: Workers, number: int) -> None:
    process = workers.processes.pop(number)
    process.terminate()
    assert process.wait(60) == 0


async def test_another_format_comes_and_goes_and_no_count_changes(bootstrap_servers: str, tmp_path: Path) -> None:
    group = await make_topics(bootstrap_servers)
    workers = Workers(group, bootstrap_servers, tmp_path)
    dice = random.Random(5)
    try:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
            workers.start(1)
            await send(producer, group, dice, 2_000, 0)
            await check(workers)
            _stop(workers, 1)
            first = await _rows(workers)

            workers.start(2, RELEASE="2")
            await _until(workers, 2, "all rows are in the formats")
            _stop(workers, 2)
            assert await _rows(workers) == {key: {"v": 2, "events": row["n"]} for key, row in first.items()}

            workers.start(3)
            before = await committed(bootstrap_servers, group)
            await send(producer, group, dice, 500, 0)
            await _until(workers, 3, "given up: refused: row")
            assert "Start that release again" in workers.log(3)
            _stop(workers, 3)
            assert await committed(bootstrap_servers, group) == before, "nothing is done with what it cannot read"

            workers.start(4, RELEASE="2", PREVIOUS="yes")
            await _until(workers, 4, "all rows are in the formats")
            _stop(workers, 4)
            assert {row["v"] for row in (await _rows(workers)).values()} == {1}

            workers.start(5)
            await send(producer, group, dice, 500, 0)
            truth = await check(workers)
            assert truth.records == 3_000
    finally:
        workers.stop()
