"""An event's story is read from all topics, whichever of it is asked for, and says where its bounds were."""

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.exports import example
from carbon_stream.local import LocalKafka
from carbon_stream.query import story
from carbon_stream.settings import Settings
from carbon_stream.web.application import query_application
from tests.integration.web.conftest import Serving

KEY = "plain-api-key-of-somebody"


def event(name: str, event_id: str, cause: str | None = None, flow: str | None = None, **fields: Any) -> bytes:
    ids = {"eventId": event_id, "causationId": cause, "correlationId": flow, "timestamp": int(time.time() * 1000)}
    return json.dumps({**example(name), **ids, **fields}).encode()


@pytest.fixture
async def sent(platform: LocalKafka) -> AsyncIterator[None]:
    """A load (L), a check that it caused (C), a call in the same flow with a key (K); others between them."""
    producer = AIOKafkaProducer(bootstrap_servers=platform.bootstrap_servers, acks="all")
    await producer.start()
    try:
        for number in range(200):
            await producer.send("system-health", event("ServiceHealthEvent", f"other-{number}"), partition=number % 6)
        await producer.send_and_wait("data-ingestion", event("DataIngestionEvent", "L", flow="flow"))
        await producer.send_and_wait("data-quality", event("DataQualityEvent", "C", cause="L"))
        await producer.send_and_wait("audit-api-calls", event("AuditAPICallEvent", "K", flow="flow", apiKey=KEY))
        await producer.send_and_wait("audit-api-calls", b'{"eventId": "L"')
        yield
    finally:
        await producer.stop()


async def told(session: ClientSession, **query: Any) -> dict[str, Any]:
    async with session.get("/v1/events/story", params=query) as answer:
        assert answer.status == 200, await answer.text()
        document: dict[str, Any] = await answer.json()
        return document


@pytest.mark.timeout(180)
async def test_all_of_a_story_is_found_from_any_of_it_in_the_order_of_its_arrival(
    serving: Serving, settings: Settings, sent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(query_application, settings) as session:
        for asked in ("L", "C", "flow"):
            found = await told(session, id=asked)
            ids = [one["eventId"] for one in found["events"]]
            assert ids == (["L", "C", "K"] if asked != "flow" else ["L", "K"]), asked
            assert (found["complete"], found["reachMs"]) == (True, None)
        assert KEY not in json.dumps(await told(session, id="flow")), "a key is shown as its hash"
        assert (await told(session, id="nobody's"))["events"] == []
        now = int(time.time() * 1000)
        near = await told(session, id="L", around=now)
        assert [one["eventId"] for one in near["events"]] == ["L", "C", "K"]
        assert near["reachMs"] == 6 * 3_600_000
        assert (await told(session, id="L", around=now - 86_400_000))["events"] == []

        monkeypatch.setattr(story, "SCANNED_MAX", 20)
        bounded = await told(session, id="L", around=now)
        assert bounded["reachMs"] < near["reachMs"]
        assert not (await told(session, id="other-0"))["complete"]
        for wrong in ("/v1/events/story", "/v1/events/story?id=", "/v1/events/story?id=a&around=yesterday"):
            assert (await session.get(wrong)).status == 400
