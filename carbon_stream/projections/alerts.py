"""Services that become unhealthy, and healthy again.

Observations come from the health stage over a topic of our own, keyed by service: whatever keys producers use, all of
one service pass here, in one partition. An observation that is older than the last one that counted says nothing
about now, and is passed over.

Row: `("status", namespace, service)`: `{"v": 1, "at": ms, "origin": [topic, partition, offset], "status", "seen": ms by
the broker's clock, "alert": {"id", "since"} or null}`.
"""

from __future__ import annotations

from collections.abc import Sequence

from carbon_stream.contracts import own
from carbon_stream.contracts.names import ALERTS
from carbon_stream.contracts.own import Alert, Observation
from carbon_stream.projections.aging import is_due
from carbon_stream.projections.health import CURRENT_KEPT_MS, SERVICES_PER_NAMESPACE_MAX, in_order
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Entry, Forward, Row, Rows


def fold(rows: Rows, _: str, entries: Sequence[Entry]) -> None:
    """Take observations in the order in which they arrived."""
    for entry in entries:
        observation: Observation = entry.event
        key = ("status", observation.namespace, observation.service)
        row = rows.get(key)
        if row is None and rows.count("status", observation.namespace) >= SERVICES_PER_NAMESPACE_MAX:
            continue
        if row is not None and in_order(observation) <= (row["at"], tuple(row["origin"])):
            continue
        rows.put(key, _after(rows, row, observation, entry.received))


def _after(rows: Rows, row: Row | None, observation: Observation, received: int) -> Row:
    opened = row["alert"] if row is not None else None
    previous = row["status"] if row is not None else None
    if observation.status == "UNHEALTHY" and opened is None:
        opened = {"id": own.alert_id("FIRING", observation), "since": observation.at}
        rows.forward(_alert("FIRING", opened, previous, observation))
    elif observation.status == "HEALTHY" and opened is not None:
        rows.forward(_alert("RESOLVED", opened, previous, observation))
        opened = None
    return {
        "v": 1,
        "at": observation.at,
        "origin": list(observation.origin),
        "status": observation.status,
        "seen": received,
        "alert": opened,
    }


def _alert(state: own.State, opened: Row, previous: own.Status | None, observation: Observation) -> Forward:
    alert = Alert(
        event_id=opened["id"] if state == "FIRING" else own.alert_id(state, observation),
        event_type=own.ALERT_TYPE,
        timestamp=observation.at,
        source=own.SOURCE,
        version=own.VERSION,
        correlation_id=opened["id"],
        alert="service-unhealthy",
        state=state,
        namespace=observation.namespace,
        service_name=observation.service,
        status=observation.status,
        previous_status=previous,
        since=opened["since"],
        message=observation.message,
    )
    return Forward(ALERTS, *own.write_alert(alert))


def sweep(rows: Rows, now: int) -> None:
    """Forget services that have been silent for long, by the broker's clock."""
    changed = 0
    for key in rows.keys():  # noqa: SIM118 — rows are no mapping
        if key[0] != "status" or not is_due(key, now):
            continue
        row = rows.get(key)
        if row is not None and row["seen"] < now - CURRENT_KEPT_MS:
            rows.delete(key)
            changed += 1
            if changed >= SWEEP_ROWS_MAX:
                return
