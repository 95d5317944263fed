"""Rows kept in RocksDB: gone on from where they can be, read from the changelog again where they cannot, always right.

After each case the counts equal the brute-force fold of the source topics, and what lies on disk equals the changelog.
"""

from __future__ import annotations

import asyncio
import random
import re
import resource
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rocksdict import Options, Rdict

from tests.support.counting import PARTITIONS, Truth, Workers, check, make_topics, send
from tests.support.kept import check_kept, directories

pytestmark = pytest.mark.timeout(400)

ROCKS = {"STORE": "rocksdb"}
AGAIN = "rows are read from the changelog again"


@pytest.fixture
async def workers(bootstrap_servers: str, tmp_path: Path) -> AsyncIterator[Workers]:
    made = Workers(await make_topics(bootstrap_servers), bootstrap_servers, tmp_path)
    yield made
    made.stop()


@pytest.fixture
async def producer(bootstrap_servers: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True) as made:
        yield made


def _stop(workers: Workers, number: int = 1) -> None:
    process = workers.processes.pop(number)
    process.terminate()
    assert process.wait(60) == 0, workers.log(number)[-3000:]


async def _logged(workers: Workers, what: str, times: int = 1, seconds: float = 90) -> None:
    async with asyncio.timeout(seconds):
        while workers.log(1).count(what) < times:
            await asyncio.sleep(0.1)


async def _grown(workers: Workers, producer: AIOKafkaProducer, count: int = 4_000, seed: int = 1) -> None:
    """A worker that has counted so many events and was stopped."""
    workers.start(1, **ROCKS)
    await send(producer, workers.group, random.Random(seed), count, 1)
    await check(workers)
    _stop(workers)


async def _goes_on(workers: Workers, producer: AIOKafkaProducer, seed: int = 2) -> Truth:
    """Started again, it counts on, and all is right."""
    workers.start(1, **ROCKS)
    await send(producer, workers.group, random.Random(seed), 1_000, 0.5)
    truth = await check(workers)
    _stop(workers)
    await check_kept(workers, 1)
    return truth


def _records_restored(workers: Workers) -> int:
    """By the last start."""
    return int(re.findall(r"restored \d+ partitions in .* s: ([\d,]+) changelog", workers.log(1))[-1].replace(",", ""))


