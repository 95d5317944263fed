"""Dead letters are listed newest first, page by page, and replayed where they would be taken today."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import ClientSession
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from carbon_stream.contracts.exports import example
from carbon_stream.contracts.names import DEAD_LETTERS
from carbon_stream.settings import Settings
from carbon_stream.web.application import query_application

TOPIC = "audit-api-calls"
AUTHORISED = {"Authorization": "Bearer s3cret-for-tests"}
Serving = Callable[..., AbstractAsyncContextManager[ClientSession]]


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(**settings.kafka_client(), acks="all") as started:
        yield started


async def put(
    producer: AIOKafkaProducer,
    value: bytes | None,
    *,
    reason: str = "not-json",
    partition: int = 0,
    topic: str = TOPIC,
    key: bytes | None = b"trino",
) -> str:
    """A dead letter as a stage writes it; gives its id."""
    headers = [
        ("traceparent", b"00-abc-01"),
        ("carbon-stream-origin-topic", topic.encode()),
        ("carbon-stream-origin-partition", b"5"),
        ("carbon-stream-origin-offset", b"17"),
        ("carbon-stream-origin-timestamp", b"1700000000000"),
        ("carbon-stream-reason", reason.encode()),
        ("carbon-stream-error", b"what was wrong"),
    ]
    sent = await producer.send_and_wait(DEAD_LETTERS, value, key=key, partition=partition, headers=headers)
    return f"{sent.partition}-{sent.offset}"


async def replay(session: ClientSession, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    async with session.post("/v1/dead-letters/replay", json=asked, headers=AUTHORISED) as response:
        return response.status, await response.json(content_type=None)


async def test_pages_go_from_the_newest_to_the_oldest_and_miss_nothing(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer
) -> None:
    ids = []
    for number in range(40):
        ids.append(await put(producer, f"{{broken {number}".encode(), partition=number % 3))
        await asyncio.sleep(0.002)  # order across partitions is that of the broker's milliseconds
    async with serving(query_application, settings) as session:
        seen: list[str] = []
        cursor: str | None = None
        while True:
            query = {"limit": "7", "reason": "not-json"} | ({"cursor": cursor} if cursor else {})
            async with session.get("/v1/dead-letters", params=query) as response:
                page = await response.json()
            seen += [letter["id"] for letter in page["deadLetters"]]
            assert len(page["deadLetters"]) <= 7
            late = await put(producer, b"{while paging") if len(seen) == 14 else None
            cursor = page["next"]
            if cursor is None:
                break
    assert late is None
    assert len(set(seen)) == len(seen)
    assert [letter for letter in seen if letter in ids] == list(reversed(ids))


async def test_a_letter_shows_bytes_headers_origin_and_reason(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer
) -> None:
    letter_id = await put(producer, b"\xff\xfe\x00", reason="not-utf8")
    async with serving(query_application, settings) as session:
        response = await session.get("/v1/dead-letters", params={"limit": "1", "reason": "not-utf8"})
        (letter,) = (await response.json())["deadLetters"]
    assert letter["id"] == letter_id
    assert base64.b64decode(letter["value"]) == b"\xff\xfe\x00"
    assert base64.b64decode(letter["key"]) == b"trino"
    assert letter["origin"] == {"topic": TOPIC, "partition": 5, "offset": 17, "timestamp": 1_700_000_000_000}
    assert letter["headers"] == [{"name": "traceparent", "value": base64.b64encode(b"00-abc-01").decode()}]
    assert (letter["reason"], letter["error"]) == ("not-utf8", "what was wrong")


async def test_what_is_valid_now_goes_back_to_its_partition_and_what_is_not_stays(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer
) -> None:
    event = json.dumps(example("AuditAPICallEvent")).encode()
    good = await put(producer, event, reason="invalid")
    bad = await put(producer, b"{still broken")
    elsewhere = await put(producer, event, topic="somebody-elses")
    async with serving(query_application, settings) as session:
        status, answer = await replay(session, {"ids": [bad, good, "0-999999", elsewhere]})
    outcomes = {outcome["id"]: outcome for outcome in answer["results"]}
    assert (status, answer["replayed"], answer["refused"]) == (200, 1, 3)
    assert [outcome["id"] for outcome in answer["results"]] == [bad, good, "0-999999", elsewhere]
    assert (outcomes[bad]["status"], outcomes[bad]["code"], outcomes[bad]["reason"]) == ("refused", 422, "not-json")
    assert (outcomes["0-999999"]["status"], outcomes["0-999999"]["code"]) == ("not-found", 404)
    assert (outcomes[elsewhere]["reason"], outcomes[elsewhere]["code"]) == ("unknown-origin", 409)
    assert outcomes[good]["partition"] == 5

    place = TopicPartition(TOPIC, 5)
    async with AIOKafkaConsumer(**settings.kafka_client(), group_id=None) as consumer:
        consumer.assign([place])
        consumer.seek(place, outcomes[good]["offset"])
        record = await consumer.getone()
    assert (record.key, record.value) == (b"trino", event)
    assert dict(record.headers) == {"traceparent": b"00-abc-01", "carbon-stream-replayed-from": good.encode()}


async def test_a_dry_run_says_what_would_become_of_each_and_sends_nothing(
    serving: Serving, settings: Settings, producer: AIOKafkaProducer
) -> None:
    good = await put(producer, json.dumps(example("AuditAPICallEvent")).encode(), reason="too-deep")
    async with serving(query_application, settings) as session, AIOKafkaConsumer(**settings.kafka_client()) as consumer:
        place = TopicPartition(TOPIC, 5)
        before = await consumer.end_offsets([place])
        status, answer = await replay(session, {"reason": "too-deep", "originTopic": TOPIC, "dryRun": True})
        assert await consumer.end_offsets([place]) == before
    assert (status, answer["replayed"]) == (200, 0)
    assert answer["results"] == [{"id": good, "status": "valid", "code": 200}]


async def test_a_tombstone_is_never_replayed(serving: Serving, settings: Settings, producer: AIOKafkaProducer) -> None:
    tombstone = await put(producer, None, reason="empty")
    async with serving(query_application, settings) as session:
        status, answer = await replay(session, {"ids": [tombstone]})
    assert (status, answer["replayed"], answer["refused"]) == (200, 0, 1)
    assert (answer["results"][0]["reason"], answer["results"][0]["code"]) == ("empty", 422)
