"""Kafka away, and no spool: answers come within the deadline, nothing acknowledged is lost, and it mends itself."""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

ApiCall = Callable[..., dict[str, Any]]
DEADLINE_S = 3.0
SLACK_S = 12.0  # for a busy machine; without a deadline nothing would answer while the broker is away


async def test_started_before_kafka_it_answers_503_and_recovers(
    start_service: Any, fresh_kafka: Any, free_port: int, make_topics: Any, api_call: ApiCall
) -> None:
    service = await start_service(f"127.0.0.1:{free_port}", publish_timeout_s=DEADLINE_S, spool_max_bytes=0)
    began = time.monotonic()
    async with service.client.post(f"{service.url}/v1/events", json=api_call(eventId="early")) as response:
        answer = await response.json(content_type=None)
        assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert time.monotonic() - began < DEADLINE_S + SLACK_S
    assert answer["receipts"][0]["eventId"] == "early"
    assert answer["receipts"][0]["retriable"] is True
    assert not service.ingest.ready

    broker = await asyncio.to_thread(fresh_kafka, port=free_port)
    await make_topics(broker.bootstrap_servers)
    await service.until_ready()
    status, _ = await service.post(api_call())
    assert status == 202
    assert service.ingest.room.used == 0


async def test_what_was_acknowledged_while_the_broker_dies_is_there_afterwards(
    start_service: Any, fresh_kafka: Any, make_topics: Any, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers)
    service = await start_service(broker.bootstrap_servers, publish_timeout_s=DEADLINE_S, spool_max_bytes=0)
    await service.until_ready()
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    acknowledged: list[dict[str, Any]] = []
    statuses: list[int] = []
    stop = asyncio.Event()

    async def sender(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            began = time.monotonic()
            events = [api_call(eventId=f"{name}-{number}-{n}", service=f"{name}{n}") for n in range(3)]
            status, answer = await service.post(events)
            assert status in (202, 503), answer
            assert time.monotonic() - began < DEADLINE_S + SLACK_S
            assert len(answer["receipts"]) == 3
            statuses.append(status)
            acknowledged.extend(one for one in answer["receipts"] if one["status"] == "accepted")

    senders = [asyncio.create_task(sender(f"sender{n}-")) for n in range(8)]
    await asyncio.sleep(1)
    broker.kill(1)
    await asyncio.sleep(DEADLINE_S + 2)
    assert not service.ingest.ready
    await asyncio.to_thread(broker.start_node, 1)
    await service.until_ready()
    await asyncio.sleep(1)
    stop.set()
    await asyncio.gather(*senders)
    status, _ = await service.post(api_call(eventId="last"))

    assert status == 202
    assert {202, 503} == set(statuses)
    assert service.ingest.room.used == 0, "nothing is held for requests that are over"
    records = await read_topic(broker.bootstrap_servers, ["audit-api-calls"])
    at = {(record.partition, record.offset): orjson.loads(record.value)["eventId"] for record in records}
    assert acknowledged
    for receipt in acknowledged:
        assert at[receipt["partition"], receipt["offset"]] == receipt["eventId"]
    await service.ingest.publisher.close()
    gc.collect()
    assert complaints == [], "producers that were given up end without a traceback"


async def test_a_broker_that_hangs_is_answered_for_in_time(
    start_service: Any, fresh_kafka: Any, make_topics: Any, api_call: ApiCall
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers)
    service = await start_service(broker.bootstrap_servers, publish_timeout_s=DEADLINE_S, spool_max_bytes=0)
    await service.until_ready()
    broker.pause(1)
    try:
        began = time.monotonic()
        answers = await asyncio.gather(*(service.post(api_call(service=f"s{n}")) for n in range(20)))
        assert {status for status, _ in answers} == {503}
        assert time.monotonic() - began < DEADLINE_S + SLACK_S
    finally:
        broker.resume(1)
    await service.until_ready()
    status, answer = await service.post(api_call())
    assert status == 202, answer
    assert service.ingest.room.used == 0


async def test_too_much_waiting_for_kafka_is_refused_at_once(
    start_service: Any, fresh_kafka: Any, make_topics: Any, api_call: ApiCall
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers)
    room = 1 << 20
    service = await start_service(
        broker.bootstrap_servers, publish_timeout_s=DEADLINE_S, spool_max_bytes=0, max_pending_bytes=room
    )
    await service.until_ready()
    broker.pause(1)
    try:
        large = api_call(errorMessage="x" * 50_000)
        peak = 0

        async def post() -> int:
            nonlocal peak
            status, _ = await service.post(large)
            peak = max(peak, service.ingest.room.used)
            return int(status)

        statuses = await asyncio.gather(*(post() for _ in range(60)))
        assert set(statuses) == {503}
        assert 0 < peak <= room
    finally:
        broker.resume(1)
    async with asyncio.timeout(60):
        # the batch that hung is given up in the moment when its senders have their answer, perhaps a little later
        while (await service.post(api_call()))[0] == 503:
            await asyncio.sleep(0.05)
    assert (await service.post(api_call()))[0] == 202
    assert service.ingest.room.used == 0


async def test_stopping_delivers_what_was_taken(
    start_service: Any, fresh_kafka: Any, make_topics: Any, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers)
    service = await start_service(broker.bootstrap_servers)
    await service.until_ready()
    requests = [
        asyncio.create_task(service.post([api_call(eventId=f"{n}-{m}") for m in range(100)])) for n in range(20)
    ]
    while service.ingest.room.used == 0:
        await asyncio.sleep(0)
    service.ingest.draining = True
    assert not service.ingest.ready
    answers = await asyncio.gather(*requests)
    await service.ingest.publisher.close()
    status, answer = await service.post(api_call())
    assert (status, answer["receipts"][0]["retriable"]) == (503, True)
    assert {status for status, _ in answers} == {202}
    records = await read_topic(broker.bootstrap_servers, ["audit-api-calls"])
    assert len({orjson.loads(record.value)["eventId"] for record in records}) == 2_000
