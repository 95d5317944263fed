"""`carbon-stream tables rebuild` beside workers: wrong rows are right again, whatever is killed, and reads go on."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.error import HTTPError

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from carbon_stream.contracts.names import ALERTS, APP_ID, DEAD_LETTERS, changelog
from carbon_stream.streaming.transaction import PartitionProducer
from tests.integration.service.conftest import MakeService
from tests.support import brute_force
from tests.support.answers import eventually, settled, summaries_equal
from tests.support.service import ROOT, Service

pytestmark = pytest.mark.timeout(600)

HOUR = 3_600_000
EVENTS = 8_000
TABLES = ("audit", "health", "lineage", "datasets")


REBUILD = ("-m", "carbon_stream.cli", "tables", "rebuild")


def command(service: Service, *arguments: str, program: tuple[str, ...] = REBUILD) -> subprocess.Popen[str]:
    environment = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": service.kafka.bootstrap_servers}
    whole = [sys.executable, *program, *arguments]
    return subprocess.Popen(
        whole, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


async def rebuild(service: Service, *arguments: str) -> tuple[int, str]:
    process = command(service, *arguments)
    output, _ = await asyncio.to_thread(process.communicate, None, 300)
    return process.returncode, output


def events(count: int) -> Iterator[tuple[bytes, bytes]]:
    """API calls of the last four hours by a hundred users, one in ten a repeat, one in fifty broken."""
    dice, now = random.Random(3), int(time.time() * 1000)
    before: tuple[bytes, bytes] | None = None
    for number in range(count):
        key = f"svc-{dice.randrange(40)}".encode()
        if before is not None and number % 10 == 1:
            yield before
        elif number % 50 == 7:
            yield key, b"{broken"
        else:
            event = {
                "eventId": f"{number}", "eventType": "AuditAPICallEvent", "source": "gateway",
                "timestamp": now - dice.randrange(4 * HOUR), "service": key.decode(), "endpoint": f"/{number % 7}",
                "method": "GET", "statusCode": dice.choice([200, 404, 500]), "latencyMs": 5, "requestSizeBytes": 1,
                "responseSizeBytes": 1, "userId": f"u{dice.randrange(100)}", "ipAddress": "10.0.0.1",
            }  # fmt: skip
            before = key, orjson.dumps(event)
            yield before


async def send(bootstrap: str, count: int = EVENTS) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        futures = [await producer.send("audit-api-calls", value, key=key) for key, value in events(count)]
        await asyncio.gather(*futures)


async def damage(bootstrap: str, partition: int, *, before: int = 1 << 62) -> int:
    """With no worker there: counts doubled, rows taken away and rows made up, as a fault in a fold would leave them."""
    newest: dict[bytes, bytes | None] = {}
    for record in await brute_force.read(bootstrap, [changelog("audit")]):
        if record.partition == partition:
            newest[record.key] = record.value
    changes: dict[bytes, bytes | None] = {}
    for number, (encoded, value) in enumerate(sorted(newest.items())):
        key = orjson.loads(encoded)
        if value is None or key[0] not in ("user", "resource") or key[1] >= before:
            continue
        row = orjson.loads(value)
        row["c"] = {slot: 2 * n for slot, n in row["c"].items()}
        changes[encoded] = None if number % 3 == 0 else orjson.dumps(row)
        changes[orjson.dumps([key[0], key[1], f"nobody-{number}"])] = value
    producer = PartitionProducer({"bootstrap_servers": bootstrap}, f"{APP_ID}-audit-{partition}", APP_ID)
    try:
        await producer.fence()
        await producer.commit(TopicPartition(changelog("audit"), partition), changes, (DEAD_LETTERS, ()), {})
    finally:
        await producer.close()
    return len(changes)


@asynccontextmanager
async def asked_all_the_while(service: Service, number: int) -> AsyncIterator[list[dict[str, Any]]]:
    """Answers about services, none of whose rows is wrong, and about users, while the block runs."""
    answers: list[dict[str, Any]] = []
    stop = asyncio.Event()

    async def ask() -> None:
        while not stop.is_set():
            asked = [
                asyncio.to_thread(service.get, "/v1/audit/summary", number, by=by, limit=1000)
                for by in ("service", "user")
            ]
            services, users = await asyncio.gather(*asked)
            answers.append({"service": services["total"], "user": users["total"]})
            await asyncio.sleep(0.1)

    asking = asyncio.create_task(ask())
    try:
        yield answers
    finally:
        stop.set()
        await asking


@pytest.fixture(scope="module")
def pair(make_service: MakeService) -> Service:
    """A worker, and a query process that answers while there is none."""
    made = make_service()
    made.start(1)
    made.wait_ready(1)
    made.start(2, (sys.executable, "-m", "carbon_stream.cli", "query"))
    made.wait_ready(2)
    return made


async def test_right_rows_are_left_alone(pair: Service) -> None:
    await send(pair.kafka.bootstrap_servers)
    await settled(pair, 2)
    await summaries_equal(pair, 2)
    status, shown = await rebuild(pair)
    assert status == 2, shown
    assert "reads 8,000 records of audit-api-calls; nothing is gone" in shown
    assert "edge: all made again" in shown
    status, done = await rebuild(pair, "--yes")
    assert status == 0, done
    for table in TABLES:
        assert re.search(rf"^{table}: .* 0 changed, 0 gone, 0 new$", done, re.MULTILINE), done
    assert "given up" not in pair.log(1), "nobody was disturbed"


async def test_wrong_rows_are_right_again_although_it_is_killed_and_answers_go_on(pair: Service) -> None:
    bootstrap = pair.kafka.bootstrap_servers
    pair.kill(1)
    for partition in range(12):
        await damage(bootstrap, partition)
    pair.start(1)
    pair.wait_ready(1)
    await settled(pair, 2)
    right = await truth(pair)
    wrong = pair.get("/v1/audit/summary", 2, by="user", limit=1000)["total"]
    assert wrong != right

    async with asked_all_the_while(pair, 2) as answers:
        process = command(pair, "audit", "--yes")
        assert process.stdout is not None
        for line in iter(process.stdout.readline, ""):
            if "held for" in line:
                break  # the first partition is right again, the others are not
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL, "it was killed before the end"
        await send_more(bootstrap)
        status, done = await rebuild(pair, "audit", "--yes")
        assert status == 0, done
        await settled(pair, 2)
    assert "changed" in done
    await summaries_equal(pair, 2)
    services = [answer["service"] for answer in answers]
    assert services == sorted(services), "rows that are right are never seen otherwise, and nothing of them is missing"
    assert services[0] == right
    assert services[-1] <= right + MORE

    status, again = await rebuild(pair, "audit", "--compare")
    assert status == 0, again
    await send(bootstrap, 500)  # all repeats: the worker has its partitions and what it has seen
    await settled(pair, 2)
    await summaries_equal(pair, 2)


MORE = 300


async def send_more(bootstrap: str) -> None:
    """Events that come while partitions are held."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for number in range(MORE):
            event = {
                "eventId": f"more-{number}", "eventType": "AuditUserActionEvent", "source": "portal", "userId": "eve",
                "username": "Eve", "action": "VIEW", "resource": "r", "resourceType": "report", "result": "SUCCESS",
                "ipAddress": "10.0.0.1", "timestamp": int(time.time() * 1000),
            }  # fmt: skip
            await producer.send("audit-user-actions", orjson.dumps(event), key=f"{number}".encode())


