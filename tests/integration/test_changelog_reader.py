"""Views equal the committed changelog: past aborted transactions, markers, missing and growing topics, and outages."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from carbon_stream.contracts.names import changelog
from carbon_stream.local import LocalKafka
from carbon_stream.projections.rows import Key, Row
from carbon_stream.views.reader import ChangelogReader
from tests.support.pauses import pauses

FreshKafka = Callable[..., LocalKafka]


class DictView:
    """Rows by partition and key."""

    def __init__(self) -> None:
        self.table = f"t{uuid.uuid4().hex[:8]}"
        self.rows: dict[tuple[int, Key], Row] = {}

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        if row is None:
            self.rows.pop((partition, key), None)
        elif key == ("poison",):
            raise RuntimeError("this view cannot take it")
        else:
            self.rows[partition, key] = row


async def create(servers: str, view: DictView, partitions: int = 2) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        config = {"cleanup.policy": "compact"}
        await admin.create_topics([NewTopic(changelog(view.table), partitions, 1, topic_configs=config)])
    finally:
        await admin.close()


class Writer:
    """Writes rows in transactions, as the stages do."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def write(self, partition: int, *rows: tuple[Any, Any], abort: bool = False) -> None:
        await self._producer.begin_transaction()
        for key, row in rows:
            encoded_key = key if isinstance(key, bytes) else orjson.dumps(key)
            value = row if isinstance(row, bytes | None) else orjson.dumps(row)
            sent = await self._producer.send(self._topic, value, key=encoded_key, partition=partition)
            await sent
        await (self._producer.abort_transaction() if abort else self._producer.commit_transaction())


@asynccontextmanager
async def writer(servers: str, view: DictView) -> AsyncIterator[Writer]:
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id=f"w-{view.table}", retry_backoff_ms=10)
    await producer.start()
    try:
        yield Writer(producer, changelog(view.table))
    finally:
        await producer.stop()


@asynccontextmanager
async def reading(servers: str, *views: DictView, **options: Any) -> AsyncIterator[ChangelogReader]:
    reader = ChangelogReader({"bootstrap_servers": servers}, views, **options)
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_only_committed_rows_are_seen_and_markers_do_not_hold_up_loading(bootstrap_servers: str) -> None:
    view = DictView()
    await create(bootstrap_servers, view)
    async with writer(bootstrap_servers, view) as changes:
        await changes.write(0, (["a"], {"v": 1, "n": 1}), (["b"], {"v": 1, "n": 1}))
        await changes.write(0, (["a"], {"v": 1, "n": 2}), abort=True)
        await changes.write(0, (["b"], None), (["c", 5], {"v": 1, "n": 3}), (["ids", "x", 0], {"v": 1}))
        await changes.write(1, (["a"], {"v": 1, "n": 9}), abort=True)
        expected = {(0, ("a",)): {"v": 1, "n": 1}, (0, ("c", 5)): {"v": 1, "n": 3}}
        async with reading(bootstrap_servers, view) as reader:
            await asyncio.wait_for(reader.ready.wait(), 10)
            assert view.rows == expected
            assert reader.lag() == {view.table: 0}
            await changes.write(1, (["d"], {"v": 1, "n": 4}))
            await eventually(lambda: (1, ("d",)) in view.rows)
            await changes.write(1, (["d"], None))
            await eventually(lambda: (1, ("d",)) not in view.rows)


async def test_an_open_transaction_does_not_hold_up_loading(bootstrap_servers: str) -> None:
    view = DictView()
    await create(bootstrap_servers, view, 1)
    async with writer(bootstrap_servers, view) as changes:
        await changes.write(0, (["a"], {"v": 1}))
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, transactional_id=f"open-{view.table}")
        await producer.start()
        try:
            await producer.begin_transaction()
            await producer.send_and_wait(changelog(view.table), b'{"v":1}', key=b'["open"]', partition=0)
            async with reading(bootstrap_servers, view) as reader:
                await asyncio.wait_for(reader.ready.wait(), 10)
                assert view.rows == {(0, ("a",)): {"v": 1}}
                await producer.commit_transaction()
                await eventually(lambda: (0, ("open",)) in view.rows)
        finally:
            await producer.stop()


async def test_rows_that_no_one_understands_are_skipped_and_counted(bootstrap_servers: str) -> None:
    view = DictView()
    await create(bootstrap_servers, view, 1)
    async with writer(bootstrap_servers, view) as changes:
        await changes.write(
            0,
            (b"\xff", {"v": 1}),
            (b'{"a":1}', {"v": 1}),
            (b"[]", {"v": 1}),
            (["later"], {"v": 2}),
            (["bare"], {}),
            (["text"], b"no json"),
            (["list"], b"[1]"),
            (["poison"], {"v": 1}),
            (["good"], {"v": 1}),
        )
        async with reading(bootstrap_servers, view) as reader:
            await asyncio.wait_for(reader.ready.wait(), 10)
            assert view.rows == {(0, ("good",)): {"v": 1}}
            assert reader.skipped == {view.table: 8}


