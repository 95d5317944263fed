"""The audit trail as counts: who did what, where, with what result, by the minute.

Rows (one table for the four audit topics; every source partition has its own, and a reader adds them up):

- ``(dimension, hour, entity)`` → ``{"v": 1, "t": last event's ms, "c": {slot: count}, "s": sketch}`` for each dimension
  of `DIMENSIONS`; `hour` is the ms at which the hour begins. A slot is the minute of the hour and one letter of
  `CELLS`, such as ``"37S"``. ``s`` is there where latencies are (API calls): one `sketch` for the hour.
- ``(dimension, hour)`` → the same for all entities beyond `ENTITIES_MAX`: having no entity in its key, it cannot be
  taken for an entity that is called "other".
- ``(dimension-day, day, entity)`` and ``(dimension-day, day)``: what hours become with age; see `audit_aging`.
- ``("access", dataset)``: see `access`.

All of it adds up or takes a maximum, so that events may be folded in any order and in any batches. Only which entities
are beyond `ENTITIES_MAX` depends on the order.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from carbon_stream.projections import access
from carbon_stream.projections.audit_columns import CELL_RESULTS, CELLS, COLUMNS, bounded
from carbon_stream.projections.rows import Entry, Key, Row, Rows
from carbon_stream.projections.sketch import BUCKET_NAMES, buckets

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

DIMENSIONS = ("user", "service", "action", "resource", "result", "eventType")
ENTITIES_MAX = {"user": 10_000, "service": 100_000, "action": 100_000, "resource": 10_000}
"""Entities that an hour of a partition counts apart. (Services and actions are few; the bound is a safety net.)"""
SLOT_NAMES = tuple(f"{minute}{cell}" for minute in range(60) for cell in CELLS)
"""A slot's number is its minute times the number of cells, plus its cell."""


def fold(rows: Rows, topic: str, entries: Sequence[Entry]) -> None:
    """Count the events of one audit topic. Each row is read and written once for each hour that the batch touches."""
    ordered = sorted(entries, key=itemgetter(1))  # by event time: the last of an entity is its latest
    times = [entry.at for entry in ordered]
    start = 0
    while start < len(ordered):
        hour = times[start] // HOUR_MS * HOUR_MS
        end = bisect_left(times, hour + HOUR_MS, start)
        _fold_hour(rows, topic, hour, [entry.event for entry in ordered[start:end]], times[start:end])
        start = end
    if topic == "audit-data-access":
        access.fold_access(rows, ordered)


def _fold_hour(rows: Rows, topic: str, hour: int, events: Sequence[Any], times: Sequence[int]) -> None:
    """Count the events of one hour; `times` ascend. What is counted by the event is counted in C."""
    columns = COLUMNS[topic](events)
    stride = len(CELLS)
    slots = [(at - hour) // MINUTE_MS * stride + cell for at, cell in zip(times, columns.cells, strict=True)]
    latency_buckets = buckets(columns.latencies)
    for dimension, column in zip(DIMENSIONS, columns[:4], strict=False):
        hour_rows = _HourRows(rows, dimension, hour)
        hour_rows.count(Counter(zip(column, slots, strict=True)).items(), dict(zip(column, times, strict=True)))
        hour_rows.sketch(Counter(zip(column, latency_buckets, strict=False)).items())
        hour_rows.put()
    # Result and type follow from the cells, which are few: counting these first saves two rounds over the events.
    by_slot = Counter(slots).items()
    by_bucket = Counter(zip(columns.cells, latency_buckets, strict=False)).items()
    last_of_cell = dict(zip(columns.cells, times, strict=True)).items()
    for dimension, names in (("result", CELL_RESULTS), ("eventType", [events[0].event_type] * stride)):
        hour_rows = _HourRows(rows, dimension, hour)
        hour_rows.count(
            [((names[slot % stride], slot), count) for slot, count in by_slot],
            {names[cell]: at for cell, at in sorted(last_of_cell, key=itemgetter(1))},
        )
        hour_rows.sketch([((names[cell], bucket), count) for (cell, bucket), count in by_bucket])
        hour_rows.put()


class _HourRows:
    """The rows of one dimension and hour that a batch touches, each taken from the table once."""

    def __init__(self, rows: Rows, dimension: str, hour: int) -> None:
        self._rows, self._dimension, self._hour = rows, dimension, hour
        self._by_entity: dict[str, Row] = {}
        self._by_key: dict[Key, Row] = {}
        self._room: int | None = None

    def count(self, counts: Iterable[tuple[tuple[str, int], int]], last: Mapping[str, int]) -> None:
        """Add counts by (entity, slot); `last` has the time of each entity's last event."""
        cells_of: dict[str, dict[str, int]] = {}
        for entity, at in last.items():
            row = self._take(entity)
            row["t"] = max(row["t"], at)
            cells_of[entity] = row["c"]
        names = SLOT_NAMES
        for (entity, slot), count in counts:
            cells, name = cells_of[entity], names[slot]
            if name in cells:
                cells[name] += count
            else:
                cells[name] = count

    def sketch(self, counts: Collection[tuple[tuple[str, int], int]]) -> None:
        """Add counts of latencies by (entity, bucket), for entities that were counted."""
        if not counts:
            return
        sketches: dict[str, dict[str, int]] = {
            entity: row.setdefault("s", {}) for entity, row in self._by_entity.items()
        }
        names = BUCKET_NAMES
        for (entity, bucket), count in counts:
            sketch, name = sketches[entity], names[bucket]
            if name in sketch:
                sketch[name] += count
            else:
                sketch[name] = count

    def put(self) -> None:
        """Give every row back."""
        for key, row in self._by_key.items():
            self._rows.put(key, row)

    def _take(self, entity: str) -> Row:
        key: Key = (self._dimension, self._hour, bounded(entity))
        row = self._by_key.get(key) or self._rows.get(key)
        if row is None and not self._has_room():
            key = key[:2]
            row = self._by_key.get(key) or self._rows.get(key)
        if row is None:
            row = {"v": 1, "t": 0, "c": {}}
        self._by_key[key] = self._by_entity[entity] = row
        return row

    def _has_room(self) -> bool:
        """Whether one more entity may have a row of its own; takes the place if so."""
        if self._dimension not in ENTITIES_MAX:
            return True
        if self._room is None:
            self._room = ENTITIES_MAX[self._dimension] - self._rows.count(self._dimension, self._hour)
        self._room -= 1
        return self._room >= 0


def merge(one: Row, other: Row) -> Row:
    """The row of both rows' events, for two rows of the same dimension."""
    merged: Row = {"v": 1, "t": max(one["t"], other["t"]), "c": dict(Counter(one["c"]) + Counter(other["c"]))}
    if "s" in one or "s" in other:
        merged["s"] = dict(Counter(one.get("s", {})) + Counter(other.get("s", {})))
    return merged
