"""Services, edges and datasets are what their events say: any partition, repeats, and a worker killed in the middle."""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer

from carbon_stream.contracts.catalog import BY_NAME, PARTITIONS
from tests.support.service import Service

pytestmark = pytest.mark.timeout(300)

DATASETS = ("s3://lake/raw", "lake.clean", "mart/prices 2026", "report")
SERVICES = ("billing", "ledger/api", "search")
STATUSES = ("HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN")
EVENTS = 3_000


class Sent(NamedTuple):
    topic: str
    partition: int
    event: dict[str, Any]

    def order(self) -> tuple[int, int, int]:
        """By event time; of the same time by partition, then as they were sent."""
        return (self.event["timestamp"], self.partition, int(self.event["eventId"]))


def made(now: int) -> list[Sent]:
    rng = random.Random(7)
    events = []
    for number in range(EVENTS):
        topic, payload = rng.choice(KINDS)(rng)
        age = rng.choice((rng.randrange(1, 600_000), rng.randrange(1, 12 * 3_600_000)))
        event = {**payload, "eventId": str(number), "source": "e2e", "timestamp": now - age // 1_000 * 1_000}
        events.append(Sent(topic, rng.randrange(PARTITIONS[BY_NAME[topic].group]), event))
    return events


def _health(rng: random.Random) -> tuple[str, dict[str, Any]]:
    return "system-health", {
        "eventType": "ServiceHealthEvent",
        "serviceName": rng.choice(SERVICES),
        "namespace": "shop",
        "healthStatus": rng.choice(STATUSES),
        "latencyMs": rng.randrange(1, 900),
        "errorRate": rng.randrange(1_000) / 1_000,
    }


def _lineage(rng: random.Random) -> tuple[str, dict[str, Any]]:
    source, target = rng.sample(DATASETS, 2)
    return "data-lineage", {
        "eventType": "DataLineageEvent",
        "sourceDataset": source,
        "targetDataset": target,
        "transformationType": rng.choice(("COPY", "JOIN")),
        "transformationName": "nightly",
        "columns": [{"sourceColumn": rng.choice("abc"), "targetColumn": rng.choice("xy")}],
    }


def _ingestion(rng: random.Random) -> tuple[str, dict[str, Any]]:
    return "data-ingestion", {
        "eventType": "DataIngestionEvent",
        "datasetName": rng.choice(DATASETS),
        "recordCount": rng.randrange(1_000),
        "sizeBytes": rng.randrange(1_000_000),
        "format": "parquet",
        "location": "s3://lake",
        "status": rng.choice(("SUCCESS", "FAILURE", "PARTIAL")),
    }


def _quality(rng: random.Random) -> tuple[str, dict[str, Any]]:
    return "data-quality", {
        "eventType": "DataQualityEvent",
        "datasetName": rng.choice(DATASETS),
        "checkType": "completeness",
        "checkName": rng.choice(("not-null", "in-range")),
        "result": rng.choice(("PASS", "FAIL", "WARNING")),
        "score": 0.5,
        "failedRecords": 1,
        "totalRecords": 2,
    }


def _transformation(rng: random.Random) -> tuple[str, dict[str, Any]]:
    return "data-transformation", {
        "eventType": "DataTransformationEvent",
        "job": rng.choice(("nightly", "hourly")),
        "inputs": rng.sample(DATASETS, 2),
        "outputs": rng.sample(DATASETS, 1),
        "status": rng.choice(("SUCCESS", "FAILURE")),
    }


def _access(rng: random.Random) -> tuple[str, dict[str, Any]]:
    return "audit-data-access", {
        "eventType": "AuditDataAccessEvent",
        "userId": f"u{rng.randrange(40)}",
        "datasetName": rng.choice(DATASETS),
        "operation": rng.choice(("READ", "WRITE")),
        "engine": "trino",
        "result": rng.choice(("SUCCESS", "DENIED")),
        "ipAddress": "unknown",
    }


KINDS = (_health, _lineage, _ingestion, _quality, _transformation, _access)


async def send(service: Service, events: list[Sent]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers) as producer:
        for topic, partition, event in events:
            await producer.send(topic, orjson.dumps(event), partition=partition)
        await producer.flush()


def as_of(service: Service, path: str) -> int:
    try:
        return int(service.get(path)["asOf"])
    except HTTPError as error:
        if error.code != 404:
            raise
        return 0  # not even its first event has arrived


def wait_until_complete(service: Service) -> None:
    now = int(time.time() * 1_000)
    deadline = time.monotonic() + 60
    name = quote(DATASETS[0], safe="")
    paths = ("/v1/health/services", f"/v1/datasets/{name}", f"/v1/lineage?dataset={name}")
    while min(as_of(service, path) for path in paths) < now:
        assert time.monotonic() < deadline, service.logs()
        time.sleep(0.2)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sent(service: Service) -> list[Sent]:
    """All events, a tenth of them twice, with a worker that was killed half way."""
    events = made(int(time.time() * 1_000))
    half = len(events) // 2
    await send(service, events[:half])
    service.kill(1)
    await send(service, [*events[::10], *events[half:]])
    service.start(1)
    service.wait_ready()
    wait_until_complete(service)
    return events


def test_services_equal_their_observations(service: Service, sent: list[Sent]) -> None:
    by_service = defaultdict(list)
    for each in sorted((each for each in sent if each.topic == "system-health"), key=Sent.order):
        by_service[each.event["serviceName"]].append(each.event)
    listed = {each["service"]: each for each in service.get("/v1/health/services", namespace="shop")["services"]}
    assert set(listed) == set(SERVICES)
    for name, events in by_service.items():
        found = service.get(f"/v1/health/services/shop/{quote(name, safe='')}")
        assert (found["service"], found["events"]) == (name, len(events))
        assert found["lastSeen"] == events[-1]["timestamp"]
        assert found["lastReport"]["status"] == events[-1]["healthStatus"]
        mean = sum(event["errorRate"] for event in events) / len(events)
        assert found["errorRate"]["24h"] == pytest.approx(mean, abs=1e-6)
        middle = sorted(event["latencyMs"] for event in events)[(len(events) - 1) // 2]
        assert found["latencyMs"]["p50"] == pytest.approx(middle, rel=0.03)
    shop = next(each for each in service.get("/v1/health/namespaces")["namespaces"] if each["namespace"] == "shop")
    assert shop["services"] == sum(shop["counts"].values()) == len(SERVICES)


def test_edges_equal_their_sights(service: Service, sent: list[Sent]) -> None:
    sights = defaultdict(list)
    for each in sent:
        if each.topic == "data-lineage":
            event = each.event
            sights[event["sourceDataset"], event["targetDataset"], event["transformationType"]].append(event)
    answer = service.get("/v1/lineage", dataset=DATASETS[0], direction="both", depth=10)
    assert {node["id"] for node in answer["nodes"]} == set(DATASETS)
    assert (answer["totalNodes"], answer["truncated"]) == (len(DATASETS), False)
    found = {(edge["source"], edge["target"], edge["transformationType"]): edge for edge in answer["edges"]}
    assert set(found) == set(sights)
    for key, events in sights.items():
        times = [event["timestamp"] for event in events]
        edge = found[key]
        assert (edge["count"], edge["firstSeen"], edge["lastSeen"]) == (len(events), min(times), max(times))
        pairs = {(column["sourceColumn"], column["targetColumn"]) for event in events for column in event["columns"]}
        assert {(column["sourceColumn"], column["targetColumn"]) for column in edge["columns"]} == pairs


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_dataset_equals_its_events(service: Service, sent: list[Sent], dataset: str) -> None:
    page = service.get(f"/v1/datasets/{quote(dataset, safe='')}")
    ordered = sorted(sent, key=Sent.order)
    loads = [each.event for each in ordered if each.topic == "data-ingestion" and each.event["datasetName"] == dataset]
    taken = [load for load in loads if load["status"] != "FAILURE"]
    assert page["ingestion"]["recordCount24h"] == sum(load["recordCount"] for load in taken)
    assert page["ingestion"]["sizeBytes24h"] == sum(load["sizeBytes"] for load in taken)
    assert page["ingestion"]["runs24h"] == dict(Counter(load["status"] for load in loads))
    assert page["ingestion"]["last"]["eventId"] == loads[-1]["eventId"]
    for check in page["quality"]["checks"]:
        results = [
            each.event["result"]
            for each in ordered
            if each.event.get("checkName") == check["checkName"] and each.event["datasetName"] == dataset
        ]
        assert (check["result"], check["counts"]) == (results[-1], dict(sorted(Counter(results).items())))
    for run in page["transformations"]:
        statuses = [
            each.event["status"]
            for each in ordered
            if each.event.get("job") == run["job"] and dataset in (*each.event["inputs"], *each.event["outputs"])
        ]
        assert (run["status"], sum(run["counts"].values())) == (statuses[-1], len(statuses))
    accesses = [
        each.event
        for each in ordered
        if each.topic == "audit-data-access"
        and each.event["datasetName"] == dataset
        and each.event["result"] == "SUCCESS"
    ]
    assert page["access"]["users"] == len({access["userId"] for access in accesses})
    for name, operation in (("lastRead", "READ"), ("lastWrite", "WRITE")):
        times = [access["timestamp"] for access in accesses if access["operation"] == operation]
        assert page["access"][name] == max(times)
    edges = [each.event for each in sent if each.topic == "data-lineage"]
    assert page["upstream"] == sorted({edge["sourceDataset"] for edge in edges if edge["targetDataset"] == dataset})
    assert page["downstream"] == sorted({edge["targetDataset"] for edge in edges if edge["sourceDataset"] == dataset})
