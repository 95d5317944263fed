"""`carbon-stream erase` beside a worker: the person is gone from answers and dead letters, every count stays."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from typing import Any

import orjson
import pytest

from carbon_stream.contracts.names import DEAD_LETTERS, changelog
from tests.support import brute_force
from tests.support.answers import eventually
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.timeout(240)
NOW = time.time_ns() // 1_000_000
"""When all events were: the same event again has the same time, or it would be another one under its id."""


def action(number: int, user: str) -> dict[str, Any]:
    return {
        "eventId": f"{user}-{number}", "eventType": "AuditUserActionEvent", "source": f"portal-{number % 24}",
        "userId": user, "username": "Ann", "action": "VIEW", "resource": "report", "resourceType": "report",
        "result": "SUCCESS", "ipAddress": "10.0.0.1", "timestamp": NOW,
    }  # fmt: skip


def erase(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carbon_stream.cli", "erase", *arguments]
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": service.kafka.bootstrap_servers}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False)


def by(service: Service, dimension: str) -> dict[str, int]:
    groups = service.get("/v1/audit/summary", by=dimension, limit=1000)["groups"]
    return {group["key"]: group["count"] for group in groups}


def posted(service: Service, user: str, count: int) -> None:
    assert service.post([action(number, user) for number in range(count)])["accepted"] == count


async def produced(service: Service, values: list[bytes]) -> None:
    from aiokafka import AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers) as producer:
        for value in values:
            await producer.send_and_wait("audit-user-actions", value, key=b"k")


async def test_a_person_is_gone_and_every_count_stays(service: Service) -> None:
    posted(service, "ann", 200)
    posted(service, "bob", 100)
    service.post({
        "eventType": "DeploymentEvent", "source": "argo", "deploymentName": "web", "namespace": "shop",
        "action": "DEPLOY", "version": "2", "replicas": 1, "deployedBy": "ann",
    })  # fmt: skip
    broken = [b'{"userId":"ann"', b'{"userId":"bob"', b"not json"]
    await produced(service, broken)
    await eventually(lambda: by(service, "user").get("ann") == 200 and by(service, "user").get("bob") == 100)
    await eventually(lambda: len(service.get("/v1/dead-letters")["deadLetters"]) == 3)

    shown = await asyncio.to_thread(erase, service, "--user", "ann")
    assert shown.returncode == 2, shown.stderr
    assert "1 dead letters" in shown.stdout
    assert by(service, "user")["ann"] == 200, "showing changes nothing"

    done = await asyncio.to_thread(erase, service, "--user", "ann", "--by", "dana", "--reference", "CASE-7", "--yes")
    assert done.returncode == 0, done.stderr
    assert "1 dead letters" in done.stdout
    await eventually(lambda: "ann" not in by(service, "user") and by(service, "user").get("other") == 200)
    assert by(service, "user")["bob"] == 100
    assert (await asyncio.to_thread(erase, service, "--user", "ann")).returncode == 0, "nothing is left"

    # the worker has its partitions back, and goes on counting on what is there now
    posted(service, "bob", 150)  # a hundred of these were there before
    await eventually(lambda: by(service, "user").get("bob") == 150, 60)
    await eventually(lambda: by(service, "action").get("VIEW") == 350)
    assert by(service, "user")["other"] == 200


async def test_the_erasure_is_audited_without_the_person(service: Service) -> None:
    await eventually(lambda: by(service, "action").get("ERASE_PERSON") == 2)
    events = service.get("/v1/audit/events", action="ERASE_PERSON")["events"]
    assert [(e["userId"], e["target"], e["parameters"]["phase"]) for e in events] == [
        ("dana", "CASE-7", "done"),
        ("dana", "CASE-7", "begun"),
    ]
    assert events[0]["parameters"]["deadLetters"] == 1
    assert b"ann" not in orjson.dumps(events)


async def test_nothing_of_the_person_is_on_changelogs_after_compaction_or_in_dead_letters(service: Service) -> None:
    servers = service.kafka.bootstrap_servers
    letters = await brute_force.read(servers, [DEAD_LETTERS])
    assert sorted(record.value for record in letters) == [b"not json", b'{"userId":"bob"']
    newest: dict[tuple[str, int, bytes], bytes | None] = {}
    for table in ("audit", "health"):
        for record in await brute_force.read(servers, [changelog(table)]):
            newest[table, record.partition, record.key] = record.value
    left = [(key, value) for key, value in newest.items() if value is not None and b'"ann"' in key[2] + value]
    assert left == []


@pytest.mark.parametrize("user", ["", "  ", "anonymous"])
def test_nobody_cannot_be_erased(service: Service, user: str) -> None:
    refused = erase(service, "--user", user)
    assert refused.returncode == 1
    assert "nobody" in refused.stderr
