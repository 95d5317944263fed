"""A partition that waits for more holds none of the events that it has worked off."""

import asyncio
import weakref
from types import SimpleNamespace
from typing import Any, cast

import pytest

from carbon_stream.streaming import partition as module
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.clock import BrokerClock
from carbon_stream.streaming.deduplication import Budget
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.partition import Partition


class Record:
    def __init__(self, offset: int) -> None:
        self.topic, self.partition, self.offset, self.timestamp = "t", 0, offset, 0
        self.key, self.value, self.headers = None, b"x", ()


async def test_events_are_let_go_when_they_are_worked_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve partitions that each kept their last unit of work held 90 MB of a worker's memory."""
    worked_off = asyncio.Event()

    async def work_off(self: Partition, batches: list[Batch]) -> None:
        assert [record.offset for batch in batches for record in batch] == [0, 1]
        worked_off.set()

    monkeypatch.setattr(module.Partition, "_work_off", work_off)
    logic = SimpleNamespace(formats=None)
    plan = cast(Any, SimpleNamespace(name="s", topics=("t",), changelog="c", sweep=None, logic=logic))
    partition = Partition(plan, 0, MemoryShard(), cast(Any, None), Budget(), BrokerClock(), asyncio.Semaphore())
    monkeypatch.setattr(partition, "_sweeper", SimpleNamespace(wait_s=lambda: 60.0))
    partition._reader, partition._room = cast(Any, None), asyncio.Event()
    records = [Record(0), Record(1)]
    alive = [weakref.ref(record) for record in records]
    partition.submit(Batch(records))
    del records
    working = asyncio.create_task(partition._work())
    try:
        await asyncio.wait_for(worked_off.wait(), 60)
        for _ in range(10):  # it is back at its wait after a few turns of the loop
            await asyncio.sleep(0)
        assert partition.busy_s() == 0
        assert [one() for one in alive] == [None, None]
    finally:
        working.cancel()
        await asyncio.wait({working})