async def truth(service: Service) -> int:
    """Audit events on the topics, each once."""
    found = brute_force.count(
        await brute_force.read(service.kafka.bootstrap_servers, ["audit-api-calls", "audit-user-actions"])
    )
    return int(sum(found["results"].values()))


ROBBED = """
from carbon_stream.rebuild import differences, partition
from carbon_stream.streaming.transaction import PartitionProducer

differences.ROWS_AT_ONCE, calls = 40, 0

class Robbed(PartitionProducer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.arguments = arguments

    async def commit(self, *arguments, **more):
        global calls
        calls += 1
        if calls % 3 == 0:
            thief = PartitionProducer(*self.arguments)
            await thief.fence()
            await thief.close()
        return await super().commit(*arguments, **more)

partition.PartitionProducer = Robbed
from carbon_stream.cli import main
main(["tables", "rebuild", "audit", "--yes"])
"""


async def test_a_partition_that_is_taken_back_again_and_again_is_made_right_piece_by_piece(pair: Service) -> None:
    pair.kill(1)
    await damage(pair.kafka.bootstrap_servers, 4)
    process = command(pair, program=("-c", ROBBED))
    output, _ = await asyncio.to_thread(process.communicate, None, 300)
    assert process.returncode == 0, output
    assert "audit partition 4: " in output
    pair.start(1)
    pair.wait_ready(1)
    await settled(pair, 2)
    await summaries_equal(pair, 2)


async def test_rows_that_are_gone_altogether_come_back(pair: Service) -> None:
    """Services, edges and datasets; what they were sent on for (alerts) is not sent again."""
    assert pair.post(list(other_events()))["accepted"] == 6
    await settled(pair, 2, dataset="prices")
    before = told(pair)
    assert before["edges"]
    assert before["services"] == [("shop", "web", "UNHEALTHY", 2, "7")]
    alerts = len(await brute_force.read(pair.kafka.bootstrap_servers, [ALERTS]))
    pair.kill(1)
    for table in ("health", "lineage", "datasets"):
        await wipe(pair.kafka.bootstrap_servers, table)
    await eventually(lambda: not told(pair)["services"] and not told(pair)["edges"], 60)
    pair.start(1)
    pair.wait_ready(1)
    status, done = await rebuild(pair, "health", "lineage", "datasets", "--yes")
    assert status == 0, done
    await eventually(lambda: told(pair) == before, 60)
    await settled(pair, 2, dataset="prices")
    assert len(await brute_force.read(pair.kafka.bootstrap_servers, [ALERTS])) == alerts


