"""What was answered 2xx is on its topic and counted once, whatever is away or killed: Kafka, ingest, at any moment.

Longer, with 60 s and 100 kills: `make outage`.
"""

import asyncio
import logging
import os
import random
import sys
import time
from collections import defaultdict
from typing import Any

import aiohttp
import orjson
import pytest

from carbon_stream.contracts.names import DEAD_LETTERS
from tests.integration.service.conftest import MakeService
from tests.support import brute_force
from tests.support.answers import settled, summaries_equal
from tests.support.service import Service

OUTAGE_S = float(os.environ.get("CARBON_STREAM_TEST_OUTAGE_S", "5"))
KILLS = int(os.environ.get("CARBON_STREAM_TEST_KILLS", "10"))
INGEST = (sys.executable, "-m", "carbon_stream.cli", "ingest")
WORKER, DOOR = 1, 2
EVENTS = 1_000

log = logging.getLogger(__name__)

pytestmark = pytest.mark.timeout(300 + OUTAGE_S * 2 + KILLS * 30)


@pytest.fixture(scope="module")
def service(make_service: MakeService) -> Service:
    """A worker that counts, and a process that takes events: it has the spool."""
    made = make_service(CARBON_STREAM_PUBLISH_TIMEOUT_S="3", CARBON_STREAM_SPOOL_AFTER_S="0.5")
    made.start(WORKER)
    made.wait_ready(WORKER)
    made.start(DOOR, INGEST)
    made.wait_ready(DOOR)
    return made


def event(event_id: str, service: str) -> dict[str, Any]:
    return {
        "eventId": event_id,
        "eventType": "AuditAPICallEvent",
        "source": "spool-test",
        "timestamp": int(time.time() * 1000),
        "service": service,
        "endpoint": "/v1/statement",
        "method": "POST",
        "statusCode": 200,
        "latencyMs": 12.5,
        "requestSizeBytes": 100,
        "responseSizeBytes": 2000,
        "userId": f"user-{service}",
        "ipAddress": "10.0.0.1",
    }


