"""Status, silence and availability of a service, from its rows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import health
from carbon_stream.projections.rows import Entry, MemoryRows
from carbon_stream.views.health import HealthView, by_namespace
from carbon_stream.views.timeline import add_spans, availability, silence_ms, states

NOW = 1_760_000_000_000
MINUTE = 60_000
HOUR = 60 * MINUTE
NAME = ("data", "trino")


class Table:
    """Folds events into the rows of a few partitions and shows them to a view."""

    def __init__(self) -> None:
        self.view = HealthView()
        self.rows: dict[int, MemoryRows] = {}
        self.offset = 0

    def observe(self, at: int, status: str = "HEALTHY", *, partition: int = 0, service: str = "trino") -> None:
        event = {
            "eventType": "ServiceHealthEvent",
            "serviceName": service,
            "namespace": "data",
            "healthStatus": status,
            "latencyMs": 10,
            "errorRate": 0,
        }
        self.take("system-health", event, at, partition)

    def take(self, topic: str, event: dict[str, Any], at: int, partition: int = 0) -> None:
        rows = self.rows.setdefault(partition, MemoryRows())
        decoded = decoder(topic)(orjson.dumps({**event, "source": "test"}))
        health.fold(rows, topic, [Entry(decoded, at, topic, partition, self.offset, max(at, NOW))])
        self.offset += 1
        for key, row in rows.rows.items():
            self.view.apply(partition, key, orjson.loads(orjson.dumps(row)))

    def sweep(self, now: int) -> None:
        for partition, rows in self.rows.items():
            before = set(rows.rows)
            health.sweep(rows, now)
            for key in before - set(rows.rows):
                self.view.apply(partition, key, None)
            for key, row in rows.rows.items():
                self.view.apply(partition, key, row)

    def summary(self, as_of: int = NOW) -> dict[str, Any]:
        found = self.view.summary(NAME, as_of)
        assert found is not None
        return found

    def detail(self, as_of: int = NOW) -> dict[str, Any]:
        found = self.view.detail(NAME, as_of)
        assert found is not None
        return found


def test_a_service_that_went_down_is_shown_down_at_once() -> None:
    table = Table()
    for ago in range(60, 0, -1):
        table.observe(NOW - ago * 10_000)
    table.observe(NOW, "UNHEALTHY", partition=3)
    found = table.summary(NOW - 2_000)  # the view knows more than it promises
    assert (found["status"], found["since"], found["lastSeen"]) == ("UNHEALTHY", NOW, NOW)


def test_availability_is_weighted_by_time() -> None:
    table = Table()
    for ago in range(60, 0, -1):
        table.observe(NOW - ago * MINUTE, "UNHEALTHY" if ago <= 6 else "DEGRADED")
    found = table.summary()
    assert found["availability"] == {"5m": 0.0, "1h": 0.9, "24h": 0.9}
    assert (found["status"], found["since"]) == ("UNHEALTHY", NOW - 6 * MINUTE)


def test_silence_makes_a_service_unknown_and_says_since_when() -> None:
    table = Table()
    for n in range(10):
        table.observe(NOW + n * 20_000)
    last = NOW + 180_000
    assert table.summary(last + MINUTE)["status"] == "HEALTHY"
    found = table.summary(last + 10 * MINUTE)
    assert (found["status"], found["since"], found["lastSeen"]) == ("UNKNOWN", last + MINUTE, last)
    assert found["availability"]["5m"] is None
    assert found["availability"]["1h"] == 1.0
    assert table.detail(last + 10 * MINUTE)["transitions"] == [
        {"at": last + MINUTE, "from": "HEALTHY", "to": "UNKNOWN"}
    ]


def test_transitions_are_newest_first_and_silence_ends_with_the_next_report() -> None:
    table = Table()
    for at, status in ((0, "HEALTHY"), (30, "DEGRADED"), (60, "DEGRADED"), (90, "UNHEALTHY"), (600, "HEALTHY")):
        table.observe(NOW + at * 1_000, status)
    changes = [
        ((each["at"] - NOW) // 1_000, each["from"], each["to"]) for each in table.detail(NOW + 600_000)["transitions"]
    ]
    assert changes == [
        (600, "UNKNOWN", "HEALTHY"),
        (180, "UNHEALTHY", "UNKNOWN"),
        (90, "DEGRADED", "UNHEALTHY"),
        (30, "HEALTHY", "DEGRADED"),
    ]


def test_since_reaches_back_over_days() -> None:
    table = Table()
    begins = NOW // HOUR * HOUR - 70 * HOUR
    for minutes in range(0, 70 * 60, 5):
        table.observe(begins + minutes * MINUTE)
    end = begins + 70 * HOUR
    before = table.summary(end)
    table.sweep(end)
    kinds = {key[0] for rows in table.rows.values() for key in rows.rows}
    assert "health-day" in kinds
    after = table.summary(end)
    assert before == after
    assert after["since"] == begins
    assert table.detail(end)["transitions"] == []


def test_many_partitions_are_thinned_as_one_would_be() -> None:
    """Unhealthy in the middle of ten seconds, and of the healthy reports around it only the outermost count."""
    one, other = Table(), Table()
    begins = NOW // HOUR * HOUR
    for n, status in enumerate(["HEALTHY", "UNHEALTHY", "HEALTHY", "HEALTHY", "HEALTHY"]):
        one.observe(begins + n * 1_000, status)
        other.observe(begins + n * 1_000, status, partition=n % 3)
    assert one.summary(begins + 20_000)["availability"] == other.summary(begins + 20_000)["availability"]


def test_a_service_whose_rows_have_gone_is_unknown_since_it_was_last_seen() -> None:
    table = Table()
    table.observe(NOW)
    table.sweep(NOW + 10 * 24 * HOUR)
    found = table.summary(NOW + 10 * 24 * HOUR)
    assert (found["status"], found["lastSeen"], found["events"]) == ("UNKNOWN", NOW, 0)
    assert found["latencyMs"] == {"p50": None, "p95": None, "p99": None}
    assert NOW < found["since"] <= NOW + HOUR


def test_a_late_observation_corrects_the_past_hour() -> None:
    table = Table()
    for ago in range(180, 0, -1):
        table.observe(NOW - ago * MINUTE)
    assert table.summary()["availability"]["24h"] == 1.0
    table.observe(NOW - 120 * MINUTE + 30_000, "UNHEALTHY")
    assert table.summary()["availability"]["24h"] == round(1 - 30_000 / (180 * MINUTE), 6)


def test_deployments_and_configuration_are_shown_beside_the_service() -> None:
    table = Table()
    table.observe(NOW)
    deployment = {
        "eventType": "DeploymentEvent",
        "deploymentName": "trino",
        "namespace": "data",
        "action": "DEPLOY",
        "replicas": 2,
        "deployedBy": "ana",
    }
    for n, at in enumerate((NOW - 25 * HOUR, NOW - HOUR, NOW - 2 * HOUR)):
        table.take("deployment-events", {**deployment, "version": f"v{n}"}, at, partition=n)
    change = {"eventType": "ConfigChangeEvent", "component": "trino", "namespace": "data", "key": "memory"}
    table.take("config-changes", {**change, "newValue": "8G"}, NOW - 5, partition=4)
    found = table.detail()
    assert found["lastDeployment"] == {
        "name": "trino",
        "version": "v1",
        "previousVersion": None,
        "action": "DEPLOY",
        "replicas": 2,
        "at": NOW - HOUR,
        "deployedBy": "ana",
    }
    assert [each["version"] for each in found["deployments"]] == ["v1", "v2", "v0"]
    assert [each["newValue"] for each in found["configChanges"]] == ["8G"]
    table.view.clear(1)
    assert table.detail()["lastDeployment"]["version"] == "v2"


def test_clearing_a_partition_forgets_what_only_it_told() -> None:
    table = Table()
    table.observe(NOW, partition=0)
    table.observe(NOW, partition=1, service="other")
    table.view.clear(0)
    assert table.view.services() == [("data", "other")]


def test_namespaces_show_their_worst_status() -> None:
    statuses = [(("a", "x"), "HEALTHY"), (("a", "y"), "UNKNOWN"), (("b", "x"), "DEGRADED"), (("b", "y"), "UNHEALTHY")]
    assert [(each["namespace"], each["status"], each["services"]) for each in by_namespace(statuses)] == [
        ("a", "UNKNOWN", 2),
        ("b", "UNHEALTHY", 2),
    ]
    assert by_namespace(statuses)[0]["counts"] == {"HEALTHY": 1, "DEGRADED": 0, "UNHEALTHY": 0, "UNKNOWN": 1}


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], 180_000),
        ([NOW], 180_000),
        ([NOW, NOW + 1_000], 30_000),
        ([NOW, NOW + 60_000], 180_000),
        ([NOW, NOW + 59_990, NOW + 120_010, NOW + 500_000], 180_000),
    ],
)
def test_silence_is_three_usual_intervals(times: list[int], expected: int) -> None:
    assert silence_ms(times) == expected


def test_states_of_nothing() -> None:
    spans: list[Any] = []
    add_spans(spans, [], 1_000)
    assert states(spans, NOW) == []
    assert availability([], 0, NOW) is None
