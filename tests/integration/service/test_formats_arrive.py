"""What comes in other formats than our own is answered for like everything else, on a real broker."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from tests.integration.service.conftest import MakeService
from tests.support.answers import eventually
from tests.support.service import Service

pytestmark = pytest.mark.timeout(200)
RUN_ID = "01931a3e-6a6c-7b11-9f2c-6d1d8f1f0b01"
NOTED = {"_producer": "https://example.com", "_schemaURL": "https://example.com/schema"}


@pytest.fixture(scope="module")
def service(make_service: MakeService) -> Service:
    made = make_service()
    made.start()
    made.wait_ready()
    return made


async def post(service: Service, path: str, document: Any, **headers: str) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as client,
        client.post(
            service.url() + path, data=orjson.dumps(document), headers={"Content-Type": "application/json", **headers}
        ) as answer,
    ):
        return answer.status, await answer.read()


def run_event(state: str, second: int, **output: Any) -> dict[str, Any]:
    return {
        "eventType": state,
        "eventTime": datetime.fromtimestamp(int(time.time()) - 60 + second, UTC).isoformat(),
        "producer": "https://example.com",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": RUN_ID},
        "job": {"namespace": "airflow", "name": "daily"},
        "inputs": [{"namespace": "s3://lake", "name": "raw"}],
        "outputs": [{"namespace": "s3://lake", "name": "prices", **output}],
    }


async def test_openlineage_becomes_a_graph_and_a_dataset_whatever_comes_first_and_twice(service: Service) -> None:
    used = {"namespace": "s3://lake", "name": "raw", "field": "p"}
    columns = {"columnLineage": {**NOTED, "fields": {"price": {"inputFields": [used]}}}}
    statistics = {"outputStatistics": {**NOTED, "rowCount": 1_000, "size": 5}}
    complete = run_event("COMPLETE", 9, facets=columns, outputFacets=statistics)
    start = run_event("START", 1)
    for document in (complete, start, complete, start):
        assert await post(service, "/api/v1/lineage", document) == (201, b"")

    def edge() -> Any:
        got = service.get("/v1/lineage", dataset="s3://lake/prices", direction="upstream")
        edges = got["edges"]
        return edges if edges and edges[0]["count"] == 2 else None

    (found,) = await eventually(edge)
    assert (found["source"], found["target"]) == ("s3://lake/raw", "s3://lake/prices")
    assert found["transformationName"] == "airflow/daily"
    assert [(pair["sourceColumn"], pair["targetColumn"]) for pair in found["columns"]] == [("p", "price")]
    assert found["lastSeen"] - found["firstSeen"] == 8_000

    def loaded() -> Any:
        got = service.get("/v1/datasets/s3%3A%2F%2Flake%2Fprices")
        return got if got["ingestion"]["last"] and got["transformations"] else None

    dataset = await eventually(loaded)
    assert dataset["ingestion"]["recordCount24h"] == 1_000


async def test_entries_of_kong_are_audited_once(service: Service) -> None:
    entry = {
        "service": {"name": "trino"},
        "consumer": {"username": "kong-ana"},
        "request": {"id": "r-1", "method": "GET", "uri": "/api/trino?token=SECRET", "size": 4},
        "response": {"status": 403, "size": 9},
        "latencies": {"request": 7},
        "started_at": int(time.time() * 1000) - 5_000,
    }
    own = {**entry, "service": {"name": "carbon-stream"}}
    for _ in range(2):
        status, body = await post(service, "/v1/sources/kong", [entry, own])
        assert (status, orjson.loads(body)["accepted"]) == (202, 1)
    other = {**entry, "request": {**entry["request"], "id": "r-2"}}  # type: ignore[dict-item]
    await post(service, "/v1/sources/kong", other)

    def group() -> Any:
        groups = service.get("/v1/audit/summary", by="user", limit=100)["groups"]
        return next((found for found in groups if found["key"] == "kong-ana" and found["count"] >= 2), None)

    found = await eventually(group)
    assert (found["count"], found["results"]["DENIED"]) == (2, 2)
    events = service.get("/v1/audit/events", user="kong-ana")["events"]
    assert b"SECRET" not in orjson.dumps(events)


async def test_a_cloudevent_is_one_on_its_topic_too(service: Service) -> None:
    event = {
        "specversion": "1.0",
        "id": "ce-e2e",
        "source": "/loader",
        "type": "com.254carbon.DataTransformationEvent",
        "subject": "nightly",
        "region": "eu",
        "data": {"status": "SUCCESS"},
    }
    status, body = await post(service, "/v1/events", event, **{"Content-Type": "application/cloudevents+json"})
    assert status == 202
    receipt = orjson.loads(body)["receipts"][0]
    consumer = AIOKafkaConsumer(
        receipt["topic"], bootstrap_servers=service.kafka.bootstrap_servers, auto_offset_reset="earliest"
    )
    async with consumer, asyncio.timeout(90):
        async for record in consumer:
            if (record.partition, record.offset) == (receipt["partition"], receipt["offset"]):
                break
    headers = dict(record.headers)
    assert {name: headers[name] for name in ("ce_id", "ce_type", "ce_source", "ce_subject", "ce_region")} == {
        "ce_id": b"ce-e2e",
        "ce_type": b"DataTransformationEvent",
        "ce_source": b"/loader",
        "ce_subject": b"nightly",
        "ce_region": b"eu",
    }
    assert record.key == b"nightly"
