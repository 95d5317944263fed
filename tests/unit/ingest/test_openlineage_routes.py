"""POST /api/v1/lineage and its batch: the official clients, the replies, and what is refused."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import attr
import orjson
import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import DatasetEvent, InputDataset, Job, JobEvent, OutputDataset, RunState
from openlineage.client.event_v2 import Run as ClientRun
from openlineage.client.event_v2 import RunEvent as ClientRunEvent
from openlineage.client.generated.base import StaticDataset
from openlineage.client.generated.column_lineage_dataset import (
    ColumnLineageDatasetFacet,
    Fields,
    InputField,
    Transformation,
)
from openlineage.client.generated.data_quality_assertions_dataset import Assertion, DataQualityAssertionsDatasetFacet
from openlineage.client.generated.output_statistics_output_dataset import OutputStatisticsOutputDatasetFacet
from openlineage.client.generated.sql_job import SQLJobFacet
from openlineage.client.transport.async_http import AsyncHttpConfig, AsyncHttpTransport
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport

from carbon_stream.ingest.delivery import Failed, Stored

OpenDoor = Callable[..., Awaitable[Any]]
ONE, BATCH = "/api/v1/lineage", "/api/v1/lineage/batch"
RUN_ID = "01931a3e-6a6c-7b11-9f2c-6d1d8f1f0a01"


def document(**changes: Any) -> dict[str, Any]:
    return {
        "eventTime": "2026-11-24T04:30:00.5Z",
        "producer": "https://example.com/producer",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "eventType": "COMPLETE",
        "run": {"runId": RUN_ID},
        "job": {"namespace": "airflow", "name": "daily.load"},
        "inputs": [{"namespace": "s3://lake", "name": "raw/prices"}],
        "outputs": [{"namespace": "s3://lake", "name": "prices"}],
        **changes,
    }


def client_event() -> ClientRunEvent:
    columns = {
        "price": Fields([InputField("s3://lake", "raw/prices", "p", [Transformation("DIRECT", "AGGREGATION", "avg")])])
    }
    checked = DataQualityAssertionsDatasetFacet([Assertion("not_null", True, "p"), Assertion("unique", False)])
    statistics = OutputStatisticsOutputDatasetFacet(rowCount=1_000, size=52_000)
    return ClientRunEvent(
        eventTime="2026-11-24T04:30:00.500000+00:00",
        producer="https://example.com/producer",
        eventType=RunState.COMPLETE,
        run=ClientRun(RUN_ID),
        job=Job("airflow", "daily.load", facets={"sql": SQLJobFacet("insert into prices select avg(p) from raw")}),
        inputs=[InputDataset("s3://lake", "raw/prices", inputFacets={"dataQualityAssertions": checked})],
        outputs=[
            OutputDataset(
                "s3://lake",
                "prices",
                facets={"columnLineage": ColumnLineageDatasetFacet(columns)},
                outputFacets={"outputStatistics": statistics},
            )
        ],
    )


def taken(door: Any) -> dict[str, list[dict[str, Any]]]:
    by_type: dict[str, list[dict[str, Any]]] = {}
    for record in door.publisher.taken:
        event = orjson.loads(record.value)
        by_type.setdefault(event["eventType"], []).append(event)
    return by_type


def check_client_event(door: Any) -> None:
    found = taken(door)
    (run,) = found["DataTransformationEvent"]
    assert (run["job"], run["run"], run["status"], run["rowsOut"]) == ("airflow/daily.load", RUN_ID, "SUCCESS", 1_000)
    assert (run["inputs"], run["outputs"]) == (["s3://lake/raw/prices"], ["s3://lake/prices"])
    assert run["openLineage"]["job"]["facets"]["sql"]["query"].startswith("insert")
    assert (run["timestamp"], run["correlationId"]) == (1_795_494_600_500, RUN_ID)
    (edge,) = found["DataLineageEvent"]
    assert (edge["sourceDataset"], edge["targetDataset"]) == ("s3://lake/raw/prices", "s3://lake/prices")
    assert edge["columns"] == [
        {"sourceColumn": "p", "targetColumn": "price", "transformation": "DIRECT AGGREGATION avg"}
    ]
    assert edge["query"].startswith("insert")
    (load,) = found["DataIngestionEvent"]
    assert (load["datasetName"], load["recordCount"], load["sizeBytes"], load["status"]) == (
        "s3://lake/prices", 1_000, 52_000, "SUCCESS"
    )  # fmt: skip
    checks = {check["checkName"]: check for check in found["DataQualityEvent"]}
    assert {name: check["result"] for name, check in checks.items()} == {"not_null(p)": "PASS", "unique": "FAIL"}
    assert door.recorder.paths == ["openlineage"]


@pytest.mark.parametrize("compression", [None, HttpCompression.GZIP])
async def test_the_official_client_over_http(open_door: OpenDoor, compression: HttpCompression | None) -> None:
    door = await open_door()
    config = HttpConfig(
        url=f"http://{door.host}:{door.port}",
        auth=ApiKeyTokenProvider({"apiKey": "k"}),
        compression=compression,
        retry={"total": 0},
    )
    client = OpenLineageClient(transport=HttpTransport(config))
    await asyncio.to_thread(client.emit, client_event())
    check_client_event(door)
    await asyncio.to_thread(client.close)


async def test_the_official_client_over_asynchronous_http(open_door: OpenDoor) -> None:
    door = await open_door()
    transport = AsyncHttpTransport(AsyncHttpConfig(url=f"http://{door.host}:{door.port}"))

    def emit() -> None:
        transport.emit(client_event())
        assert transport.wait_for_completion(20)
        assert transport.close(20)

    await asyncio.to_thread(emit)
    check_client_event(door)


async def test_job_events_and_dataset_events_of_the_client(open_door: OpenDoor) -> None:
    door = await open_door()
    client = OpenLineageClient(transport=HttpTransport(HttpConfig(url=f"http://{door.host}:{door.port}")))
    run = client_event()
    attributes = {"eventTime": run.eventTime, "producer": run.producer}
    assert run.outputs
    output = run.outputs[0]
    assert output.facets is not None
    job = JobEvent(**attributes, job=run.job, inputs=run.inputs, outputs=run.outputs)
    dataset = DatasetEvent(**attributes, dataset=StaticDataset(output.namespace, output.name, facets=output.facets))
    for event in (job, dataset):
        await asyncio.to_thread(client.emit, event)
    found = taken(door)
    assert [event["job"] for event in found["DataTransformationEvent"]] == [
        "airflow/daily.load", "openlineage/dataset-event"
    ]  # fmt: skip
    assert found["DataTransformationEvent"][1].get("outputs", []) == []
    assert "columnLineage" in found["DataTransformationEvent"][1]["openLineage"]["dataset"]["facets"]
    assert [edge["columns"][0]["sourceColumn"] for edge in found["DataLineageEvent"]] == ["p", "p"]
    assert "DataIngestionEvent" not in found
    assert attr.asdict(job)["job"]["name"] == "daily.load"


async def test_201_and_nothing_else(open_door: OpenDoor) -> None:
    door = await open_door()
    url = f"http://{door.host}:{door.port}{ONE}"
    async with door.client.post(url, json=document()) as answer:
        assert (answer.status, await answer.read()) == (201, b"")


async def test_a_batch_says_by_index_what_failed(open_door: OpenDoor) -> None:
    door = await open_door()
    events = [document(), {}, document(eventType="START"), document(run={"runId": "x"}), 5]
    status, answer, _ = await door.post(orjson.dumps(events), BATCH)
    assert (status, answer["status"]) == (200, "partial_success")
    assert answer["summary"] == {"received": 5, "successful": 2, "failed": 3, "retriable": 0, "non_retriable": 3}
    assert [(failed["index"], failed["retriable"]) for failed in answer["failed_events"]] == [
        (1, False), (3, False), (4, False)
    ]  # fmt: skip
    assert "/run/runId" in answer["failed_events"][1]["reason"]
    status, answer, _ = await door.post(orjson.dumps([document()]), BATCH)
    assert (status, answer["status"], answer["failed_events"]) == (200, "success", [])
    assert (await door.post(b"[]", BATCH))[1]["summary"]["received"] == 0
    status, answer, _ = await door.post(b"[{}]", BATCH)
    assert (status, answer["summary"]["failed"]) == (422, 1)


async def test_503_when_kafka_does_not_take_all_of_an_event(open_door: OpenDoor) -> None:
    door = await open_door()
    door.publisher.outcome = lambda record, n: (
        Failed(True, "Kafka does not answer") if record.topic == "data-lineage" and n < 4 else Stored(0, n)
    )
    status, answer, headers = await door.post(orjson.dumps([document(), document(inputs=[])]), BATCH)
    assert (status, headers["Retry-After"]) == (503, "5")
    assert answer["summary"] == {"received": 2, "successful": 1, "failed": 1, "retriable": 1, "non_retriable": 0}
    door.publisher.outcome = lambda record, n: Stored(0, n)
    assert (await door.post(orjson.dumps(document()), ONE))[0] == 201
    door.publisher.outcome = lambda record, n: Failed(True, "Kafka does not answer")
    assert (await door.post(orjson.dumps(document()), ONE))[0] == 201, "it is there already"
    assert (await door.post(orjson.dumps(document(outputs=[])), ONE))[0] == 503


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"eventTime": None}, "/eventTime"),
        ({"eventTime": "2026-11-24 04:30"}, "/eventTime"),
        ({"eventTime": "1960-01-01T00:00:00Z"}, "/eventTime"),
        ({"producer": 5}, "/producer"),
        ({"schemaURL": ""}, "/schemaURL"),
        ({"eventType": "DONE"}, "/eventType"),
        ({"run": {}}, "/run/runId"),
        ({"run": {"runId": "not-a-uuid"}}, "/run/runId"),
        ({"job": None}, "/job"),
        ({"job": {"name": "x"}}, "/job/namespace"),
        ({"job": {"namespace": "n" * 600, "name": "x" * 600}}, "/job"),
        ({"inputs": {}}, "/inputs"),
        ({"inputs": [{"namespace": "n"}]}, "/inputs/0/name"),
        ({"run": {"runId": RUN_ID, "facets": {"x": {}}}}, "/run/facets/x/_producer"),
        ({"outputs": [{"namespace": "n", "name": "x", "facets": {"y": 5}}]}, "/outputs/0/facets/y"),
    ],
)
async def test_what_is_wrong_is_pointed_at(open_door: OpenDoor, change: dict[str, Any], pointer: str) -> None:
    door = await open_door()
    status, answer, _ = await door.post(orjson.dumps(document(**change)), ONE)
    assert (status, answer["errors"][0]["pointer"]) == (422, pointer)
    assert door.publisher.taken == []


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (ONE, b"", {}, 400),
        (ONE, b"{", {}, 400),
        (ONE, b"[]", {}, 422),
        (BATCH, b"{}", {}, 400),
        (BATCH, b"[", {}, 400),
        (ONE, b"{}", {"Content_Type": "application/x-ndjson"}, 415),
        (ONE, b"{}", {"Content_Encoding": "lz4"}, 415),
        (ONE, b"x", {"Content_Encoding": "gzip"}, 400),
    ],
)
async def test_bodies_that_are_no_events(
    open_door: OpenDoor, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    door = await open_door()
    assert (await door.post(body, path, **headers))[0] == status


async def test_an_event_with_too_many_edges_is_refused_and_bounds_hold(open_door: OpenDoor) -> None:
    door = await open_door(max_event_bytes=200_000)
    names = [{"namespace": "n", "name": str(n)} for n in range(100)]
    wide = document(inputs=names, outputs=names)
    assert (await door.post(orjson.dumps(wide), ONE))[0] == 413
    assert (await door.post(orjson.dumps(document(more="x" * 300_000)), ONE))[0] == 413
    assert door.publisher.taken == []
    wide["outputs"] = names[:40]
    assert (await door.post(orjson.dumps(wide), ONE))[0] == 201
    assert len(door.publisher.taken) == 1 + 100 * 40
    assert door.ingest.room.used == 0
