"""Reads the whole changelog: with `getmany` alone, as a stage does into memory or RocksDB, or as the views do."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.changelog import CHANGELOG, PARTITIONS
from bench.peers.frame import answer, arguments
from carbon_stream.streaming import restore
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.observer import Silent
from carbon_stream.streaming.rocks import RocksShard
from carbon_stream.views.audit import AuditView
from carbon_stream.views.reader import ChangelogReader
from carbon_stream.web.server import spare_the_collector

_PARTITIONS = [TopicPartition(CHANGELOG, number) for number in range(PARTITIONS)]


async def _bare(told: dict[str, Any]) -> None:
    async with AIOKafkaConsumer(
        bootstrap_servers=told["servers"],
        enable_auto_commit=False,
        isolation_level="read_committed",
        max_partition_fetch_bytes=restore.FETCH_BYTES_MAX,
    ) as consumer:
        consumer.assign(_PARTITIONS)
        await consumer.seek_to_beginning()
        seen = 0
        while seen < told["count"]:
            polled = await consumer.getmany(timeout_ms=restore.POLL_MS, max_records=restore.POLL_RECORDS_MAX)
            seen += sum(map(len, polled.values()))


async def _memory(told: dict[str, Any]) -> None:
    wanted = [restore.Wanted("audit", tp, MemoryShard()) for tp in _PARTITIONS]
    await restore.restore({"bootstrap_servers": told["servers"]}, wanted, Silent())


async def _rocksdb(told: dict[str, Any]) -> None:
    folder = Path(told["folder"])
    wanted = [restore.Wanted("audit", tp, RocksShard(folder / f"audit-{tp.partition}")) for tp in _PARTITIONS]
    for each in wanted:
        each.shard.open()
    await restore.restore({"bootstrap_servers": told["servers"]}, wanted, Silent())
    for each in wanted:
        each.shard.close()


async def _views(told: dict[str, Any]) -> None:
    reader = ChangelogReader({"bootstrap_servers": told["servers"]}, [AuditView()])
    await reader.start()
    await reader.ready.wait()
    await reader.stop()


async def main(told: dict[str, Any]) -> None:
    """Read it all once."""
    ways = {"bare": _bare, "memory": _memory, "rocksdb": _rocksdb, "views": _views}
    spare_the_collector()
    since, cpu_since = time.perf_counter(), time.process_time()
    await asyncio.wait_for(ways[told["way"]](told), 600)
    cpu_s = time.process_time() - cpu_since
    answer({"count": told["count"], "wall_s": time.perf_counter() - since, "cpu_s": cpu_s})


if __name__ == "__main__":
    uvloop.run(main(arguments()))
