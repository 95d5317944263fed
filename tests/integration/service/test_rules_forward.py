"""Rules send each event on once, whatever is killed; counts are exact, and what cannot be sent stops nobody."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.names import DEAD_LETTERS
from tests.integration.service.conftest import MakeService
from tests.support import brute_force
from tests.support.answers import eventually
from tests.support.service import Service

pytestmark = pytest.mark.timeout(300)

LOADS = 4_000
USERS = 7
FAILURES = 45

RULES = """
topics:
  big-loads: {partitions: 4}
rules:
  - name: big-loads
    match:
      exact: {eventType: DataIngestionEvent, status: SUCCESS}
      gte: {recordCount: 500}
    drop: [sizeBytes]
    set: {note: "${datasetName} has ${recordCount}"}
    to: {topic: big-loads}
  - name: check-it
    match: {exact: {eventType: DataIngestionEvent, status: FAILURE}}
    drop: "*"
    set:
      eventType: DataQualityEvent
      datasetName: "${datasetName}"
      checkType: load
      checkName: loaded
      result: FAIL
      score: 0
      failedRecords: "${recordCount}"
      totalRecords: "${recordCount}"
    to: {topic: data-quality}
  - name: cannot
    match: {exact: {eventType: DataIngestionEvent, status: PARTIAL}}
    set: {eventType: SecurityEvent}
    to: {topic: security-events}
