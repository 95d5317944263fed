"""Some partitions cannot be written, the others can: only what is for the ones goes to the spool, and nothing is lost.

One topic has a partition whose only replica, the other topic one of whose two replicas is on a broker that dies: the
one is without a leader then, the other with too few replicas in sync.
"""

import asyncio
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.contracts.exports import example
from carbon_stream.contracts.limits import RECORD_BYTES
from carbon_stream.local import LocalKafka
from tests.support import brute_force
from tests.support.answers import settled, summaries_equal
from tests.support.service import Service

pytestmark = pytest.mark.timeout(400)

INGEST = (sys.executable, "-m", "carbon_stream.cli", "ingest")
WORKER, DOOR = 1, 2
DIES = 3
CALLS, ACTIONS = "audit-api-calls", "audit-user-actions"
REPLICAS = {CALLS: ([DIES], [1], [2]), ACTIONS: ([2, DIES], [1, 2], [2, 1])}
"""Of the first partition, and of the others in turn."""
NAMES = [f"name-{number}" for number in range(40)]
WAIT_S = 120.0


async def make_topics(servers: str) -> None:
    settings = {
        "message.timestamp.type": "LogAppendTime",
        "max.message.bytes": str(RECORD_BYTES + (64 << 10)),
        "min.insync.replicas": "2",
    }
    topics = []
    for topic, (first, *others) in REPLICAS.items():
        places = {number: others[number % 2] if number else first for number in range(BY_NAME[topic].partitions)}
        topics.append(NewTopic(topic, -1, -1, replica_assignments=places, topic_configs=settings))
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        made = await admin.create_topics(topics)
    finally:
        await admin.close()
    assert [code for _, code, *_ in made.topic_errors] == [0, 0], made


def event(topic: str, name: str, number: int) -> dict[str, Any]:
    """One whose key is `name`."""
    about = {"eventId": f"{topic}/{name}/{number}", "source": "some-partitions", "timestamp": int(time.time() * 1000)}
    if topic == CALLS:
        return {**example("AuditAPICallEvent"), **about, "service": name, "userId": f"caller-{name}"}
    return {**example("AuditUserActionEvent"), **about, "userId": name, "username": name}


class Sender:
    """Sends a round of one event for each key of both topics, over and over, and never anything twice."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self.client = client
        self.rounds = 0
        self.sent: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.partition: dict[tuple[str, str], int] = {}
        self.last: dict[tuple[str, str], str] = {}
        """What the last round's events were answered, by topic and key."""

    async def round(self) -> None:
        self.rounds += 1
        keys = [(topic, name) for topic in REPLICAS for name in NAMES]
        events = [event(topic, name, self.rounds) for topic, name in keys]
        async with self.client.post("/v1/events", json=events) as answer:
            reply = await answer.json(content_type=None)
            assert answer.status == 202, reply
        for key, one, receipt in zip(keys, events, reply["receipts"], strict=True):
            assert (receipt["eventId"], receipt["topic"]) == (one["eventId"], key[0])
            self.sent[key].append(one["eventId"])
            self.last[key] = receipt["status"]
            if receipt["status"] == "accepted":
                assert self.partition.setdefault(key, receipt["partition"]) == receipt["partition"]

    async def until(self, spooled: set[tuple[str, str]]) -> None:
        """Rounds, until three in a row are answered so: these keys spooled, all others accepted."""
        right, deadline = 0, time.monotonic() + WAIT_S
        while right < 3:
            await self.round()
            kept = {key for key, said in self.last.items() if said == "spooled"}
            right = right + 1 if kept == spooled else 0
            assert right or time.monotonic() < deadline, {key: self.partition.get(key) for key in kept ^ spooled}
            await asyncio.sleep(0.05)


async def test_only_what_is_for_partitions_that_cannot_be_written_is_spooled(
    three_brokers: LocalKafka, tmp_path: Path
) -> None:
    await make_topics(three_brokers.bootstrap_servers)
    service = Service(
        three_brokers, tmp_path, {"CARBON_STREAM_PUBLISH_TIMEOUT_S": "3", "CARBON_STREAM_SPOOL_AFTER_S": "0.5"}
    )
    try:
        service.start(WORKER)
        await asyncio.to_thread(service.wait_ready, WORKER)
        service.start(DOOR, INGEST)
        await asyncio.to_thread(service.wait_ready, DOOR)
        async with aiohttp.ClientSession(service.url(DOOR), timeout=aiohttp.ClientTimeout(60)) as client:
            sender = Sender(client)
            await sender.until(spooled=set())
            theirs = {key for key, partition in sender.partition.items() if partition == 0}
            assert {topic for topic, _ in theirs} == set(REPLICAS), "each of them has a key"
            three_brokers.kill(DIES)
            await sender.until(spooled=theirs)
            await asyncio.to_thread(three_brokers.start_node, DIES)
            await sender.until(spooled=set())
        found: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        for record in await brute_force.read(three_brokers.bootstrap_servers, list(REPLICAS)):
            event_id = orjson.loads(record.value)["eventId"]
            found[record.topic, record.key.decode()].setdefault(event_id)
        assert {key: list(ids) for key, ids in found.items()} == sender.sent, "all of them, each key's in order"
        await settled(service, WORKER)
        truth = await summaries_equal(service, WORKER)
        assert [truth["fates"][topic]["dead"] for topic in REPLICAS] == [0, 0]
        counted = service.get("/v1/audit/summary", WORKER, by="user", limit=1000)["groups"]
        counts = {
            (CALLS, g["key"].removeprefix("caller-")): g["count"] for g in counted if g["key"].startswith("caller-")
        }
        counts |= {(ACTIONS, g["key"]): g["count"] for g in counted if g["key"].startswith("name-")}
        assert counts == {key: len(ids) for key, ids in sender.sent.items()}
    finally:
        service.stop()
