"""When a service becomes an alert, and when it is one no longer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from carbon_stream.contracts import own
from carbon_stream.contracts.codec import Invalid, decoder
from carbon_stream.contracts.names import ALERTS, SERVICE_STATUS
from carbon_stream.contracts.own import Observation
from carbon_stream.projections import alerts, health
from carbon_stream.projections.health import CURRENT_KEPT_MS
from carbon_stream.projections.rows import Entry, MemoryRows

NOW = 1_760_000_000_000
DAY = 86_400_000


def seen(status: own.Status, at: int, service: str = "trino", offset: int = 0) -> Entry:
    observation = Observation("data", service, status, NOW + at, ("system-health", 2, offset), f"{status} at {at}")
    return Entry(observation, NOW + at, SERVICE_STATUS, 0, offset, NOW)


def told(rows: MemoryRows) -> list[dict[str, Any]]:
    assert {forward.topic for forward in rows.forwards} <= {ALERTS}
    return [orjson.loads(forward.value) for forward in rows.forwards]


def folded(*entries: Entry) -> list[tuple[str, int]]:
    """State and time of each alert, the events folded one by one."""
    rows = MemoryRows()
    for entry in entries:
        alerts.fold(rows, SERVICE_STATUS, [entry])
    return [(alert["state"], alert["timestamp"] - NOW) for alert in told(rows)]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["HEALTHY", "HEALTHY"], []),
        (["UNHEALTHY", "UNHEALTHY", "UNHEALTHY"], [("FIRING", 0)]),
        (["HEALTHY", "UNHEALTHY", "HEALTHY"], [("FIRING", 1), ("RESOLVED", 2)]),
        (["UNHEALTHY", "DEGRADED", "UNKNOWN", "UNHEALTHY"], [("FIRING", 0)]),
        (["UNHEALTHY", "DEGRADED", "HEALTHY"], [("FIRING", 0), ("RESOLVED", 2)]),
        (["UNHEALTHY", "HEALTHY", "UNHEALTHY"], [("FIRING", 0), ("RESOLVED", 1), ("FIRING", 2)]),
        (["DEGRADED", "UNKNOWN", "HEALTHY"], []),
    ],
)
def test_unhealthy_fires_once_and_only_healthy_resolves_it(
    statuses: list[own.Status], expected: list[tuple[str, int]]
) -> None:
    assert folded(*[seen(status, at) for at, status in enumerate(statuses)]) == expected


def test_what_is_older_than_what_counted_says_nothing() -> None:
    assert folded(seen("HEALTHY", 10), seen("UNHEALTHY", 5), seen("HEALTHY", 11)) == []
    assert folded(seen("UNHEALTHY", 10, offset=4), seen("HEALTHY", 10, offset=3)) == [("FIRING", 10)]
    assert folded(seen("UNHEALTHY", 10, offset=4), seen("HEALTHY", 10, offset=5)) == [("FIRING", 10), ("RESOLVED", 10)]


def test_an_alert_says_what_a_receiver_needs() -> None:
    rows = MemoryRows()
    alerts.fold(rows, SERVICE_STATUS, [seen("DEGRADED", 0), seen("UNHEALTHY", 7, offset=9), seen("HEALTHY", 20)])
    firing, resolved = told(rows)
    assert firing == {
        "eventId": firing["correlationId"],
        "eventType": "ServiceAlertEvent",
        "timestamp": NOW + 7,
        "source": "carbon-stream",
        "version": "1.0.0",
        "correlationId": own.alert_id("FIRING", seen("UNHEALTHY", 7, offset=9).event),
        "alert": "service-unhealthy",
        "state": "FIRING",
        "namespace": "data",
        "serviceName": "trino",
        "status": "UNHEALTHY",
        "previousStatus": "DEGRADED",
        "since": NOW + 7,
        "message": "UNHEALTHY at 7",
    }
    assert (resolved["correlationId"], resolved["since"]) == (firing["eventId"], NOW + 7)
    assert resolved["eventId"] != firing["eventId"]
    assert {forward.key for forward in rows.forwards} == {b"data/trino"}
    headers = dict(rows.forwards[0].headers)
    assert headers["ce_id"].decode() == firing["eventId"]
    assert headers["ce_time"] == b"2025-10-09T08:53:20.007Z"


def test_services_are_forgotten_when_they_have_been_silent_for_long() -> None:
    rows = MemoryRows()
    alerts.fold(rows, SERVICE_STATUS, [seen("UNHEALTHY", 0)])
    for hour in range(24):
        alerts.sweep(rows, NOW + CURRENT_KEPT_MS - DAY + hour * 3_600_000)
    assert len(rows.rows) == 1
    for hour in range(24):
        alerts.sweep(rows, NOW + CURRENT_KEPT_MS + DAY + hour * 3_600_000)
    assert rows.rows == {}


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"namespace": "a"}', b"\xff", b'{"status": "ILL"}'])
def test_what_is_no_observation_is_refused(value: bytes | None) -> None:
    with pytest.raises(Invalid):
        own.observation_decoder(SERVICE_STATUS)(value)


def health_entry(status: str, at: int, offset: int, service: str = "trino") -> Entry:
    event = {
        "eventType": "ServiceHealthEvent",
        "source": "probe",
        "serviceName": service,
        "namespace": "data",
        "healthStatus": status,
        "latencyMs": 1,
        "errorRate": 0,
    }
    return Entry(decoder("system-health")(orjson.dumps(event)), NOW + at, "system-health", 3, offset, NOW + 10_000)


def test_the_health_stage_sends_on_where_a_run_of_one_status_begins_and_ends() -> None:
    rows = MemoryRows()
    statuses = ["HEALTHY", "HEALTHY", "HEALTHY", "UNHEALTHY", "HEALTHY", "HEALTHY"]
    entries = [health_entry(status, n, n) for n, status in enumerate(statuses)] + [health_entry("DEGRADED", 2, 6, "x")]
    health.fold(rows, "system-health", entries)
    sent = [own.observation_decoder("")(forward.value) for forward in rows.forwards]
    assert [(o.service, o.status, o.at - NOW) for o in sent] == [
        ("trino", "HEALTHY", 0),
        ("trino", "HEALTHY", 2),
        ("trino", "UNHEALTHY", 3),
        ("trino", "HEALTHY", 4),
        ("trino", "HEALTHY", 5),
        ("x", "DEGRADED", 2),
    ]
    assert {o.namespace for o in sent} == {"data"}
    assert sent[2].origin == ("system-health", 3, 3)
    assert [forward.key for forward in rows.forwards[-2:]] == [b"data/trino", b"data/x"]
