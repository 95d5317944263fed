"""The list of metrics is whole, well named, bounded, and adds up over processes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY as GLOBAL
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from carbon_stream.observability import metrics
from carbon_stream.observability.exposition import exposition
from carbon_stream.observability.instruments import OTHER, REGISTRY, Bounded
from carbon_stream.observability.page import metrics_page
from carbon_stream.observability.service_health import ServiceHealth
from carbon_stream.observability.streaming import StreamingMetrics
from tests.support.prometheus import tool


class Tally:
    applied, duplicate, dead, late, skewed = 7, 2, 1, 3, 1


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_every_registered_metric_is_on_the_list() -> None:
    registered = {family.name: family.type for family in REGISTRY.collect()}
    listed = {metric.name.removesuffix("_total"): metric.kind for metric in metrics.METRICS}
    assert listed == registered
    assert all(name.startswith("carbon_stream_") for name in registered)


def test_nothing_of_ours_lands_in_the_global_registry() -> None:
    assert not [family.name for family in GLOBAL.collect() if family.name.startswith("carbon_stream")]


def test_each_metric_says_what_it_means_and_names_its_unit() -> None:
    for metric in metrics.METRICS:
        assert metric.meaning.endswith("."), metric.name
        assert all(metric.labels.values()), metric.name
        stem = metric.name.removesuffix("_total")
        assert not metric.unit or metric.kind == "counter" or metric.unit in stem, metric.name


def test_promtool_agrees() -> None:
    fill()
    result = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=exposition(), capture_output=True, check=False
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, b"")


def fill() -> None:
    """A series of every metric, so that each is judged."""
    for collector in list(REGISTRY._names_to_collectors.values()):
        if isinstance(collector, MetricWrapperBase) and collector._labelnames:
            collector.labels(*("x" for _ in collector._labelnames))


def test_a_batch_is_counted_by_topic_type_and_result() -> None:
    observer = StreamingMetrics({"audit-api-calls": "AuditAPICallEvent"})
    labels = {"topic": "audit-api-calls", "type": "AuditAPICallEvent", "path": "kafka"}
    before = {r: value("carbon_stream_events_total", **labels, result=r) for r in ("applied", "duplicate", "dead")}
    late = value("carbon_stream_late_events_total", topic="audit-api-calls")
    observer.on_batch("audit", 3, "audit-api-calls", Tally(), 0.02)
    after = {r: value("carbon_stream_events_total", **labels, result=r) for r in before}
    assert {r: after[r] - before[r] for r in before} == {"applied": 7, "duplicate": 2, "dead": 1}
    assert value("carbon_stream_late_events_total", topic="audit-api-calls") == late + 3
    assert value("carbon_stream_duplicate_events_total", topic="audit-api-calls", path="kafka") >= 2


def test_sources_are_counted_on_the_topics_and_not_between_stages() -> None:
    observer = StreamingMetrics({"audit-api-calls": "AuditAPICallEvent"})
    for topic in ("audit-api-calls", "carbon-stream.service-status"):
        observer.on_senders(topic, {"loader-of-a-test": 3}, {"loader-of-a-test": 1_764_000_000_500})
    assert value("carbon_stream_source_events_total", source="loader-of-a-test") == 3
    assert value("carbon_stream_source_last_event_timestamp_seconds", source="loader-of-a-test") == 1_764_000_000.5


def test_a_restore_tells_what_it_read_and_what_is_left() -> None:
    observer = StreamingMetrics({})
    read = value("carbon_stream_restored_records_total", table="lineage")
    rebuilt = value("carbon_stream_table_rebuilds_total", table="lineage")
    observer.on_rebuild("lineage", 3, "it is stale")
    observer.on_restore("lineage", 1_000, 700)
    observer.on_restore("lineage", 500, 200)
    assert value("carbon_stream_restored_records_total", table="lineage") == read + 1_500
    assert value("carbon_stream_restore_left_records", table="lineage") == 200
    assert value("carbon_stream_table_rebuilds_total", table="lineage") == rebuilt + 1


def test_a_reason_with_an_address_in_it_makes_one_series() -> None:
    observer = StreamingMetrics({})
    for number in range(50):
        observer.on_gave_up("audit", number, f"ProducerFenced: epoch {number} of 0x{number:x}")
    stages = {s.labels["reason"] for f in REGISTRY.collect() for s in f.samples if "given_up" in s.name}
    assert {reason for reason in stages if "Fenced" in reason} == {"ProducerFenced"}


def test_a_label_has_at_most_so_many_values() -> None:
    bounded = Bounded(3)
    assert [bounded(v) for v in "abcdab"] == ["a", "b", "c", OTHER, "a", "b"]


def test_sick_services_are_shown_before_healthy_ones_and_the_rest_is_counted() -> None:
    shown = ServiceHealth(limit=2)
    states = {("ns", f"s{n}"): "HEALTHY" for n in range(5)} | {("ns", "sick"): "UNHEALTHY"}
    shown.show(states)
    assert value("carbon_stream_service_health_status", namespace="ns", service="sick", status="UNHEALTHY") == 1
    assert value("carbon_stream_omitted_services") == 4
    series = [s for f in REGISTRY.collect() for s in f.samples if s.name == "carbon_stream_service_health_status"]
    assert len([s for s in series if s.labels["namespace"] == "ns"]) == 2 * 4
    shown.show({("ns", "sick"): "HEALTHY"})
    assert value("carbon_stream_service_health_status", namespace="ns", service="sick", status="UNHEALTHY") == 0
    assert value("carbon_stream_service_health_status", namespace="ns", service="sick", status="HEALTHY") == 1
    shown.show({})


CHILD = """
import os, sys
from carbon_stream.observability import counting, metrics
counting.count_events("http", "accepted", "system-health", "ServiceHealthEvent", int(sys.argv[1]))
metrics.INFLIGHT.set(int(sys.argv[1]))
metrics.KAFKA_READY.set(1)
print("ready", flush=True)
sys.stdin.read()
"""
PARENT = """
import subprocess, sys
from pathlib import Path
from carbon_stream.observability.exposition import exposition, share
share(Path(sys.argv[1]))
children = [subprocess.Popen([sys.executable, "-c", sys.argv[2], str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for n in (10, 200)]
for child in children:
    child.stdout.readline()
print(exposition().decode(), "=" * 8, sep="", flush=True)
children[1].kill()
children[1].wait()
print(exposition().decode())
children[0].communicate()
"""


def test_processes_behind_one_port_answer_together_and_a_killed_one_is_forgotten(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    directory.mkdir()
    (directory / "counter_999999.db").write_bytes(b"left over from an earlier run")
    answer = subprocess.run(
        [sys.executable, "-c", PARENT, str(directory), CHILD], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    both, one = (read(part) for part in answer.split("=" * 8))
    labels = (("path", "http"), ("result", "accepted"), ("topic", "system-health"), ("type", "ServiceHealthEvent"))
    assert both["carbon_stream_events_total", labels] == 210
    assert both["carbon_stream_ingest_inflight_bytes", ()] == 210
    assert both["carbon_stream_kafka_ready", ()] == 1
    assert one["carbon_stream_events_total", labels] == 210, "what a dead process counted stays counted"
    assert one["carbon_stream_ingest_inflight_bytes", ()] == 10, "what a dead process held is gone"


def read(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_the_text_format_has_one_header_for_each_metric() -> None:
    fill()
    text = exposition().decode()
    for metric in metrics.METRICS:
        headers = re.findall(rf"^# TYPE {metric.name} {metric.kind}$", text, re.MULTILINE)
        assert len(headers) == 1, metric.name


def test_the_page_about_metrics_is_as_the_list_says(request: pytest.FixtureRequest) -> None:
    committed = (request.config.rootpath / "docs" / "metrics.md").read_text(encoding="utf-8")
    assert committed == metrics_page(), "python -m carbon_stream.observability.page > docs/metrics.md"
