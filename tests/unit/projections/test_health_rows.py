"""What the rows of health keep, and for how long."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import health
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Entry, MemoryRows

NOW = 1_760_000_000_000
HOUR = 3_600_000
DAY = 24 * HOUR

OBSERVATION = {
    "eventType": "ServiceHealthEvent",
    "source": "probe",
    "serviceName": "trino",
    "namespace": "data",
    "healthStatus": "HEALTHY",
    "latencyMs": 12,
    "errorRate": 0.25,
}
DEPLOYMENT = {
    "eventType": "DeploymentEvent",
    "source": "argo",
    "deploymentName": "trino",
    "namespace": "data",
    "action": "DEPLOY",
    "version": "455",
    "previousVersion": "454",
    "replicas": 3,
    "deployedBy": "ana",
}
CHANGE = {"eventType": "ConfigChangeEvent", "source": "git", "component": "trino", "key": "memory"}


def entry(topic: str, event: dict[str, Any], at: int = NOW, offset: int = 0, received: int = NOW) -> Entry:
    return Entry(decoder(topic)(orjson.dumps(event)), at, topic, 0, offset, received)


def fold(rows: MemoryRows, topic: str, *entries: Entry) -> None:
    health.fold(rows, topic, entries)


def test_an_hour_holds_observations_counts_errors_and_latencies() -> None:
    rows = MemoryRows()
    begins = NOW // HOUR * HOUR
    fold(
        rows,
        "system-health",
        entry("system-health", OBSERVATION, begins + 61_000, 0),
        entry("system-health", OBSERVATION | {"healthStatus": "UNHEALTHY", "errorRate": 1}, begins + 5_000, 1),
    )
    row = rows.rows["health", "data", "trino", begins // HOUR]
    assert row["obs"] == [5_000 * 4 + 2, 61_000 * 4]
    assert row["counts"] == [1, 0, 1, 0]
    assert row["errors"] == [[0, 1, 1_000_000], [1, 1, 250_000]]
    assert sum(row["latency"].values()) == 2
    assert rows.rows["current", "data", "trino"]["status"] == "HEALTHY"


def test_nobody_observes_the_future() -> None:
    """A fast clock's healthy report must not hide that the service went down right after it."""
    rows = MemoryRows()
    fold(rows, "system-health", entry("system-health", OBSERVATION, NOW + 240_000, 0, NOW))
    down = OBSERVATION | {"healthStatus": "UNHEALTHY"}
    fold(rows, "system-health", entry("system-health", down, NOW + 1_000, 1, NOW + 1_500))
    current = rows.rows["current", "data", "trino"]
    assert (current["status"], current["at"]) == ("UNHEALTHY", NOW + 1_000)


def test_a_late_observation_counts_in_its_hour_and_is_not_the_current_one() -> None:
    rows = MemoryRows()
    fold(rows, "system-health", entry("system-health", OBSERVATION, NOW, 0))
    fold(rows, "system-health", entry("system-health", OBSERVATION | {"healthStatus": "DEGRADED"}, NOW - 5 * HOUR, 1))
    assert rows.rows["current", "data", "trino"]["status"] == "HEALTHY"
    assert rows.rows["health", "data", "trino", NOW // HOUR - 5]["counts"] == [0, 1, 0, 0]


def test_what_is_older_than_any_row_kept_is_only_the_current_state() -> None:
    rows = MemoryRows()
    fold(rows, "system-health", entry("system-health", OBSERVATION, NOW - health.DAYS_KEPT_MS - 1, 0))
    assert [key[0] for key in rows.rows] == ["current"]


def test_a_flapping_service_has_a_bounded_row() -> None:
    rows = MemoryRows()
    begins = NOW // HOUR * HOUR - HOUR
    flaps = [
        entry("system-health", OBSERVATION | {"healthStatus": health.STATUSES[n % 4]}, begins + n * 250, n)
        for n in range(14_400)
    ]
    for start in range(0, len(flaps), 1_000):
        fold(rows, "system-health", *flaps[start : start + 1_000])
    row = rows.rows["health", "data", "trino", begins // HOUR]
    assert len(row["obs"]) == HOUR // health.SLOT_MS * 8
    assert sum(row["counts"]) == 14_400


def test_services_beyond_the_bound_share_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SERVICES_PER_NAMESPACE_MAX", 2)
    rows = MemoryRows()
    many = [entry("system-health", OBSERVATION | {"serviceName": f"s{n}"}, NOW, n) for n in range(5)]
    fold(rows, "system-health", *many)
    assert {key[2] for key in rows.rows} == {"s0", "s1", health.OTHER}
    assert rows.rows["health", "data", health.OTHER, NOW // HOUR]["counts"][0] == 3


def test_deployments_keep_the_newest_of_a_day() -> None:
    rows = MemoryRows()
    fold(
        rows,
        "deployment-events",
        *[
            entry("deployment-events", DEPLOYMENT | {"version": str(n)}, NOW - 30_000 + n, n)
            for n in range(health.ITEMS_MAX + 5)
        ],
    )
    items = rows.rows["deployment", "data", "trino", NOW // DAY]["items"]
    assert [item["version"] for item in items] == [str(n) for n in range(health.ITEMS_MAX + 4, 4, -1)]
    assert items[0]["deployedBy"] == "ana"


def test_configuration_without_a_namespace_and_with_any_value() -> None:
    rows = MemoryRows()
    values = [None, True, 7, "x" * 1_000, {"deep": ["value"]}]
    for offset, value in enumerate(values):
        fold(
            rows, "config-changes", entry("config-changes", CHANGE | {"newValue": value}, NOW + offset, offset, 2 * NOW)
        )
    items = rows.rows["config", health.DEFAULT_NAMESPACE, "trino", NOW // DAY]["items"]
    shown = [None, True, 7, "x" * health.VALUE_CHARS_MAX, '{"deep":["value"]}']
    assert [item["newValue"] for item in reversed(items)] == shown


def test_security_events_leave_no_row() -> None:
    rows = MemoryRows()
    event = {"eventType": "SecurityEvent", "source": "gate", "category": "network", "severity": "LOW"}
    fold(rows, "security-events", entry("security-events", event))
    assert not rows.rows


def test_sweep_folds_hours_into_days_and_expires_by_the_brokers_clock() -> None:
    rows = MemoryRows()
    for ago in (0, 27, 28, 24 * 7):
        fold(rows, "system-health", entry("system-health", OBSERVATION, NOW - ago * HOUR, ago))
    fold(rows, "deployment-events", entry("deployment-events", DEPLOYMENT, NOW - 92 * DAY))
    fold(rows, "config-changes", entry("config-changes", CHANGE, NOW - 367 * DAY))
    health.sweep(rows, NOW)
    assert sorted(key[0] for key in rows.rows) == ["current", "health", "health-day", "health-day"]
    days = {key[3]: row["counts"][0] for key, row in rows.rows.items() if key[0] == "health-day"}
    assert sorted(days.values()) == [1, 2]
    for hour in range(24):  # each row of a service's current state has its hour of the day
        health.sweep(rows, NOW + 31 * DAY + hour * HOUR)
    assert not rows.rows


def test_a_sweep_changes_a_bounded_number_of_rows() -> None:
    rows = MemoryRows()
    for n in range(SWEEP_ROWS_MAX + 50):
        rows.put(("deployment", "data", f"s{n}", 1), {"v": 1, "items": []})
    health.sweep(rows, NOW)
    assert len(rows.rows) == 50
