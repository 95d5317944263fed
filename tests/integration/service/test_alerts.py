"""Alerts: each once, in the order of their service, whatever keys its events have and whichever worker dies."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.names import ALERTS, SERVICE_STATUS
from tests.integration.service.conftest import MakeService
from tests.support import brute_force
from tests.support.answers import eventually
from tests.support.service import Service

pytestmark = pytest.mark.timeout(240)

SERVICES = 1_500


@pytest.fixture(scope="module")
def pair(make_service: MakeService) -> Service:
    """Two workers, each with half of the partitions."""
    made = make_service()
    for number in (1, 2):
        made.start(number)
    for number in (1, 2):
        made.wait_ready(number)
    deadline = time.monotonic() + 60
    while not all("alerts 3, audit 6, datasets 6, health 3" in made.log(number) for number in (1, 2)):
        assert time.monotonic() < deadline, made.logs()
        time.sleep(0.1)
    return made


def health(service: str, status: str) -> bytes:
    return orjson.dumps({
        "eventType": "ServiceHealthEvent", "source": "probe", "serviceName": service, "namespace": "shop",
        "healthStatus": status, "latencyMs": 3, "errorRate": 0.5, "timestamp": time.time_ns() // 1_000_000,
    })  # fmt: skip


async def alerts(service: Service) -> list[dict[str, Any]]:
    records = await brute_force.read(service.kafka.bootstrap_servers, [ALERTS])
    assert all(record.key == f"shop/{orjson.loads(record.value)['serviceName']}".encode() for record in records)
    return [orjson.loads(record.value) for record in records]


def status_of(service: Service, name: str) -> Any:
    return service.get(f"/v1/health/services/shop/{name}")["lastReport"]["status"]


async def test_one_service_under_many_keys_is_told_in_order(pair: Service) -> None:
    statuses = ["HEALTHY", "UNHEALTHY", "UNHEALTHY", "DEGRADED", "HEALTHY", "HEALTHY", "UNHEALTHY"]
    async with AIOKafkaProducer(bootstrap_servers=pair.kafka.bootstrap_servers) as producer:
        for partition, status in enumerate(statuses):
            await producer.send_and_wait("system-health", health("billing", status), partition=partition % 6)
            await eventually(lambda status=status: status_of(pair, "billing") == status)  # type: ignore[misc]
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(90):
        while len(found) < 3:
            found = await alerts(pair)
    assert [(a["state"], a["previousStatus"]) for a in found] == [
        ("FIRING", "HEALTHY"),
        ("RESOLVED", "DEGRADED"),
        ("FIRING", "HEALTHY"),
    ]
    first, resolved, second = (a["correlationId"] for a in found)
    assert first == resolved != second


async def test_a_killed_worker_sends_nothing_on_twice_and_forgets_nothing(pair: Service) -> None:
    dice = random.Random(4)
    sent: set[tuple[str, int, int]] = set()
    before = {tuple(observation["origin"]) for observation in await _sent_on(pair)}
    async with AIOKafkaProducer(bootstrap_servers=pair.kafka.bootstrap_servers) as producer:
        for number in range(SERVICES):
            at = await producer.send_and_wait(
                "system-health", health(f"s{number}", "UNHEALTHY"), partition=dice.randrange(6)
            )
            sent.add((at.topic, at.partition, at.offset))
            if number in (SERVICES // 4, SERVICES // 2):
                victim = 1 + number % 2
                pair.kill(victim)
                pair.start(victim)
    async with asyncio.timeout(90):
        while sum(alert["serviceName"] != "billing" for alert in await alerts(pair)) < SERVICES:
            await asyncio.sleep(0.5)
    origins = Counter(tuple(observation["origin"]) for observation in await _sent_on(pair))
    assert set(origins) - before == sent
    assert set(origins.values()) == {1}
    told = Counter((a["serviceName"], a["state"]) for a in await alerts(pair) if a["serviceName"] != "billing")
    assert told == {(f"s{number}", "FIRING"): 1 for number in range(SERVICES)}
    assert len({a["eventId"] for a in await alerts(pair)}) == SERVICES + 3


async def _sent_on(service: Service) -> list[dict[str, Any]]:
    records = await brute_force.read(service.kafka.bootstrap_servers, [SERVICE_STATUS])
    return [orjson.loads(record.value) for record in records]
