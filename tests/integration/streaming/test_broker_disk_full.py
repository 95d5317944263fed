"""The disk under Kafka's log is full: the broker ends, and once there is room again everything goes on by itself."""

import asyncio
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from carbon_stream.local import LocalKafka
from tests.chaos.flow import Flow
from tests.chaos.stand import fill
from tests.support.counting import Workers, check, committed, make_topics

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason=f"{sys.platform} cannot limit another process's files"),
]

PER_SECOND = 1_000


async def test_a_full_disk_under_the_log_costs_time_only(
    fresh_kafka: Callable[..., LocalKafka], tmp_path: Path
) -> None:
    """Files may not grow, which fails an append as a full disk does; started again, the broker has no such limit."""
    kafka = fresh_kafka()
    group = await make_topics(kafka.bootstrap_servers)
    workers = Workers(group, kafka.bootstrap_servers, tmp_path)
    flow = Flow(kafka.bootstrap_servers, group, seed=5, per_second=PER_SECOND)
    flowing = asyncio.create_task(flow.run())
    try:
        workers.start(1)
        await until(kafka, workers, 2_000)
        fill(kafka, 1)
        deadline = time.monotonic() + 90
        while kafka.pids:
            assert time.monotonic() < deadline, "the broker does not mind that its disk is full"
            await asyncio.sleep(0.1)
        await asyncio.to_thread(kafka.stop_node, 1)
        await asyncio.to_thread(kafka.start_node, 1)
        before = await committed(kafka.bootstrap_servers, group)
        await until(kafka, workers, before + 2_000)
        flow.stop()
        await flowing
        truth = await check(workers)
        assert truth.records > before
    finally:
        flow.stop()
        workers.stop()
        await asyncio.wait({flowing})


async def until(kafka: LocalKafka, workers: Workers, records: int) -> None:
    deadline = time.monotonic() + 90
    while await committed(kafka.bootstrap_servers, workers.group) < records:
        assert time.monotonic() < deadline, workers.logs()[-4000:]
        await asyncio.sleep(0.2)
