"""Three brokers: one that stops gently is not noticed by senders, one that is killed loses nothing acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

ApiCall = Callable[..., dict[str, Any]]


class Senders:
    """Posts without pause until stopped; keeps statuses and what was acknowledged."""

    def __init__(self, service: Any, api_call: ApiCall, run: str) -> None:
        self.statuses: list[int] = []
        self.acknowledged: list[dict[str, Any]] = []
        self._stop = asyncio.Event()
        self._tasks = [asyncio.create_task(self._send(service, api_call, f"{run}-{n}")) for n in range(6)]

    async def _send(self, service: Any, api_call: ApiCall, name: str) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            events = [api_call(eventId=f"{name}-{number}-{n}", service=f"{name}-{n}") for n in range(5)]
            status, answer = await service.post(events)
            self.statuses.append(status)
            self.acknowledged += [one for one in answer["receipts"] if one["status"] == "accepted"]
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)


@pytest.mark.timeout(300)
async def test_brokers_that_stop_and_one_that_dies(
    three_brokers: Any,
    start_service: Any,
    make_topics: Any,
    read_topic: Callable[..., Awaitable[Any]],
    api_call: ApiCall,
) -> None:
    await make_topics(three_brokers.bootstrap_servers, replication=3, min_insync_replicas="2")
    service = await start_service(three_brokers.bootstrap_servers, publish_timeout_s=20.0)
    await service.until_ready()

    gentle = Senders(service, api_call, "gentle")
    await asyncio.sleep(1)
    await asyncio.to_thread(three_brokers.stop_node, 1)
    await asyncio.sleep(2)
    await asyncio.to_thread(three_brokers.start_node, 1)
    await asyncio.sleep(2)
    await gentle.stop()
    assert set(gentle.statuses) == {202}

    crash = Senders(service, api_call, "crash")
    await asyncio.sleep(1)
    three_brokers.kill(2)
    await asyncio.sleep(15)
    before = len(crash.acknowledged)
    await asyncio.sleep(2)
    assert len(crash.acknowledged) > before, "events are taken again while the node is away"
    await asyncio.to_thread(three_brokers.start_node, 2)
    await crash.stop()
    assert set(crash.statuses) <= {202, 503}
    assert service.ingest.room.used == 0

    records = await read_topic(three_brokers.bootstrap_servers, ["audit-api-calls"])
    at = {(record.partition, record.offset): orjson.loads(record.value)["eventId"] for record in records}
    for receipt in gentle.acknowledged + crash.acknowledged:
        assert at[receipt["partition"], receipt["offset"]] == receipt["eventId"]