"""


@pytest.fixture(scope="module")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "rules.yaml"
    path.write_text(RULES)
    return path


@pytest.fixture(scope="module")
def ruled(make_service: MakeService, rules_file: Path) -> Service:
    made = make_service(CARBON_STREAM_RULES=str(rules_file), CARBON_STREAM_STORE="rocksdb")
    made.start()
    made.wait_ready()
    return made


def load(dice: random.Random, number: int) -> dict[str, Any]:
    return {
        "eventId": f"load-{number}", "eventType": "DataIngestionEvent", "source": f"spark-{number % 3}",
        "timestamp": int(time.time() * 1000), "datasetName": f"d{dice.randrange(40)}",
        "recordCount": dice.randrange(1_000), "sizeBytes": 5, "format": "parquet", "location": "s3://lake",
        "status": dice.choice(["SUCCESS", "SUCCESS", "FAILURE", "PARTIAL"]),
    }  # fmt: skip


def action(number: int, user: str, result: str) -> dict[str, Any]:
    return {
        "eventId": f"act-{user}-{number}", "eventType": "AuditUserActionEvent", "source": "portal",
        "timestamp": int(time.time() * 1000), "userId": user, "username": user, "action": "OPEN",
        "resource": f"/r/{number}", "resourceType": "page", "result": result, "ipAddress": "10.0.0.1",
    }  # fmt: skip


async def produce(service: Service, loads: list[dict[str, Any]], actions: list[dict[str, Any]]) -> None:
    """Everything over some seconds, one in ten twice, actions under any key."""
    dice = random.Random(3)
    both = [("data-ingestion", event, event["datasetName"]) for event in loads]
    both += [("audit-user-actions", event, f"k{dice.randrange(100)}") for event in actions]
    dice.shuffle(both)
    async with AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers, enable_idempotence=True) as producer:
        for number, (topic, event, key) in enumerate(both):
            for _ in range(2 if number % 10 == 0 else 1):
                await producer.send(topic, orjson.dumps(event), key=key.encode())
            if number % 100 == 99:
                await asyncio.sleep(0.2)


async def forwarded(service: Service, topic: str, rule: str) -> list[dict[str, Any]]:
    records = await brute_force.read(service.kafka.bootstrap_servers, [topic])
    return [
        orjson.loads(record.value)
        for record in records
        if dict(record.headers).get("carbon-stream-rule") == rule.encode()
    ]


async def all_there(service: Service, topic: str, rule: str, expected: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(90):
        while len(found) < expected:
            found = await forwarded(service, topic, rule)
            await asyncio.sleep(0.3)
    return found


def write(path: Path, text: str) -> None:
    path.write_text(text)


async def test_each_event_is_sent_on_once_under_kill_9(ruled: Service) -> None:
    dice = random.Random(9)
    loads = [load(dice, number) for number in range(LOADS)]
    actions = [action(n, f"fails-{u}", "FAILURE") for u in range(USERS) for n in range(FAILURES)]
    actions += [action(n, f"denied-{n % 5}", "DENIED") for n in range(150)]
    actions += [action(n, f"good-{n % 5}", "SUCCESS") for n in range(150)]
    producing = asyncio.create_task(produce(ruled, loads, actions))
    for _ in range(3):
        await asyncio.sleep(dice.uniform(1.5, 3))
        ruled.kill(1)
        ruled.start(1)
        ruled.wait_ready(1)
    await producing

    big = {event["eventId"]: event for event in loads if event["status"] == "SUCCESS" and event["recordCount"] >= 500}
    sent = await all_there(ruled, "big-loads", "big-loads", len(big))
    assert Counter(event["causationId"] for event in sent) == dict.fromkeys(big, 1)
    assert all("sizeBytes" not in event for event in sent)
    for event in sent:
        origin = big[event["causationId"]]
        assert event["note"] == f"{origin['datasetName']} has {origin['recordCount']}"

    failed = [event["eventId"] for event in loads if event["status"] == "FAILURE"]
    checks = await all_there(ruled, "data-quality", "check-it", len(failed))
    assert Counter(event["causationId"] for event in checks) == dict.fromkeys(failed, 1)

    denials = await all_there(ruled, "security-events", "denied-actions", 150)
    assert Counter(event["causationId"] for event in denials) == {f"act-denied-{n % 5}-{n}": 1 for n in range(150)}
    repeated = await all_there(ruled, "security-events", "repeated-failures", USERS * (FAILURES // 10))
    assert Counter(event["principal"] for event in repeated) == {f"fails-{u}": FAILURES // 10 for u in range(USERS)}
    ids = [event["eventId"] for event in (*sent, *checks, *denials, *repeated)]
    assert len(set(ids)) == len(ids)


async def test_what_a_rule_cannot_send_is_counted_by_its_name_and_stops_nothing(ruled: Service) -> None:
    def counted() -> bool:
        return 'carbon_stream_rule_events_total{result="invalid",rule="cannot"}' in ruled.text("/metrics")

    ruled.post([load(random.Random(1), 90_000) | {"status": "PARTIAL"}])
    await eventually(counted, 60)
    assert "rule cannot sent nothing for data-ingestion-" in ruled.log(1)
    assert not await brute_force.read(ruled.kafka.bootstrap_servers, [DEAD_LETTERS])


async def test_other_rules_come_into_force_while_the_worker_runs(ruled: Service, rules_file: Path) -> None:
    write(rules_file, "rules: [")
    await eventually(lambda: "\ncarbon_stream_rules_refused 1.0" in ruled.text("/metrics"), 60)
    ruled.post([load(random.Random(1), 91_000) | {"status": "SUCCESS", "recordCount": 501}])
    count = len(await all_there(ruled, "big-loads", "big-loads", 1))

    later = RULES.replace("big-loads: {", "later-loads: {").replace("topic: big-loads", "topic: later-loads")
    write(rules_file, later)
    await eventually(lambda: "\ncarbon_stream_rules_refused 0.0" in ruled.text("/metrics"), 60)
    ruled.post([load(random.Random(1), 92_000) | {"status": "SUCCESS", "recordCount": 502}])
    [event] = await all_there(ruled, "later-loads", "big-loads", 1)
    assert event["causationId"] == "load-92000"
    before = await all_there(ruled, "big-loads", "big-loads", count)
    assert before[-1]["context"]["forwarded"]["rules"] == ["big-loads"]
    assert {event["causationId"] for event in before} >= {"load-91000"}


async def test_a_worker_does_not_start_with_rules_that_are_not_good(ruled: Service, tmp_path: Path) -> None:
    write(tmp_path / "bad.yaml", "rules: [{name: x}]")
    ruled.start(7, CARBON_STREAM_RULES=str(tmp_path / "bad.yaml"))
    assert await asyncio.to_thread(ruled.processes[7].wait, 60) == 1
    assert "rules[0].match: Field required" in ruled.log(7)