async def on_the_topic(service: Service, prefix: str) -> dict[str, list[str]]:
    """Event ids by key, in the order of the topic, repeats passed over."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for record in await brute_force.read(service.kafka.bootstrap_servers, ["audit-api-calls"]):
        event_id = orjson.loads(record.value)["eventId"]
        if event_id.startswith(prefix):
            found[record.key.decode()].setdefault(event_id)
    return {key: list(ids) for key, ids in found.items()}


async def spooled(service: Service) -> int:
    """Events in the spools of the process, as its gauge says."""
    for line in service.text("/metrics", DOOR).splitlines():
        if line.startswith("carbon_stream_spool_events "):
            return int(float(line.split()[1]))
    raise AssertionError("no such metric")


async def until_empty(service: Service) -> None:
    """Until the gauge has said nothing for two of its updates."""
    deadline, empty = time.monotonic() + 180, 0
    while empty < 3:
        assert time.monotonic() < deadline, service.logs()
        empty = empty + 1 if await spooled(service) == 0 else 0
        await asyncio.sleep(1.0)


async def test_a_sender_that_never_tries_again_loses_nothing_while_kafka_is_stopped(service: Service) -> None:
    kafka = service.kafka
    sent: dict[str, list[str]] = defaultdict(list)
    statuses: dict[str, int] = defaultdict(int)
    began = time.monotonic()
    slowest = 0.0

    async with aiohttp.ClientSession(service.url(DOOR), timeout=aiohttp.ClientTimeout(30)) as client:

        async def send(number: int) -> None:
            nonlocal slowest
            one = event(f"outage-{number}", f"svc-{number % 7}")
            asked = time.monotonic()
            async with client.post("/v1/events", json=one) as answer:
                reply = await answer.json(content_type=None)
                assert answer.status == 202, reply
            slowest = max(slowest, time.monotonic() - asked)
            sent[one["service"]].append(one["eventId"])
            statuses[reply["receipts"][0]["status"]] += 1

        for number in range(100):
            await send(number)
        await asyncio.to_thread(kafka.kill, 1)
        down = time.monotonic()
        for number in range(100, EVENTS - 100):
            await send(number)
            await asyncio.sleep(max(0.0, down + OUTAGE_S * (number - 99) / (EVENTS - 200) - time.monotonic()))
        await asyncio.to_thread(kafka.start_node, 1)
        for number in range(EVENTS - 100, EVENTS):
            await send(number)
    assert time.monotonic() - began > OUTAGE_S
    log.warning("%d events, answered %s, the slowest after %.2f s", EVENTS, dict(statuses), slowest)
    assert statuses["spooled"] > EVENTS / 2
    assert sum(statuses.values()) == EVENTS
    await until_empty(service)
    assert await on_the_topic(service, "outage-") == sent
    await settled(service, WORKER)
    await summaries_equal(service, WORKER)
    counted = service.get("/v1/audit/summary", WORKER, by="user", limit=1000)["groups"]
    assert {g["key"]: g["count"] for g in counted} == {f"user-{key}": len(ids) for key, ids in sent.items()}


class Senders:
    """Several of them, which repeat an event until it is answered; what was acknowledged is remembered."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.acknowledged: set[str] = set()
        self.statuses: dict[str, int] = defaultdict(int)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        async with aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(30)) as client:
            await asyncio.gather(*(self._send(client, sender) for sender in range(6)))

    async def _send(self, client: aiohttp.ClientSession, sender: int) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            batch = [event(f"kill-{sender}-{number}-{n}", f"svc-{n}") for n in range(1 + number % 5)]
            while not self._stop.is_set():
                try:
                    async with client.post("/v1/events", json=batch) as answer:
                        reply = await answer.json(content_type=None)
                except (aiohttp.ClientError, OSError):
                    await asyncio.sleep(0.05)
                    continue
                for receipt in reply.get("receipts", []):
                    self.statuses[receipt["status"]] += 1
                    if receipt["status"] in ("accepted", "spooled", "duplicate"):
                        self.acknowledged.add(receipt["eventId"])
                if answer.status == 202:
                    break
                await asyncio.sleep(0.05)


async def test_ingest_killed_at_random_moments_loses_nothing_that_it_acknowledged(service: Service) -> None:
    dice = random.Random(20)
    senders = Senders(service.url(DOOR))
    sending = asyncio.create_task(senders.run())
    for _ in range(KILLS):
        away = dice.random() < 0.6
        if away:
            await asyncio.to_thread(service.kafka.pause, 1)
        wanted = len(senders.acknowledged) + dice.randrange(5, 200)
        deadline = time.monotonic() + 120
        while len(senders.acknowledged) < wanted:
            assert time.monotonic() < deadline, service.logs()
            await asyncio.sleep(0.01)
        if away and dice.random() < 0.3:  # in the middle of forwarding
            await asyncio.to_thread(service.kafka.resume, 1)
            away = False
            await asyncio.sleep(dice.random())
        await asyncio.to_thread(service.kill, DOOR)
        service.start(DOOR, INGEST)
        if away:
            await asyncio.to_thread(service.kafka.resume, 1)
        await asyncio.sleep(dice.random())
    await asyncio.to_thread(service.wait_ready, DOOR)
    senders.stop()
    await sending
    await until_empty(service)
    log.warning(
        "%d kills, %d events acknowledged, answered %s", KILLS, len(senders.acknowledged), dict(senders.statuses)
    )
    assert senders.statuses["spooled"] > 0
    assert senders.statuses["accepted"] > 0
    found = {event_id for ids in (await on_the_topic(service, "kill-")).values() for event_id in ids}
    assert senders.acknowledged - found == set()
    await settled(service, WORKER)
    truth = await summaries_equal(service, WORKER)
    assert truth["fates"]["audit-api-calls"]["dead"] == 0
    assert await brute_force.read(service.kafka.bootstrap_servers, [DEAD_LETTERS]) == []
