"""Reading changelogs back into shards, on a real broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.streaming import changelogs
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.observer import Silent
from carbon_stream.streaming.restore import LOAD_RECORDS_MAX, Restorer, Wanted, restore
from carbon_stream.streaming.shard import ShardFailed

PARTITIONS = 3
RECORDS = 9_000
SETTINGS = {"cleanup.policy": "compact", "delete.retention.ms": "7200000"}


class Counting(Silent):
    def __init__(self) -> None:
        self.records = 0
        self.left: list[int] = []

    def on_restore(self, stage: str, records: int, left: int) -> None:
        self.records += records
        self.left.append(left)


class Watched(MemoryShard):
    """Tells how often it was written to; `failing`: it cannot be."""

    def __init__(self, failing: bool = False) -> None:
        super().__init__()
        self.loads, self.failing = 0, failing
        self.loaded = asyncio.Event()

    def load(self, changes: Mapping[bytes, bytes | None], position: int, at: int | None = None) -> None:
        if self.failing and changes:
            raise ShardFailed("no room")
        self.loads += 1
        self.loaded.set()
        super().load(changes, position, at)


async def _create(admin: AIOKafkaAdminClient, topic: str) -> None:
    async with asyncio.timeout(90):
        while topic not in await admin.list_topics():
            await admin.create_topics([NewTopic(topic, PARTITIONS, 1, topic_configs=SETTINGS)])
            await asyncio.sleep(0.1)


def _key(n: int) -> bytes:
    return orjson.dumps(["user", n % 5, f"u{n % (RECORDS // 2)}"])


@pytest.fixture
async def topic(bootstrap_servers: str) -> str:
    """Every row is there twice; the second state of each third row is its deletion."""
    name = f"restore-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    await _create(admin, name)
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, linger_ms=20) as producer:
        for partition in range(PARTITIONS):
            for n in range(RECORDS):
                row = None if n >= RECORDS // 2 and not n % 3 else b'{"n":%d}' % n
                await producer.send(name, row, key=_key(n), partition=partition)
    return name


def _expected() -> dict[bytes, bytes]:
    return {_key(n): b'{"n":%d}' % n for n in range(RECORDS // 2, RECORDS) if n % 3}


def _rows(shard: MemoryShard) -> dict[bytes, bytes | None]:
    return {key: shard.get(key) for key in shard.keys()}  # noqa: SIM118 — it is no mapping


async def test_all_partitions_are_read_and_progress_is_told(bootstrap_servers: str, topic: str) -> None:
    counting = Counting()
    shards = [MemoryShard() for _ in range(PARTITIONS)]
    wanted = [Wanted("s", TopicPartition(topic, n), shard) for n, shard in enumerate(shards)]
    await restore({"bootstrap_servers": bootstrap_servers}, wanted, counting)
    assert [_rows(shard) for shard in shards] == [_expected()] * PARTITIONS
    assert counting.records == PARTITIONS * RECORDS
    assert counting.left[-1] == 0
    assert counting.left == sorted(counting.left, reverse=True)


async def test_others_have_their_turn_between_two_slices(
    bootstrap_servers: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carbon_stream.streaming.restore.SLICE_S", 0.0)  # as if each took long
    turns, at_loads = 0, []

    class Noting(MemoryShard):
        def load(self, changes: Mapping[bytes, bytes | None], position: int, at: int | None = None) -> None:
            if changes:
                at_loads.append(turns)
            super().load(changes, position, at)

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    wanted = [Wanted("s", TopicPartition(topic, n), Noting()) for n in range(PARTITIONS)]
    await restore({"bootstrap_servers": bootstrap_servers}, wanted, Silent())
    other.cancel()
    assert len(at_loads) >= PARTITIONS * RECORDS // LOAD_RECORDS_MAX
    assert len(set(at_loads)) == len(at_loads)


async def test_a_restore_that_is_let_go_of_writes_nothing_more(
    bootstrap_servers: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its partition may have been taken over again: what it writes late would bring old rows back."""
    monkeypatch.setattr("carbon_stream.streaming.restore.SLICE_S", 0.0)  # it can be let go of after every slice
    restorer = Restorer({"bootstrap_servers": bootstrap_servers}, Silent())
    held, other = Watched(), Watched()
    first = asyncio.create_task(restorer.bring_up(Wanted("s", TopicPartition(topic, 0), held)))
    beside = asyncio.create_task(restorer.bring_up(Wanted("s", TopicPartition(topic, 1), other)))
    await held.loaded.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    loads, position = held.loads, held.mark.position
    assert position < RECORDS
    await beside
    assert (held.loads, held.mark.position) == (loads, position)
    assert _rows(other) == _expected()
    await restorer.bring_up(Wanted("s", TopicPartition(topic, 0), held))
    assert _rows(held) == _expected()


async def test_a_shard_that_cannot_be_written_fails_alone(bootstrap_servers: str, topic: str) -> None:
    restorer = Restorer({"bootstrap_servers": bootstrap_servers}, Silent())
    full, other = Watched(failing=True), Watched()
    outcomes = await asyncio.gather(
        restorer.bring_up(Wanted("s", TopicPartition(topic, 0), full)),
        restorer.bring_up(Wanted("s", TopicPartition(topic, 1), other)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], ShardFailed)
    assert outcomes[1] == {}
    assert _rows(other) == _expected()


async def test_a_changelog_is_told_by_its_cluster_and_id(bootstrap_servers: str) -> None:
    name = f"told-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await _create(admin, name)
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
            first = (await changelogs.describe(consumer, [name]))[name]
            assert first == (await changelogs.describe(consumer, [name]))[name]
            assert first.origin.cluster == (await admin.describe_cluster())["cluster_id"]
            assert first.delete_retention_ms == 7_200_000
            await admin.delete_topics([name])
            async with asyncio.timeout(90):
                while name in await admin.list_topics():
                    await asyncio.sleep(0.1)
            await _create(admin, name)
            again = (await changelogs.describe(consumer, [name]))[name]
        assert again.origin.cluster == first.origin.cluster
        assert again.origin.topic != first.origin.topic
        assert uuid.UUID(again.origin.topic).int
    finally:
        await admin.close()