async def test_after_a_clean_stop_nothing_is_replayed_but_the_last_unit(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    await _grown(workers, producer)
    await check_kept(workers, 1)
    workers.start(1, **ROCKS)
    await _logged(workers, "partitions taken over in", times=2)
    assert _records_restored(workers) < 1_000
    assert AGAIN not in workers.log(1)
    _stop(workers)
    await check_kept(workers, 1)


@pytest.mark.parametrize("when", ["before", "in"])
async def test_a_worker_killed_at_the_write_that_follows_a_commit(
    workers: Workers, producer: AIOKafkaProducer, when: str
) -> None:
    workers.start(1, **ROCKS, KILLED=when)
    await send(producer, workers.group, random.Random(3), 6_000, 3)
    async with asyncio.timeout(90):
        while workers.exits()[1] is None:
            await asyncio.sleep(0.1)
    assert workers.exits()[1] == (-9 if when == "before" else -14)
    await _goes_on(workers, producer)
    assert AGAIN not in workers.log(1)


def _mark(directory: Path) -> dict[str, Any]:
    with Rdict(str(directory), Options(raw_mode=True)) as database:
        mark: dict[str, Any] = orjson.loads(database.get(b"m") or b"")
        return mark


def _marked(directory: Path, **changed: object) -> None:
    mark = _mark(directory)
    with Rdict(str(directory), Options(raw_mode=True)) as database:
        database[b"m"] = orjson.dumps({**mark, **changed})


def _flipped(directory: Path) -> None:
    for table in directory.glob("*.sst"):
        content = bytearray(table.read_bytes())
        content[: len(content) // 2] = bytes(byte ^ 0xFF for byte in content[: len(content) // 2])
        table.write_bytes(content)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "lost": (shutil.rmtree, "nothing is kept here"),
    "corrupt": (_flipped, "corrupt: Corruption"),
    "stale": (lambda d: _marked(d, at=0), "it is stale"),
    "of another cluster": (lambda d: _marked(d, cluster="elsewhere"), "it is of another cluster (elsewhere"),
    "of a changelog that was made anew": (lambda d: _marked(d, topic="old"), "the changelog was made anew (was old"),
    "beyond the changelog's end": (lambda d: _marked(d, position=10**9), "before its position 1000000000"),
}


async def test_a_directory_that_cannot_be_gone_on_from_is_made_anew(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    """Each partition's directory is spoiled in another way."""
    assert len(SPOILED) == PARTITIONS
    await _grown(workers, producer)
    for directory, (spoil, _) in zip(directories(workers, 1), SPOILED.values(), strict=True):
        spoil(directory)
    await _goes_on(workers, producer)
    told = [line for line in workers.log(1).splitlines() if AGAIN in line]
    for number, (_, why) in enumerate(SPOILED.values()):
        assert [line for line in told if f"changelog/{number}: " in line and why in line], (why, told)
    assert len(told) == PARTITIONS


async def test_a_directory_from_an_older_position_is_brought_up_from_there(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    await _grown(workers, producer)
    old = [(directory, directory.with_name(directory.name + ".old")) for directory in directories(workers, 1)]
    for directory, copy in old:
        shutil.copytree(directory, copy)
    await _grown(workers, producer, seed=4)
    for directory, copy in old:
        shutil.rmtree(directory)
        copy.rename(directory)
    await _goes_on(workers, producer)
    assert AGAIN not in workers.log(1)


async def _grows(workers: Workers) -> None:
    """Until something more stands on every partition of the changelog."""
    changelog = [TopicPartition(f"{workers.group}-counts-changelog", n) for n in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=workers.bootstrap) as consumer, asyncio.timeout(90):
        before = await consumer.end_offsets(changelog)
        while any(end <= before[tp] for tp, end in (await consumer.end_offsets(changelog)).items()):
            await asyncio.sleep(0.1)


async def test_rows_of_a_partition_where_nothing_happens_do_not_become_stale(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    await _grown(workers, producer)
    marks = [_mark(directory) for directory in directories(workers, 1)]
    workers.start(1, **ROCKS, IDLE="1")
    await _logged(workers, "partitions taken over in", times=2)
    started = time.time_ns() // 1_000_000
    await _grows(workers)
    _stop(workers)
    for before, now in zip(marks, [_mark(directory) for directory in directories(workers, 1)], strict=True):
        assert now["at"] > started, "it was written since"
        assert (now["rows"], now["topic"]) == (before["rows"], before["topic"])
    await check(workers)
    await check_kept(workers, 1)


async def test_a_second_worker_with_the_same_directory_ends_with_a_clear_word(workers: Workers) -> None:
    workers.start(1, **ROCKS)
    await _logged(workers, "partitions taken over in")
    workers.start(2, **ROCKS, DATADIR=str(workers.folder / "worker-1"))
    async with asyncio.timeout(90):
        while workers.exits()[2] is None:
            await asyncio.sleep(0.1)
    assert workers.exits()[2] != 0
    assert f"in use by another worker, process {workers.processes[1].pid}" in workers.log(2)
    assert workers.exits()[1] is None


async def test_a_full_disk_holds_a_partition_up_until_there_is_room(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    """Files may not grow beyond a limit, which fails a write as a full disk does, and can be taken back."""
    workers.start(1, **ROCKS)
    await _logged(workers, "partitions taken over in")
    pid = workers.processes[1].pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (64 * 1024, resource.RLIM_INFINITY))
    await send(producer, workers.group, random.Random(5), 8_000, 3)
    await _logged(workers, "given up: ShardFailed")
    assert "File too large" in workers.log(1)
    assert workers.exits()[1] is None
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await check(workers)
    _stop(workers)
    await check_kept(workers, 1)
