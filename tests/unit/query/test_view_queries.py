"""The answers about health, lineage and datasets over HTTP, from rows that a view was given."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.typedefs import Handler
from yarl import URL

from carbon_stream.contracts.codec import decoder
from carbon_stream.errors import ProblemError
from carbon_stream.projections import datasets, health, lineage
from carbon_stream.projections.rows import Entry, MemoryRows
from carbon_stream.query import datasets as dataset_queries
from carbon_stream.query import health as health_queries
from carbon_stream.query import lineage as lineage_queries
from carbon_stream.query.answers import AS_OF
from carbon_stream.views.datasets import AccessView, DatasetsView
from carbon_stream.views.health import HealthView
from carbon_stream.views.lineage import LineageView
from carbon_stream.views.reader import View
from tests.support.applications import answering

NOW = 1_760_000_000_000
LAKE = "s3://lake/prices 100%"

Client = TestClient[web.Request, web.Application]

EVENTS: list[tuple[str, dict[str, Any]]] = [
    *(
        (
            "system-health",
            {
                "eventType": "ServiceHealthEvent",
                "serviceName": service,
                "namespace": namespace,
                "healthStatus": status,
                "latencyMs": 20,
                "errorRate": 0.5,
            },
        )
        for namespace, service, status in (
            ("data", "trino", "UNHEALTHY"),
            ("data", "team/superset", "HEALTHY"),
            ("kong", "gateway", "HEALTHY"),
        )
    ),
    *(
        (
            "data-lineage",
            {
                "eventType": "DataLineageEvent",
                "sourceDataset": source,
                "targetDataset": target,
                "transformationType": "JOIN",
                "transformationName": "nightly",
                "columns": [{"sourceColumn": "a", "targetColumn": "b", "transformation": "sum"}],
            },
        )
        for source, target in (("landing", "raw"), ("raw", LAKE), (LAKE, "report"), ("other", "report"))
    ),
    (
        "data-ingestion",
        {
            "eventType": "DataIngestionEvent",
            "datasetName": LAKE,
            "recordCount": 10,
            "sizeBytes": 100,
            "format": "parquet",
            "location": "s3://lake/prices",
            "status": "SUCCESS",
        },
    ),
    (
        "data-quality",
        {
            "eventType": "DataQualityEvent",
            "datasetName": LAKE,
            "checkType": "completeness",
            "checkName": "not-null",
            "result": "WARNING",
            "score": 0.9,
            "failedRecords": 1,
            "totalRecords": 10,
        },
    ),
    (
        "data-transformation",
        {"eventType": "DataTransformationEvent", "job": "nightly", "inputs": ["raw"], "outputs": [LAKE]},
    ),
]
PROJECTIONS = {"system-health": health, "data-lineage": lineage}


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ProblemError as error:
        return web.json_response(error.document(), status=error.status, content_type="application/problem+json")


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    of_health, of_lineage, of_datasets, access = HealthView(), LineageView(), DatasetsView(), AccessView()
    views: tuple[View, ...] = (of_health, of_lineage, of_datasets)
    for offset, (topic, event) in enumerate(EVENTS):
        rows = MemoryRows()
        projection = PROJECTIONS.get(topic, datasets)
        decoded = decoder(topic)(orjson.dumps({**event, "source": "test"}))
        projection.fold(rows, topic, [Entry(decoded, NOW - 1_000, topic, offset, offset, NOW)])
        for key, row in rows.rows.items():
            for view in views:
                view.apply(offset, key, row)
    access.apply(0, ("access", LAKE), {"v": 1, "lastRead": 5, "lastWrite": None, "users": {"ana": 5, "bo": 4}})
    access.apply(1, ("access", LAKE), {"v": 1, "lastRead": 7, "lastWrite": 6, "users": {"ana": 7}})
    access.apply(1, ("service", 0, "x"), {"v": 1})
    app = answering()
    app[health_queries.HEALTH_VIEW] = of_health
    app[lineage_queries.LINEAGE_VIEW] = of_lineage
    app[dataset_queries.DATASETS_VIEW] = of_datasets
    app[dataset_queries.ACCESS_VIEW] = access
    app[AS_OF] = lambda table: NOW - len(table)
    app.add_routes([*health_queries.routes(), *lineage_queries.routes(), *dataset_queries.routes()])
    async with TestClient(TestServer(app)) as running:
        yield running


async def ask(client: Client, path: str, status: int = 200) -> dict[str, Any]:
    async with client.get(URL(path, encoded=True)) as answer:
        assert answer.status == status, await answer.text()
        expected = "application/json" if status == 200 else "application/problem+json"
        assert answer.content_type == expected
        body: dict[str, Any] = await answer.json(content_type=None)
        return body


async def test_services_are_listed_by_namespace_and_name(client: Client) -> None:
    body = await ask(client, "/v1/health/services")
    assert body["asOf"] == NOW - len("health")
    assert body["omitted"] == 0
    assert [(each["namespace"], each["service"]) for each in body["services"]] == [
        ("data", "team/superset"),
        ("data", "trino"),
        ("kong", "gateway"),
    ]
    trino = body["services"][1]
    assert (trino["status"], trino["since"], trino["lastSeen"]) == ("UNHEALTHY", NOW - 1_000, NOW - 1_000)
    assert trino["availability"] == {"5m": 0.0, "1h": 0.0, "24h": 0.0}
    assert trino["errorRate"] == {"5m": 0.5, "1h": 0.5, "24h": 0.5}
    assert trino["latencyMs"]["p50"] == pytest.approx(20, rel=0.02)
    assert trino["events"] == 1


async def test_services_are_filtered_and_bounded(client: Client) -> None:
    by_status = await ask(client, "/v1/health/services?status=HEALTHY")
    assert [each["service"] for each in by_status["services"]] == ["team/superset", "gateway"]
    bounded = await ask(client, "/v1/health/services?namespace=data&limit=1")
    assert [each["service"] for each in bounded["services"]] == ["team/superset"]
    assert bounded["omitted"] == 1


async def test_one_service_by_its_percent_encoded_name(client: Client) -> None:
    body = await ask(client, "/v1/health/services/data/team%2Fsuperset")
    assert (body["service"], body["transitions"], body["deployments"]) == ("team/superset", [], [])
    assert body["lastReport"]["source"] == "test"


async def test_an_unknown_service_is_a_problem_with_near_names(client: Client) -> None:
    body = await ask(client, "/v1/health/services/data/trin", 404)
    assert body["near"] == ["data/trino"]


async def test_namespaces_show_their_worst_status(client: Client) -> None:
    body = await ask(client, "/v1/health/namespaces")
    assert [(each["namespace"], each["status"]) for each in body["namespaces"]] == [
        ("data", "UNHEALTHY"),
        ("kong", "HEALTHY"),
    ]


async def test_lineage_up_and_down(client: Client) -> None:
    name = "s3%3A%2F%2Flake%2Fprices%20100%25"
    body = await ask(client, f"/v1/lineage?dataset={name}")
    assert [node["id"] for node in body["nodes"]] == [LAKE, "raw", "report", "landing"]
    assert body["nodes"][0] == {"id": LAKE, "type": "dataset"}
    assert [(edge["source"], edge["target"]) for edge in body["edges"]] == [
        ("raw", LAKE),
        (LAKE, "report"),
        ("landing", "raw"),
    ]
    assert body["edges"][0]["columns"] == [{"sourceColumn": "a", "targetColumn": "b", "transformation": "sum"}]
    assert (body["root"], body["direction"], body["depth"]) == (LAKE, "both", 3)
    assert (body["truncated"], body["totalNodes"]) == (False, 4)
    upstream = await ask(client, f"/v1/lineage?dataset={name}&direction=upstream&depth=1")
    assert [node["id"] for node in upstream["nodes"]] == [LAKE, "raw"]


async def test_lineage_says_when_it_is_cut(client: Client) -> None:
    body = await ask(client, "/v1/lineage?dataset=landing&direction=downstream&limit=2")
    assert [node["id"] for node in body["nodes"]] == ["landing", "raw"]
    assert (body["truncated"], body["totalNodes"], len(body["edges"])) == (True, 4, 1)


async def test_lineage_of_an_unknown_dataset(client: Client) -> None:
    body = await ask(client, "/v1/lineage?dataset=prices", 404)
    assert body["near"] == [LAKE]


@pytest.mark.parametrize("name", ["s3%3A%2F%2Flake%2Fprices%20100%25", "s3://lake/prices%20100%25"])
async def test_a_dataset_by_its_name_encoded_or_raw(client: Client, name: str) -> None:
    body = await ask(client, f"/v1/datasets/{name}")
    assert body["dataset"] == LAKE
    assert body["ingestion"]["last"]["status"] == "SUCCESS"
    assert (body["ingestion"]["recordCount24h"], body["ingestion"]["sizeBytes24h"]) == (10, 100)
    assert body["ingestion"]["runs24h"] == {"SUCCESS": 1, "FAILURE": 0, "PARTIAL": 0}
    check = body["quality"]["checks"][0]
    assert (check["checkName"], check["result"], check["score"], check["at"]) == (
        "not-null",
        "WARNING",
        0.9,
        NOW - 1_000,
    )
    assert [run["job"] for run in body["transformations"]] == ["nightly"]
    assert (body["upstream"], body["downstream"]) == (["raw"], ["report"])
    assert body["access"] == {"lastRead": 7, "lastWrite": 6, "users": 2, "usersIsAtLeast": False}


async def test_a_dataset_that_only_lineage_knows(client: Client) -> None:
    body = await ask(client, "/v1/datasets/landing")
    assert body["ingestion"]["last"] is None
    assert body["access"] == {"lastRead": None, "lastWrite": None, "users": 0, "usersIsAtLeast": False}
    assert body["downstream"] == ["raw"]


async def test_an_unknown_dataset_is_a_problem_with_near_names(client: Client) -> None:
    body = await ask(client, "/v1/datasets/lake/prices", 404)
    assert body["near"] == [LAKE]


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/health/services?foo=1", "foo"),
        ("/v1/health/services?status=DOWN", "status"),
        ("/v1/health/services?limit=0", "limit"),
        ("/v1/health/services?limit=1&limit=2", "limit"),
        ("/v1/health/services?limit=%D9%A3", "limit"),
        ("/v1/health/services?namespace=", "namespace"),
        ("/v1/health/services/data/trino?x=", "x"),
        ("/v1/health/namespaces?x=1", "x"),
        ("/v1/lineage", "dataset"),
        ("/v1/lineage?dataset=", "dataset"),
        ("/v1/lineage?dataset=raw&depth=0", "depth"),
        ("/v1/lineage?dataset=raw&depth=21", "depth"),
        ("/v1/lineage?dataset=raw&depth=1.5", "depth"),
        ("/v1/lineage?dataset=raw&direction=sideways", "direction"),
        ("/v1/datasets/raw?depth=1", "depth"),
    ],
)
async def test_parameters_are_read_strictly(client: Client, path: str, parameter: str) -> None:
    body = await ask(client, path, 400)
    assert body["parameter"] == parameter
    assert parameter in body["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/datasets/%FF",
        "/v1/datasets/%ED%A0%80",
        "/v1/datasets/%00",
        "/v1/datasets//",
        "/v1/lineage?dataset=%FF",
        "/v1/lineage?dataset=%ED%A0%80",
        "/v1/health/services/%FF/%00",
        "/v1/health/services/a%2Fb/c%25",
    ],
)
async def test_any_name_is_taken_for_one(client: Client, path: str) -> None:
    body = await ask(client, path, 404)
    assert body["title"].startswith("Unknown")
