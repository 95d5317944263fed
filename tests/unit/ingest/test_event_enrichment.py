"""What is added to an event, and that nothing a producer sent is lost or believed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.enrichment import Consumer, Enrichment, Origin, TraceParent
from carbon_stream.enrichment.services import load_services
from carbon_stream.errors import OperatorError

NOW = 1_700_000_000_000
MakeEvent = Callable[..., dict[str, Any]]


def enriched(data: dict[str, Any], **origin: Any) -> dict[str, Any]:
    request = Origin(received_at=NOW, request_id="r1", **origin)
    Enrichment(request, load_services()).apply(BY_EVENT_TYPE[data["eventType"]], data)
    found: dict[str, Any] = orjson.loads(codec.encode(data))
    return found


@pytest.mark.parametrize("absent", [{}, {"eventId": None, "timestamp": None, "version": None, "correlationId": None}])
def test_what_is_missing_is_filled_in(event: MakeEvent, absent: dict[str, Any]) -> None:
    found = enriched(event(**absent))
    assert UUID(found["eventId"]).version == 4
    assert found["timestamp"] == NOW
    assert found["version"] == "1.0.0"
    assert found["correlationId"] == found["eventId"]


def test_what_is_there_is_kept(event: MakeEvent) -> None:
    sent = event(eventId="e", timestamp=1_600_000_000_000.0, version="2.0.0", correlationId="c", userId=None, more=[1])
    found = enriched(dict(sent))
    assert {name: found[name] for name in sent} == sent


def test_the_version_of_a_deployment_is_never_filled_in(event: MakeEvent) -> None:
    found = enriched({"eventType": "DeploymentEvent", "source": "argo", "version": None})
    assert found["version"] is None


def test_the_context_says_what_is_known(event: MakeEvent) -> None:
    trace = TraceParent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "01")
    found = enriched(
        event(),
        client_address="203.0.113.9",
        user_agent="curl/8",
        consumer=Consumer(username="ana"),
        trace=trace,
    )
    assert found["context"] == {
        "receivedAt": NOW,
        "requestId": "r1",
        "clientAddress": "203.0.113.9",
        "userAgent": "curl/8",
        "consumer": {"username": "ana"},
        "traceId": trace.trace_id,
        "service": {"namespace": "data-platform", "group": "orchestration", "tier": 1, "owner": "data-platform"},
    }
    assert found["correlationId"] == trace.trace_id


def test_an_unknown_source_has_no_service(event: MakeEvent) -> None:
    assert enriched(event(source="somebody"))["context"] == {"receivedAt": NOW, "requestId": "r1"}


@pytest.mark.parametrize("claimed", [{"consumer": {"username": "root"}}, [], "x", 0, False])
def test_a_context_that_a_sender_brings_is_a_claim(event: MakeEvent, claimed: Any) -> None:
    found = enriched(event(context=claimed))
    assert found["context"]["claimed"] == claimed
    assert "consumer" not in found["context"]
    assert found["context"]["requestId"] == "r1"


def test_a_null_context_is_none(event: MakeEvent) -> None:
    assert "claimed" not in enriched(event(context=None))["context"]


def test_the_deepest_claim_still_reads_as_a_record(event: MakeEvent) -> None:
    deepest: Any = 1
    for _ in range(31):
        deepest = [deepest]
    data = codec.parse(orjson.dumps(event(context=deepest)))
    request = Origin(received_at=NOW, request_id="r1")
    Enrichment(request, {}).apply(BY_EVENT_TYPE["DataQualityEvent"], data)
    assert codec.decoder("data-quality")(codec.encode(data)).event_id == data["eventId"]


def test_the_platform_s_workloads_are_known_by_name_and_alias() -> None:
    services = load_services()
    for name in ("trino", "trino-coordinator", "datahub-gms", "superset-worker", "iceberg-rest-catalog", "portal"):
        assert services[name].namespace == "data-platform"
    assert services["kong"].namespace == "kong"
    assert services["grafana"].namespace == services["prometheus"].namespace == "monitoring"


def test_an_operator_s_file_adds_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "services.json"
    entry = {"name": "trino", "namespace": "mine", "group": "g", "tier": 3, "owner": "me"}
    file.write_text(json.dumps([entry, {**entry, "name": "new", "aliases": ["newer", "mlflow"]}]))
    services = load_services(file)
    assert services["trino"].owner == "me"
    assert "trino-worker" not in services, "the entry is replaced as a whole"
    assert services["newer"].name == "new"
    assert services["mlflow"].name == "mlflow", "a name goes before an alias"
    assert services["superset"].namespace == "data-platform"


@pytest.mark.parametrize("text", ["", "{}", '[{"name": "x"}]', '[{"name": 1}]', "\udcff"])
def test_a_broken_file_is_told_to_the_operator(tmp_path: Path, text: str) -> None:
    file = tmp_path / "services.json"
    file.write_text(text, errors="surrogateescape")
    with pytest.raises(OperatorError, match=r"services\.json"):
        load_services(file)
    with pytest.raises(OperatorError, match="absent"):
        load_services(tmp_path / "absent")
