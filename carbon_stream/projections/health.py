"""Health of services: what was observed in each hour, and deployments and configuration changes beside it.

Rows (times in ms, `namespace` and `service` as the events name them):

- `("health", namespace, service, hour)`: `{"v": 1, "obs": [ms within the hour * 4 + status, …], "counts": [n by
  status], "errors": [[minute, n, sum of errorRate in millionths], …], "latency": sketch}`. Observations stand in order
  of time, then offset.
- `("health-day", namespace, service, day)`: what hours become after HOURS_KEPT_MS: `{"v": 1, "obs", "counts"}`, with ms
  within the day.
- `("current", namespace, service)`: the latest observation of this partition.
- `("deployment", namespace, name, day)` and `("config", namespace, component, day)`: `{"v": 1, "items": […]}`, the
  newest ITEMS_MAX of that day.

An observation counts at its event time, but never later than the broker received it: nobody observes the future, and a
service with a fast clock that goes down must not stay hidden behind its own earlier events. Merging rows of several
partitions is exact: a union of observations, sums of integers. What needs all of one service in order, its alerts, is
folded elsewhere (`alerts`), from what this stage sends on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import orjson

from carbon_stream.contracts import own
from carbon_stream.contracts.names import SERVICE_STATUS
from carbon_stream.contracts.own import Observation, Origin
from carbon_stream.projections import sketch
from carbon_stream.projections.aging import is_due
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Entry, Forward, Key, Row, Rows

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

STATUSES = ("HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN")
"""The code of a status in a row is its index here."""
CODES = {status: code for code, status in enumerate(STATUSES)}

SLOT_MS = 10_000
"""Of each status, the first and the last observation in such a slot are kept: at most 8 a slot, usually 2."""
HOURS_KEPT_MS = 26 * HOUR_MS
"""Hours are folded into days when they ended this long ago: the longest window that is answered is 24 hours."""
DAYS_KEPT_MS = 8 * DAY_MS
CURRENT_KEPT_MS = 30 * DAY_MS
DEPLOYMENTS_KEPT_MS = 90 * DAY_MS
CONFIGS_KEPT_MS = 365 * DAY_MS
ITEMS_MAX = 20
SERVICES_PER_NAMESPACE_MAX = 10_000
"""Services of one namespace on one partition; observations of further ones count for the service OTHER."""
ITEM_ROWS_MAX = 100_000
"""Days of deployments, or of configuration changes, in one namespace on one partition; then all go to OTHER."""
OTHER = "(other)"
DEFAULT_NAMESPACE = "default"
"""Stands for a namespace that an event leaves out."""
MESSAGE_CHARS_MAX = 500
VALUE_CHARS_MAX = 256


def thin(observations: Sequence[int], slot_ms: int) -> list[int]:
    """The first and last observation of each status in each slot; order is kept.

    Thinning parts before they are joined gives what thinning the whole gives, so batches and partitions do not matter.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for index, observation in enumerate(observations):
        slot_status = (observation >> 2) // slot_ms << 2 | observation & 3
        first.setdefault(slot_status, index)
        last[slot_status] = index
    return [observations[index] for index in sorted({*first.values(), *last.values()})]


def joined(known: Sequence[int], new: Iterable[int], slot_ms: int) -> list[int]:
    """Both in order of time, thinned; of the same time, the known ones come first: they have the lower offsets."""
    observations = sorted([*known, *new], key=_observed_at)
    return thin(observations, slot_ms)


def _observed_at(observation: int) -> int:
    return observation >> 2


def observed(entry: Entry) -> int:
    """When the event counts: its own time, or the broker's if that is earlier."""
    return min(entry.at, entry.received)


def fold(rows: Rows, topic: str, entries: Sequence[Entry]) -> None:
    """Add one batch. Security events have no part in a service's health: the stage's ledger alone counts them."""
    if topic == "system-health":
        _fold_observations(rows, entries)
        for observation in _to_alerts(entries):
            rows.forward(Forward(SERVICE_STATUS, *own.write_observation(observation)))
    elif topic == "deployment-events":
        _fold_items(rows, "deployment", [(e.event.deployment_name, e, _deployment(e)) for e in entries])
    elif topic == "config-changes":
        _fold_items(rows, "config", [(e.event.component, e, _config_change(e)) for e in entries])


