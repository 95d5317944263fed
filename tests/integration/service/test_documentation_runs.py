"""What the documentation says to do is done here, as it stands there: curl, Python, Node.js, plain Kafka, commands.

`tests/support/pages.py` has the marks. A block without one is in `NOT_RUN`, with the reason.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tests.support.answers import eventually, settled
from tests.support.page_reader import Reader
from tests.support.pages import PAGES, Block, blocks, inline_calls
from tests.support.service import Service

pytestmark = pytest.mark.timeout(300)

_KONG = "a gateway is needed: tests/integration/gateway does it against a double"
_MESH = "a cluster with Istio is needed: tests/cluster does it"
_CLUSTER = "kubectl and a cluster are needed: tests/packaging/test_manifests.py and tests/cluster hold the manifests"
_PICTURE = "a picture"
_REGISTRY = "tests/packaging/test_producer_packages.py installs both packages, without a registry"
NOT_RUN: Final[Mapping[tuple[str, str], str]] = {
    ("README.md", "make run      #"): "it never ends, and the other one runs this test",
    ("README.md", "kubectl -n data-platform"): _CLUSTER,
    ("README.md", "make bench   "): "takes many minutes: tests/integration/test_bench_runs.py runs each part briefly",
    ("DESIGN.md", "HTTP  POST /v1/events"): _PICTURE,
    ("docs/alerts.md", "{"): "tests/integration/service/test_alerts.py reads the topic",
    ("docs/alerts.md", "kcat -b"): "needs kcat, which comes from no Python registry",
    ("docs/api-gateway.md", "carbon-stream bootstrap plan gateway      #"): _KONG,
    ("docs/api-gateway.md", "$ carbon-stream bootstrap plan gateway"): _KONG,
    ("docs/api-gateway.md", "$ carbon-stream bootstrap apply gateway"): _KONG,
    ("docs/api-gateway.md", "[1/27] create route superset"): _KONG,
    ("docs/api-gateway.md", "- delete route mlflow"): _KONG,
    ("docs/deploy.md", "# deploy/kubernetes/overlays/mine"): _CLUSTER,
    ("docs/deploy.md", "kubectl -n data-platform"): _CLUSTER,
    ("docs/deploy.md", "$ carbon-stream verify mesh"): _MESH,
    ("docs/deploy.md", "$ carbon-stream verify security"): _MESH,
    ("docs/event-driven.md", "services ── SDK, HTTP"): _PICTURE,
    ("docs/ingest.md", "curl -sS http://kong-admin:8001"): _KONG,
    (
        "docs/ingest.md",
        '{"receivedAt"',
    ): "depends on the way in: tests/unit/ingest and tests/integration/access hold it",
    ("docs/integrate-a-service.md", "pip install"): _REGISTRY,
    ("docs/integrate-a-service.md", "env:"): "of a pod; tests/sdk tries the same variables on brokers that demand them",
    ("docs/operations.md", "carbon-stream bootstrap plan topics --output"): "needs Kafka's scripts; the plan itself: "
    "tests/integration/test_topics_three_brokers.py",
    ("docs/operations.md", "curl -s -X PUT"): "needs an operator's key: tests/unit/web/test_log_level.py does it",
    ("docs/operations.md", "carbon-stream tables rebuild"): "tests/integration/service/test_tables_rebuild.py",
    ("docs/rules.md", "configMapGenerator:"): _CLUSTER,
    ("docs/service-mesh.md", "carbon-stream bootstrap plan mesh"): _MESH,
    ("docs/service-mesh.md", "$ carbon-stream bootstrap plan mesh"): _MESH,
    ("docs/service-mesh.md", "$ carbon-stream bootstrap apply mesh"): _MESH,
    ("docs/service-mesh.md", "$ carbon-stream bootstrap mesh strict"): _MESH,
    ("docs/streaming.md", "import os"): "tests/integration/streaming/test_documented_app.py runs it",
    ("sdk/python/README.md", "pip install"): _REGISTRY,
    ("sdk/node/README.md", "npm install"): _REGISTRY,
}
CALL: Final[dict[str, Any]] = {
    "eventType": "AuditAPICallEvent", "source": "kong", "service": "trino", "endpoint": "/v1/query", "method": "GET",
    "latencyMs": 12, "requestSizeBytes": 0, "responseSizeBytes": 9, "ipAddress": "unknown", "correlationId": "load-17",
}  # fmt: skip
EDGE: Final[dict[str, Any]] = {
    "eventType": "DataLineageEvent", "source": "spark", "sourceDataset": "raw", "transformationType": "COPY",
    "targetDataset": "iceberg/marts/carbon_exposure", "transformationName": "t",
}  # fmt: skip


def reason_not_to_run(block: Block) -> str | None:
    reasons = [
        reason for (page, first), reason in NOT_RUN.items() if page == block.page and block.first.startswith(first)
    ]
    return reasons[0] if reasons else None


def test_every_block_is_run_or_has_a_reason() -> None:
    every = [block for page in PAGES for block in blocks(page)]
    assert len([block for block in every if block.mark]) >= 30
    assert [block.place for block in every if bool(block.mark) == bool(reason_not_to_run(block))] == []
    for page, first in NOT_RUN:
        assert any(block.page == page and block.first.startswith(first) for block in every), f"stale: {page}, {first}"


async def seed(service: Service) -> str:
    calls = [{**CALL, "statusCode": status} for status in (200, 200, 403)]
    receipts = service.post([*calls, EDGE])["receipts"]
    assert [receipt["status"] for receipt in receipts] == ["accepted"] * 4
    async with AIOKafkaProducer(bootstrap_servers=service.kafka.bootstrap_servers) as producer:
        await producer.send_and_wait("audit-api-calls", orjson.dumps({**CALL, "statusCode": "200"}))
    await settled(service, dataset=EDGE["targetDataset"])
    letters = await eventually(lambda: service.get("/v1/dead-letters")["deadLetters"])
    return str(letters[0]["id"])


@pytest.fixture(scope="module")
def letter(service: Service) -> str:
    """The id of a dead letter, in a service that knows an audited call of each class and an edge of a graph."""
    return asyncio.run(seed(service))


@pytest.mark.parametrize("page", [page for page in PAGES if any(block.mark for block in blocks(page))])
def test_what_a_page_says_to_do_works(page: str, service: Service, letter: str, tmp_path: Path) -> None:
    reader = Reader(service, tmp_path, letter)
    marked = [block for block in blocks(page) if block.mark]
    for block in marked:
        if (name := block.asks("file")) is not None:
            (tmp_path / name).write_text(block.text)
    (tmp_path / "event.json").write_bytes(orjson.dumps({**CALL, "statusCode": 403}))
    for block in marked:
        if block.asks("file") is None:
            reader.do(block)
    for call in inline_calls(page):
        reader.shell(call, f"{page}: {call}")