async def test_loading_waits_for_topics_that_are_missing(
    bootstrap_servers: str, caplog: pytest.LogCaptureFixture
) -> None:
    there, missing = DictView(), DictView()
    await create(bootstrap_servers, there, 1)
    async with writer(bootstrap_servers, there) as changes, reading(bootstrap_servers, there, missing) as reader:
        await changes.write(0, (["a"], {"v": 1}))
        await eventually(lambda: bool(there.rows))
        assert not reader.ready.is_set()
        assert f"waiting for the changelogs {changelog(missing.table)}" in caplog.text
        await create(bootstrap_servers, missing, 1)
        await asyncio.wait_for(reader.ready.wait(), 15)


async def test_grown_partitions_are_noticed(bootstrap_servers: str) -> None:
    view = DictView()
    await create(bootstrap_servers, view, 1)
    async with reading(bootstrap_servers, view) as reader:
        await asyncio.wait_for(reader.ready.wait(), 10)
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
        await admin.start()
        try:
            await admin.create_partitions({changelog(view.table): NewPartitions(total_count=3)})
        finally:
            await admin.close()
        async with writer(bootstrap_servers, view) as changes:
            await changes.write(2, (["c"], {"v": 1}))
        await eventually(lambda: (2, ("c",)) in view.rows, 30)


async def test_the_ledger_comes_after_its_rows_and_tells_how_long_it_took(bootstrap_servers: str) -> None:
    order: list[Key] = []
    delays: list[tuple[str, float]] = []

    class Ordered(DictView):
        def apply(self, partition: int, key: Key, row: Row | None) -> None:
            order.append(key)

    view = Ordered()
    await create(bootstrap_servers, view, 1)
    seen = {"on_seen": lambda table, seconds: delays.append((table, seconds))}
    async with writer(bootstrap_servers, view) as changes, reading(bootstrap_servers, view, **seen) as reader:
        await asyncio.wait_for(reader.ready.wait(), 10)
        at = 1_000
        await changes.write(0, (["ledger", "x"], {"v": 1, "position": 1, "at": at}), (["a"], {"v": 1}))
        await eventually(lambda: bool(delays))
    assert order == [("a",), ("ledger", "x")]
    assert delays[0][0] == view.table
    assert delays[0][1] > 1_000


async def test_reading_goes_on_where_it_was_after_the_broker_was_away(fresh_kafka: FreshKafka) -> None:
    broker = fresh_kafka()
    servers = broker.bootstrap_servers
    view = DictView()
    await create(servers, view, 1)
    async with reading(servers, view) as reader:
        async with writer(servers, view) as changes:
            await changes.write(0, (["a"], {"v": 1}))
        await asyncio.wait_for(reader.ready.wait(), 10)
        await eventually(lambda: bool(view.rows))
        seen: list[Key] = []
        view.apply = lambda partition, key, row: seen.append(key)  # type: ignore[method-assign] # what comes from here on
        await asyncio.to_thread(broker.kill, 1)
        await asyncio.sleep(1)
        await asyncio.to_thread(broker.start_node, 1)
        async with writer(servers, view) as changes:
            await changes.write(0, (["b"], {"v": 1}))
        await eventually(lambda: bool(seen), 40)
        assert seen == [("b",)]


async def test_a_reader_that_was_away_too_long_begins_again(
    bootstrap_servers: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgetful(DictView):
        def clear(self, partition: int) -> None:
            self.rows = {key: row for key, row in self.rows.items() if key[0] != partition}

    view = Forgetful()
    await create(bootstrap_servers, view, 1)
    async with writer(bootstrap_servers, view) as changes, reading(bootstrap_servers, view) as reader:
        await changes.write(0, (["a"], {"v": 1}), (["b"], {"v": 1}))
        await asyncio.wait_for(reader.ready.wait(), 10)
        await eventually(lambda: len(view.rows) == 2)
        view.apply(0, ("gone",), {"v": 1})  # its tombstone came and went while nobody read
        await reader.stop()
        for partition in reader._caught_up:
            reader._caught_up[partition] -= 2 * 86_400
        await changes.write(0, (["b"], None), (["c"], {"v": 1}))
        await reader.start()
        await eventually(lambda: (0, ("c",)) in view.rows and reader.ready.is_set())
        assert view.rows == {(0, ("a",)): {"v": 1}, (0, ("c",)): {"v": 1}}
        assert "was not read for 48 h" in caplog.text


async def test_the_event_loop_stays_responsive_while_loading(bootstrap_servers: str) -> None:
    view = DictView()
    await create(bootstrap_servers, view, 1)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, linger_ms=20, max_batch_size=1 << 19)
    await producer.start()
    row = orjson.dumps({"v": 1, "c": {f"{n}S": n for n in range(20)}})
    for n in range(40_000):
        await producer.send(changelog(view.table), row, key=orjson.dumps(["user", 0, f"u{n}"]), partition=0)
    await producer.stop()
    async with pauses() as seen, reading(bootstrap_servers, view) as reader:
        await reader.ready.wait()
    assert len(view.rows) == 40_000
    assert max(seen) < sum(seen) / 2, "all 40,000 at once would be nearly the whole of it"