def other_events() -> Iterator[dict[str, Any]]:
    now = int(time.time() * 1000)
    for number, status in enumerate(("HEALTHY", "UNHEALTHY")):
        yield {
            "eventType": "ServiceHealthEvent", "source": "probe", "timestamp": now + number, "serviceName": "web",
            "namespace": "shop", "healthStatus": status, "latencyMs": 5, "errorRate": 0.5,
        }  # fmt: skip
    yield {
        "eventType": "DeploymentEvent", "source": "argo", "timestamp": now, "deploymentName": "web",
        "namespace": "shop", "action": "DEPLOY", "version": "7", "replicas": 1, "deployedBy": "ann",
    }  # fmt: skip
    yield {
        "eventType": "DataLineageEvent", "source": "spark", "timestamp": now, "sourceDataset": "raw",
        "targetDataset": "prices", "transformationType": "COPY", "transformationName": "nightly", "query": "select 1",
        "columns": [{"sourceColumn": "a", "targetColumn": "b"}],
    }  # fmt: skip
    yield {
        "eventType": "DataIngestionEvent", "source": "dag", "timestamp": now, "datasetName": "prices",
        "recordCount": 3, "sizeBytes": 30, "format": "parquet", "location": "s3://x", "status": "SUCCESS",
    }  # fmt: skip
    yield {
        "eventType": "DataQualityEvent", "source": "dag", "timestamp": now, "datasetName": "prices",
        "checkType": "rule", "checkName": "nulls", "result": "PASS", "score": 1.0, "failedRecords": 0,
        "totalRecords": 9,
    }  # fmt: skip


def told(service: Service) -> dict[str, Any]:
    """What is answered of these, without what changes with the time of asking."""
    services = service.get("/v1/health/services", 2)["services"]
    found: dict[str, Any] = {
        "services": [
            (s["namespace"], s["service"], s["status"], s["events"], s.get("lastDeployment", {}).get("version"))
            for s in services
        ],
        "edges": [],
    }
    for name, path, query in (
        ("edges", "/v1/lineage", {"dataset": "prices", "direction": "both", "depth": 2}),
        ("dataset", "/v1/datasets/prices", {}),
    ):
        try:
            answer = service.get(path, 2, **query)
        except HTTPError:
            continue
        found[name] = answer["edges"] if name == "edges" else [answer["ingestion"], answer["quality"]]
    return found


async def wipe(bootstrap: str, table: str) -> None:
    """With no worker there: no rows but the ledger and what has been seen."""
    rows: dict[int, dict[bytes, bytes | None]] = {}
    for record in await brute_force.read(bootstrap, [changelog(table)]):
        if orjson.loads(record.key)[0] not in ("ledger", "ids"):
            rows.setdefault(record.partition, {})[record.key] = None
    for partition, changes in rows.items():
        producer = PartitionProducer({"bootstrap_servers": bootstrap}, f"{APP_ID}-{table}-{partition}", APP_ID)
        try:
            await producer.fence()
            await producer.commit(TopicPartition(changelog(table), partition), changes, (DEAD_LETTERS, ()), {})
        finally:
            await producer.close()


async def test_hours_that_the_topics_have_lost_are_carried_over(pair: Service) -> None:
    """All records of the past go; what is counted before the hour of the first that is left stays as it stands."""
    bootstrap = pair.kafka.bootstrap_servers
    before = pair.get("/v1/audit/summary", 2, by="service", limit=1000, **{"from": int(time.time() * 1000) - 8 * HOUR})
    ends: dict[TopicPartition, int] = {}
    for record in await brute_force.read(bootstrap, ["audit-api-calls"]):
        tp = TopicPartition(record.topic, record.partition)
        ends[tp] = max(ends.get(tp, 0), record.offset)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:  # the last record of each partition is left
        await admin.delete_records({tp: RecordsToDelete(before_offset=end) for tp, end in ends.items()})
    finally:
        await admin.close()
    status, shown = await rebuild(pair, "audit")
    assert status == 2, shown
    assert re.search(r"audit-api-calls; what is older than .* is gone", shown), shown
    assert "older ones carried over" in shown
    status, done = await rebuild(pair, "audit", "--yes")
    assert status == 0, done
    assert re.search(r"^audit: .* 0 changed, 0 gone, 0 new$", done, re.MULTILINE), done
    span = {"from": before["from"], "to": before["to"]}
    after = pair.get("/v1/audit/summary", 2, by="service", limit=1000, **span)
    assert after["groups"] == before["groups"]