def _fold_observations(rows: Rows, entries: Sequence[Entry]) -> None:
    by_service: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        name = (entry.event.namespace or DEFAULT_NAMESPACE, entry.event.service_name)
        by_service.setdefault(name, []).append(entry)
    for (namespace, service), seen in by_service.items():
        key = ("current", namespace, service)
        row = rows.get(key)
        if row is None and rows.count("current", namespace) >= SERVICES_PER_NAMESPACE_MAX:
            key = ("current", namespace, OTHER)
            row = rows.get(key)
        rows.put(key, _current(row, seen))
        by_hour: dict[int, list[Entry]] = {}
        for entry in seen:
            if observed(entry) > entry.received - DAYS_KEPT_MS:
                by_hour.setdefault(observed(entry) // HOUR_MS, []).append(entry)
        for hour, observations in by_hour.items():
            hour_key = ("health", namespace, key[2], hour)
            rows.put(hour_key, _hour(rows.get(hour_key), hour, observations))


def _to_alerts(entries: Iterable[Entry]) -> Iterator[Observation]:
    """What the alerts stage needs of a batch: of each service, the first and the last of each run of one status."""
    by_service: dict[tuple[str, str], list[Observation]] = {}
    for entry in entries:
        observation = _observation(entry)
        by_service.setdefault((observation.namespace, observation.service), []).append(observation)
    for seen in by_service.values():
        seen.sort(key=in_order)
        for index, observation in enumerate(seen):
            neighbours = seen[index - 1 : index] + seen[index + 1 : index + 2]
            if len(neighbours) < 2 or any(near.status != observation.status for near in neighbours):
                yield observation


def _observation(entry: Entry) -> Observation:
    event = entry.event
    return Observation(
        namespace=event.namespace or DEFAULT_NAMESPACE,
        service=event.service_name,
        status=event.health_status,
        at=observed(entry),
        origin=(entry.topic, entry.partition, entry.offset),
        message=event.message and event.message[:MESSAGE_CHARS_MAX],
    )


def in_order(observation: Observation) -> tuple[int, Origin]:
    """What orders observations: their time; of the same time, where they stand."""
    return observation.at, observation.origin


def _current(row: Row | None, seen: Sequence[Entry]) -> Row:
    latest = max(seen, key=lambda entry: (observed(entry), entry.offset))
    received = max(entry.received for entry in seen)
    if row is not None:
        received = max(received, row["seen"])
        if (row["at"], row["offset"]) > (observed(latest), latest.offset):
            row["seen"] = received
            return row
    event = latest.event
    return {
        "v": 1,
        "at": observed(latest),
        "offset": latest.offset,
        "seen": received,
        "status": event.health_status,
        "latencyMs": event.latency_ms,
        "errorRate": event.error_rate,
        "message": event.message and event.message[:MESSAGE_CHARS_MAX],
        "source": event.source,
    }


def _hour(row: Row | None, hour: int, entries: Sequence[Entry]) -> Row:
    if row is None:
        row = {"v": 1, "obs": [], "counts": [0, 0, 0, 0], "errors": [], "latency": {}}
    errors = {minute: (n, millionths) for minute, n, millionths in row["errors"]}
    observations: list[int] = []
    for entry in entries:
        within = observed(entry) - hour * HOUR_MS
        code = CODES[entry.event.health_status]
        observations.append(within << 2 | code)
        row["counts"][code] += 1
        n, millionths = errors.get(within // MINUTE_MS, (0, 0))
        errors[within // MINUTE_MS] = (n + 1, millionths + round(entry.event.error_rate * 1_000_000))
    row["obs"] = joined(row["obs"], observations, SLOT_MS)
    row["errors"] = [[minute, n, millionths] for minute, (n, millionths) in sorted(errors.items())]
    sketch.merge_into(row["latency"], sketch.sketch_of(entry.event.latency_ms for entry in entries))
    return row


def _deployment(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "at": observed(entry),
        "offset": entry.offset,
        "name": event.deployment_name,
        "version": event.version,
        "previousVersion": event.previous_version,
        "action": event.action,
        "replicas": event.replicas,
        "deployedBy": event.deployed_by,
    }


def _config_change(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "at": observed(entry),
        "offset": entry.offset,
        "component": event.component,
        "key": event.key,
        "oldValue": _short(event.old_value),
        "newValue": _short(event.new_value),
        "oldValueHash": event.old_value_hash,
        "newValueHash": event.new_value_hash,
        "changedBy": event.changed_by,
        "reason": event.reason and event.reason[:MESSAGE_CHARS_MAX],
    }


def _short(value: Any) -> Any:
    """A value as it is when it is small, else the beginning of it as text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text[:VALUE_CHARS_MAX]


def _fold_items(rows: Rows, kind: str, items: Iterable[tuple[str, Entry, dict[str, Any]]]) -> None:
    by_key: dict[tuple[str, str, str, int], list[dict[str, Any]]] = {}
    for name, entry, item in items:
        key = (kind, entry.event.namespace or DEFAULT_NAMESPACE, name, item["at"] // DAY_MS)
        by_key.setdefault(key, []).append(item)
    for (_, namespace, name, day), new in by_key.items():
        row_key: Key = (kind, namespace, name, day)
        row = rows.get(row_key)
        if row is None and rows.count(kind, namespace) >= ITEM_ROWS_MAX:
            row_key = (kind, namespace, OTHER, day)
            row = rows.get(row_key)
        known = row["items"] if row is not None else []
        rows.put(row_key, {"v": 1, "items": newest_items([*known, *new])})


def newest_items(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest ITEMS_MAX of a day's deployments or configuration changes, newest first."""
    return sorted(items, key=_newest_first)[:ITEMS_MAX]


def _newest_first(item: dict[str, Any]) -> tuple[int, int]:
    return (-item["at"], -item["offset"])


def sweep(rows: Rows, now: int) -> None:
    """Fold hours into days as they age and remove what has expired, by the broker's clock `now`."""
    changed = 0
    keys = rows.keys()
    for key in keys:
        kind, period = key[0], key[-1]
        if kind == "current":
            row = rows.get(key) if is_due(key, now) else None
            expired = row is not None and row["seen"] < now - CURRENT_KEPT_MS
        elif kind in _ENDS and isinstance(period, int):
            length_ms, kept_ms = _ENDS[kind]
            expired = (period + 1) * length_ms < now - kept_ms
        else:
            continue
        if expired:
            changed += _expire(rows, key, now)
            if changed >= SWEEP_ROWS_MAX:
                return


_ENDS: dict[str | int, tuple[int, int]] = {
    "health": (HOUR_MS, HOURS_KEPT_MS),
    "health-day": (DAY_MS, DAYS_KEPT_MS),
    "deployment": (DAY_MS, DEPLOYMENTS_KEPT_MS),
    "config": (DAY_MS, CONFIGS_KEPT_MS),
}
"""Kind of row: the length of its period, and how long it is kept after the period's end."""


def _expire(rows: Rows, key: Key, now: int) -> int:
    """Remove a row, an hour into its day; the number of rows changed."""
    row = rows.get(key)
    if row is None:
        return 0
    rows.delete(key)
    if key[0] != "health":
        return 1
    _, namespace, service, hour = key
    day, hour_of_day = divmod(int(hour), 24)
    if (day + 1) * DAY_MS < now - DAYS_KEPT_MS:
        return 1
    day_key = ("health-day", namespace, service, day)
    day_row = rows.get(day_key) or {"v": 1, "obs": [], "counts": [0, 0, 0, 0]}
    moved = [(hour_of_day * HOUR_MS << 2) + observation for observation in row["obs"]]
    rows.put(day_key, merged_days(day_row, row | {"obs": moved}))
    return 2


def merged_days(one: Row, other: Row) -> Row:
    """The day's row of both rows' observations, whose times are within the day."""
    return {
        "v": 1,
        "obs": joined(one["obs"], other["obs"], HOUR_MS),
        "counts": [known + new for known, new in zip(one["counts"], other["counts"], strict=True)],
    }
