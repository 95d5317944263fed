"""Workers of the whole service are killed and paused in the middle; the answers stay exact to the last event."""

import asyncio
import random
import signal
import time
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.names import DEAD_LETTERS
from tests.integration.service.conftest import MakeService
from tests.support import brute_force
from tests.support.answers import settled, summaries_equal
from tests.support.service import Service

NAMES = [topic.name for topic in TOPICS]
EVENTS = 60_000

pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def pair(make_service: MakeService) -> Service:
    """Two workers whose rows are on disk; the first serves HTTP too and is left alone by nobody."""
    made = make_service(CARBON_STREAM_STORE="rocksdb")
    made.start(1)
    made.start(2)
    made.wait_ready(1)
    made.wait_ready(2)
    deadline = time.monotonic() + 60
    while not all("audit 6, datasets 6, health 3, lineage 6" in made.log(number) for number in (1, 2)):
        assert time.monotonic() < deadline, "both must have their half: a pair of which one idles would prove nothing"
        time.sleep(0.1)
    return made


def api_call(dice: random.Random, number: int) -> dict[str, Any]:
    return {
        "eventId": f"{dice.getrandbits(64):x}-{number}",
        "eventType": "AuditAPICallEvent",
        "source": "chaos",
        "timestamp": int(time.time() * 1000),
        "service": f"svc-{dice.randrange(8)}",
        "endpoint": f"/v1/{dice.randrange(50)}",
        "method": dice.choice(["GET", "POST"]),
        "statusCode": dice.choice([200, 200, 200, 404, 401, 500]),
        "latencyMs": dice.randrange(1, 900),
        "requestSizeBytes": 10,
        "responseSizeBytes": 20,
        "userId": f"u{dice.randrange(200)}",
        "ipAddress": "10.0.0.1",
    }


async def produce(bootstrap: str, seconds: float) -> None:
    """Events spread over the time, one in twenty sent twice, one in fifty broken."""
    dice = random.Random(11)
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        futures = []
        for number in range(EVENTS):
            event = api_call(dice, number)
            value = orjson.dumps(event) if number % 50 else b"{broken"
            key = event["service"].encode()
            sends = [producer.send("audit-api-calls", value, key=key) for _ in range(2 if number % 20 == 1 else 1)]
            futures += [await send for send in sends]
            if number % 300 == 299:
                await asyncio.sleep(seconds * 300 / EVENTS)
        await asyncio.gather(*futures)


async def test_three_kills_and_a_long_pause_change_no_count(pair: Service) -> None:
    dice = random.Random(5)
    producing = asyncio.create_task(produce(pair.kafka.bootstrap_servers, 50))
    await asyncio.sleep(5)
    for victim in (2, 1, 2):
        pair.kill(victim)
        await asyncio.sleep(0.5)
        pair.start(victim)
        await asyncio.sleep(dice.uniform(5, 8))
    # longer than the session and the transaction timeout: it wakes up as a zombie
    pair.signal(2, signal.SIGSTOP)
    await asyncio.sleep(20)
    pair.signal(2, signal.SIGCONT)
    await producing
    for number in (1, 2):
        pair.wait_ready(number)
        await settled(pair, number)
        truth = await summaries_equal(pair, number)
        fate = truth["fates"]["audit-api-calls"]
        assert fate["applied"] == EVENTS - EVENTS // 50
        assert fate["duplicate"] == EVENTS // 20
        assert fate["dead"] == EVENTS // 50
    dead = await brute_force.read(pair.kafka.bootstrap_servers, [DEAD_LETTERS])
    assert len(dead) == EVENTS // 50
