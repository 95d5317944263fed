"""One record that the broker will not have: it is told apart, and its neighbours are taken."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest

ApiCall = Callable[..., dict[str, Any]]


@pytest.mark.timeout(180)
async def test_a_record_too_large_for_its_topic_is_rejected_for_good_and_others_are_not(
    start_service: Any, fresh_kafka: Any, make_topics: Any, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    await make_topics(broker.bootstrap_servers, max_message_bytes="20000")
    service = await start_service(broker.bootstrap_servers, publish_timeout_s=60.0)
    await service.until_ready()
    noise = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(10_000))
    events = [api_call(eventId=f"small-{n}", service=f"s{n % 3}") for n in range(200)]
    events.insert(100, api_call(eventId="large", service="s1", errorMessage=noise))
    for _ in range(2):
        status, answer = await service.post(events)
        assert (status, answer["accepted"], answer["rejected"]) == (202, 200, 1)
        receipt = answer["receipts"][100]
        assert (receipt["eventId"], receipt["retriable"], receipt["errors"][0]["type"]) == ("large", False, "too-large")
    # Requests beside it are not failed by its failing, nor is any that comes later.
    answers = await asyncio.gather(
        *(service.post(events[100] if n % 5 == 0 else api_call(eventId=f"beside-{n}", service="s1")) for n in range(50))
    )
    assert [status for status, _ in answers] == [422 if n % 5 == 0 else 202 for n in range(50)]
    assert service.ingest.room.used == 0
    records = await read_topic(broker.bootstrap_servers, ["audit-api-calls"])
    found = {orjson.loads(record.value)["eventId"] for record in records}
    assert "large" not in found
    assert {event["eventId"] for event in events} - {"large"} <= found
    assert {f"beside-{n}" for n in range(50) if n % 5} <= found
    await service.until_ready()


async def test_events_for_a_missing_topic_are_to_be_sent_again_until_it_is_there(
    start_service: Any, fresh_kafka: Any, make_topics: Any, api_call: ApiCall
) -> None:
    broker = await asyncio.to_thread(fresh_kafka)
    service = await start_service(broker.bootstrap_servers, publish_timeout_s=2.0)
    await service.until_ready()
    status, answer = await service.post(api_call())
    assert (status, answer["receipts"][0]["retriable"]) == (503, True), "there are no topics yet"
    await make_topics(broker.bootstrap_servers)
    async with asyncio.timeout(90):
        while (await service.post(api_call()))[0] != 202:
            await asyncio.sleep(0.2)
