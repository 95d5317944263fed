"""CloudEvents that the official SDK writes straight onto our topics: counted and found like any other event."""

import asyncio
import base64
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.integration.service.conftest import MakeService
from tests.support.answers import eventually
from tests.support.service import Service

pytestmark = pytest.mark.timeout(200)
TOPIC = "audit-user-actions"


@pytest.fixture(scope="module")
def service(make_service: MakeService) -> Service:
    made = make_service()
    made.start()
    made.wait_ready()
    asyncio.run(put(made, [*messages(), *messages(), refused()]))
    return made


def messages() -> list[KafkaMessage]:
    """Six events, three in each mode."""
    modes = (to_binary, to_structured)
    return [modes[number % 2](action(f"ce-{number}"), JSONFormat()) for number in range(6)]


def action(event_id: str, **more: Any) -> CloudEvent:
    attributes = {
        "id": event_id,
        "source": "portal",
        "type": "com.254carbon.AuditUserActionEvent",
        "time": datetime.now(UTC),
        "datacontenttype": "application/json",
        "correlationid": "ce-flow",
    }
    data = {
        "userId": "carla",
        "username": "Carla",
        "action": "LOGIN",
        "resource": "portal",
        "resourceType": "site",
        "result": "SUCCESS",
        "ipAddress": "10.0.0.1",
        **more,
    }
    return CloudEvent(attributes, data)


def refused() -> KafkaMessage:
    return to_binary(action("ce-wrong", eventId="another"), JSONFormat())


async def put(service: Service, written: list[KafkaMessage]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers) as producer:
        for one in written:
            await producer.send_and_wait(TOPIC, one.value, headers=list(one.headers.items()), partition=0)


async def test_each_counts_once_whichever_mode_it_came_in_and_however_often(service: Service) -> None:
    def counted() -> Any:
        groups = service.get("/v1/audit/summary", by="user")["groups"]
        return next((group for group in groups if group["key"] == "carla" and group["count"] == 6), None)

    await eventually(counted)

    def told() -> Any:
        letters = service.get("/v1/dead-letters", originTopic=TOPIC)["deadLetters"]
        return letters or None

    (letter,) = await eventually(told)
    assert base64.b64decode(letter["value"]) == refused().value
    assert "the attribute says 'ce-wrong'" in letter["error"]


async def test_searches_and_stories_have_them_as_the_contract_writes_them(service: Service) -> None:
    events = service.get("/v1/audit/events", user="carla", eventId="ce-2")["events"]
    assert [(event["eventId"], event["eventType"]) for event in events] == [("ce-2", "AuditUserActionEvent")]
    assert abs(events[0]["timestamp"] - time.time() * 1000) < 600_000
    assert len(service.get("/v1/audit/events", user="carla")["events"]) == 6
    story = service.get("/v1/events/story", id="ce-flow")["events"]
    assert {event["eventId"] for event in story} == {f"ce-{number}" for number in range(6)}
