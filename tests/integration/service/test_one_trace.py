"""One trace from the gateway's request through ingest, Kafka and the agent to the view, at a real OTLP receiver."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import Any
from urllib.request import Request, urlopen

import orjson
import pytest

from carbon_stream.local.ports import free_ports
from tests.integration.service.conftest import MakeService
from tests.support import brute_force
from tests.support.collector import Collector
from tests.support.service import Service

pytestmark = pytest.mark.timeout(240)

GATEWAY = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def traced(make_service: MakeService, port: int) -> Service:
    made = make_service(
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}",
        OTEL_BSP_SCHEDULE_DELAY="200",
        OTEL_SERVICE_NAME="carbon-stream-under-test",
        CARBON_STREAM_TRACE_RATIO="0",
    )
    made.start()
    made.wait_ready()
    return made


def action(number: int) -> dict[str, Any]:
    return {
        "eventId": f"traced-{number}", "eventType": "AuditUserActionEvent", "source": "portal", "userId": "ann",
        "timestamp": int(time.time() * 1000), "username": "ann", "action": "OPEN", "resource": "/r",
        "resourceType": "page", "result": "SUCCESS", "ipAddress": "10.0.0.1",
    }  # fmt: skip


def post(service: Service, events: Any, traceparent: str | None, path: str = "/v1/events", **headers: str) -> Any:
    sent = {"Content-Type": "application/json", **headers} | ({"traceparent": traceparent} if traceparent else {})
    with urlopen(Request(service.url() + path, orjson.dumps(events), sent), timeout=60) as answer:
        return orjson.loads(answer.read())


async def record_of(service: Service, event_id: str) -> Any:
    records = await brute_force.read(service.kafka.bootstrap_servers, ["audit-user-actions"])
    [record] = [record for record in records if orjson.loads(record.value)["eventId"] == event_id]
    return record


async def test_one_trace_from_the_gateway_to_the_view(traced: Service, port: int) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    collector = Collector(port)
    await collector.open()
    try:
        traceparent = f"00-{trace_id}-{GATEWAY}-01"
        await asyncio.to_thread(post, traced, [action(1), action(2)], traceparent, tracestate="vendor=a,other=b")
        spans = await collector.until("POST /v1/events", "audit process", "audit show", trace_id=trace_id)
        request, unit, shown = spans["POST /v1/events"], spans["audit process"], spans["audit show"]
        assert (request.parent_id, request.kind) == (GATEWAY, 2)
        assert request.attributes["http.response.status_code"] == 202
        assert (unit.parent_id, unit.kind) == (request.span_id, 5)
        assert unit.attributes["messaging.destination.name"] == "audit-user-actions"
        assert unit.attributes["messaging.batch.message_count"] == 2
        assert shown.parent_id == unit.span_id
        assert request.start <= unit.start <= shown.end
        assert {span.service for span in spans.values()} == {"carbon-stream-under-test"}
        record = await record_of(traced, "traced-1")
        headers = dict(record.headers)
        assert headers["traceparent"] == f"00-{trace_id}-{request.span_id}-01".encode()
        assert headers["tracestate"] == b"vendor=a,other=b"
        assert orjson.loads(record.value)["context"]["traceId"] == trace_id
    finally:
        await collector.close()


async def test_many_traces_in_one_unit_are_bounded_and_what_is_not_sampled_is_left_alone(
    traced: Service, port: int
) -> None:
    collector = Collector(port)
    await collector.open()
    try:
        unsampled = f"00-{'a' * 32}-{GATEWAY}-00"
        await asyncio.to_thread(post, traced, [action(10)], unsampled)
        await asyncio.to_thread(post, traced, [action(11)], None)
        sampled = f"00-{'b' * 32}-{GATEWAY}-01"
        await asyncio.to_thread(post, traced, [action(12)], sampled)
        await collector.until("audit show", trace_id="b" * 32)
        assert {span.trace_id for span in collector.spans} == {"b" * 32}
        assert dict((await record_of(traced, "traced-10")).headers)["traceparent"] == unsampled.encode()
        assert "traceparent" not in dict((await record_of(traced, "traced-11")).headers)
    finally:
        await collector.close()


async def test_a_collector_that_is_away_holds_up_nothing(traced: Service) -> None:
    answers = [
        await asyncio.to_thread(post, traced, [action(100 + n)], f"00-{'c' * 31}{n:x}-{GATEWAY}-01") for n in range(10)
    ]
    assert all(answer["accepted"] == 1 for answer in answers)


def test_without_an_exporter_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys, carbon_stream.app, carbon_stream.web.application\n"
        "found = [name for name in sys.modules if name.startswith('opentelemetry')]\n"
        "assert not found, found\n"
    )
    environment = {"PATH": "/usr/bin", "HOME": "/tmp"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
