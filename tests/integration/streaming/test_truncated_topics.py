"""Retention has taken what was still needed: it is noticed, made good as far as the topics reach, and said."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete

from tests.support.counting import PARTITIONS, Truth, Workers, caught_up, check, make_topics, read, send

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


async def _delete(bootstrap: str, before: dict[TopicPartition, int]) -> None:
    """As retention does where a topic is not compacted only."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for topic in {tp.topic for tp in before if tp.topic.endswith("changelog")}:
            deleting = {"cleanup.policy": "compact,delete"}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=deleting)])
        await admin.delete_records({tp: RecordsToDelete(offset) for tp, offset in before.items()})
    finally:
        await admin.close()


async def _rows(workers: Workers) -> tuple[dict[tuple[int, str], int], dict[str, int]]:
    """Counts by partition and user, and the ledger's totals."""
    counts: dict[tuple[int, str], int] = {}
    ledgers: dict[tuple[int, bytes], dict[str, int]] = {}
    for partition, key, value in await read(workers.bootstrap, f"{workers.group}-counts-changelog", PARTITIONS):
        family, name = orjson.loads(key or b"")[:2]
        if family == "user":
            counts.pop((partition, name), None)
            if value is not None:
                counts[partition, name] = orjson.loads(value)["n"]
        elif family == "ledger":
            ledgers.pop((partition, name), None)
            if value is not None:
                ledgers[partition, name] = orjson.loads(value)
    totals = {name: sum(row[name] for row in ledgers.values()) for name in ("applied", "duplicate", "dead")}
    return counts, totals


async def _until_counted(workers: Workers, truth: Truth) -> None:
    async with asyncio.timeout(60):
        while (await _rows(workers))[0] != dict(truth.counts):
            await asyncio.sleep(0.5)


async def test_rows_that_the_changelog_has_lost_are_made_again_from_the_topics(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    bootstrap, group = workers.bootstrap, workers.group
    workers.start(1)
    await send(producer, group, random.Random(41), 4_000, 1)
    truth = await check(workers)
    workers.drain(1)
    changelog = [TopicPartition(f"{group}-counts-changelog", n) for n in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        ends = await consumer.end_offsets(changelog)
    await _delete(bootstrap, {tp: end * 2 // 3 for tp, end in ends.items()})
    left, _ = await _rows(workers)
    assert 0 < len(left) < len(truth.counts), "rows that nothing has changed since are lost"
    workers.start(2)
    await _until_counted(workers, truth)
    expected = {"applied": sum(truth.counts.values()), "duplicate": truth.repeats, "dead": truth.bad}
    assert (await _rows(workers))[1] == expected
    assert workers.log(2).count("all rows are made again") == PARTITIONS
    # it is done once: the next owner believes the changelog, and goes on from there
    workers.drain(2)
    workers.start(3)
    await send(producer, group, random.Random(42), 600, 0.5)
    truth = await Truth.of(bootstrap, group)
    await _until_counted(workers, truth)
    assert "all rows are made again" not in workers.log(3)


async def test_events_that_a_topic_lost_before_they_were_read_are_told_and_the_rest_counts(
    workers: Workers, producer: AIOKafkaProducer
) -> None:
    bootstrap, group = workers.bootstrap, workers.group
    topic = f"{group}-a"
    event = orjson.dumps({"source": "svc", "user": "ann"})
    workers.start(1)
    for _ in range(10):
        await producer.send_and_wait(topic, event, partition=0)
    await caught_up(workers, 10, 60)
    workers.drain(1)
    for _ in range(20):
        await producer.send_and_wait(topic, event, partition=0)
    await _delete(bootstrap, {TopicPartition(topic, 0): 25})
    workers.start(2)
    async with asyncio.timeout(60):
        while (await _rows(workers))[0] != {(0, "ann"): 15}:
            await asyncio.sleep(0.3)
    assert "lost offsets 10 to 24 before they were read" in workers.log(2)
    assert (await _rows(workers))[1]["applied"] == 15
    # and while it runs, too: held for a moment, so that it has not read them yet
    workers.processes[2].send_signal(signal.SIGSTOP)
    await asyncio.sleep(0.5)
    for _ in range(20):
        await producer.send_and_wait(topic, event, partition=0)
    await _delete(bootstrap, {TopicPartition(topic, 0): 45})
    workers.processes[2].send_signal(signal.SIGCONT)
    async with asyncio.timeout(60):
        while (await _rows(workers))[0] != {(0, "ann"): 20} or "lost offsets 30 to 44" not in workers.log(2):
            await asyncio.sleep(0.3)
