"""Kafka away, and a spool: every event is taken, is on its topic afterwards, in the order of its key."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

ApiCall = Callable[..., dict[str, Any]]
Read = Callable[..., Awaitable[Any]]
PATIENCE_S = 0.5

pytestmark = pytest.mark.timeout(420)


async def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.02)


def first_of_each(records: Any) -> dict[bytes, list[str]]:
    """Event ids by key in the order of the topic, repeats passed over."""
    found: dict[bytes, list[str]] = defaultdict(list)
    seen: set[str] = set()
    for record in records:
        event_id = orjson.loads(record.value)["eventId"]
        if event_id not in seen:
            seen.add(event_id)
            found[record.key].append(event_id)
    return found


async def test_started_before_kafka_it_takes_events_and_delivers_them_in_order(
    start_service: Any, fresh_kafka: Any, free_port: int, make_topics: Any, read_topic: Read, api_call: ApiCall
) -> None:
    service = await start_service(f"127.0.0.1:{free_port}", spool_after_s=PATIENCE_S)
    for number in range(30):
        status, answer = await service.post(api_call(eventId=f"early-{number}", service=f"s{number % 3}"))
        assert (status, answer["accepted"]) == (202, 1)
        assert answer["receipts"] == [{"eventId": f"early-{number}", "status": "spooled", "topic": "audit-api-calls"}]
    assert service.ingest.ready
    assert not service.ingest.publisher.ready
    broker = await asyncio.to_thread(fresh_kafka, port=free_port)
    await make_topics(broker.bootstrap_servers)
    await service.until_ready()
    await until(lambda: not service.ingest.publisher.spool)
    records = await read_topic(broker.bootstrap_servers, ["audit-api-calls"])
    assert len(records) == 30, "nothing had been sent before, so nothing is there twice"
    assert first_of_each(records) == {
        f"s{key}".encode(): [f"early-{number}" for number in range(key, 30, 3)] for key in range(3)
    }
    assert service.ingest.room.used == 0


async def test_a_broker_that_is_killed_and_comes_back(
    start_service: Any, fresh_kafka: Any, make_topics: Any, read_topic: Read, api_call: ApiCall
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers)
    service = await start_service(broker.bootstrap_servers, spool_after_s=PATIENCE_S, publish_timeout_s=3.0)
    await service.until_ready()
    statuses: list[str] = []
    sent: dict[bytes, list[str]] = defaultdict(list)
    stop = asyncio.Event()

    async def sender(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            events = [api_call(eventId=f"{name}-{number}-{n}", service=f"{name}{n}") for n in range(3)]
            status, answer = await service.post(events)
            assert status == 202, answer
            for event in events:
                sent[event["service"].encode()].append(event["eventId"])
            statuses.extend(receipt["status"] for receipt in answer["receipts"])

    senders = [asyncio.create_task(sender(f"sender{n}-")) for n in range(8)]
    await until(lambda: len(statuses) > 200)
    broker.kill(1)
    before = len(statuses)
    await until(lambda: len(statuses) > before + 500)
    await asyncio.to_thread(broker.start_node, 1)
    await until(lambda: statuses[-100:] == ["accepted"] * 100)
    stop.set()
    await asyncio.gather(*senders)
    await until(lambda: not service.ingest.publisher.spool)
    assert {"accepted", "spooled"} == set(statuses)
    assert service.ingest.room.used == 0
    found = first_of_each(await read_topic(broker.bootstrap_servers, ["audit-api-calls"]))
    assert {key: sorted(ids) for key, ids in found.items()} == {key: sorted(ids) for key, ids in sent.items()}
    for key, ids in sent.items():
        for place, (there, wanted) in enumerate(zip(found[key], ids, strict=True)):
            assert there == wanted, (key, found[key][place - 3 : place + 6], ids[place - 3 : place + 6])
