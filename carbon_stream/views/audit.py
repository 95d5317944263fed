"""The audit trail's counts, merged from the rows of all partitions when they are asked for.

Rows are kept encoded, by dimension, day, hour, partition and entity: one small piece for the hour, and beside it, for
as long as minutes can be asked for, one for its minutes. So giving up an hour's minutes is letting go of one dict. With
age, counts move from the hours of a day to the day itself (`projections.audit_aging`); a day's counts are its own and
those of its hours.

A sweep moves counts within one dimension, day and partition, and the reader hands its rows over in one go. A summary
takes hold of all rows of a dimension, day and partition in one go as well. So whatever moves while it adds up, it has
each count either where it was or where it went.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import islice
from operator import itemgetter
from sys import intern
from typing import Any

import orjson

from carbon_stream.projections.audit import DAY_MS, DIMENSIONS, HOUR_MS, MINUTE_MS, SLOT_NAMES
from carbon_stream.projections.audit_aging import DAY_KINDS, MINUTES_KEPT_MS
from carbon_stream.projections.audit_columns import CELL_CLASSES, CELL_RESULTS, CELLS
from carbon_stream.projections.rows import Key, Row
from carbon_stream.projections.sketch import Sketch, merge_into, quantiles
from carbon_stream.views.compact import compact

_MINUTES_KEPT_MS = MINUTES_KEPT_MS + 3 * HOUR_MS
"""A little longer than they can be asked for, so that no clock's drift shows."""
OTHER = "other"
"""The group of the entities that were not counted apart; it has `"overflow": true`, as no entity has."""

_STRIDE = len(CELLS)
_SLOT_NUMBERS = {name: number for number, name in enumerate(SLOT_NAMES)}
_CELL_NUMBERS = {name: number % _STRIDE for number, name in enumerate((*SLOT_NAMES, *CELLS))}
"""The cell of each slot of an hour's row, and of a day's, which are the cells themselves."""
_DIMENSIONS = {kind: (name, kind == name) for name in DIMENSIONS for kind in (name, DAY_KINDS[name])}
"""By kind of row: its dimension, and whether it is an hour's."""
_SLICE_S = 0.005
_ROWS_BETWEEN_LOOKS = 64
_GROUPS_BETWEEN_LOOKS = 4_096

Entity = str | None
"""None stands for all entities that have no row of their own."""
_Rows = dict[int, dict[Entity, bytes]]
"""Rows by partition and entity, encoded: [last event's ms, counts by cell, sketch]."""


@dataclass(slots=True)
class _Hour:
    """One hour of one dimension."""

    rows: _Rows = field(default_factory=dict)
    minutes: dict[int, dict[Entity, bytes]] | None = field(default_factory=dict)
    """{slot: count}; None once no one can ask for minutes of this hour."""


@dataclass(slots=True)
class _Day:
    """One day of one dimension: its hours by their beginning, and what has been moved out of them."""

    hours: dict[int, _Hour] = field(default_factory=dict)
    moved: _Rows = field(default_factory=dict)

    def is_empty(self) -> bool:
        return not self.hours and not any(self.moved.values())


@dataclass(slots=True)
class _Group:
    """What has been added up for one entity."""

    counts: list[int]
    last_seen: int = 0
    latencies: Sketch = field(default_factory=dict)


class AuditView:
    """Counts by user, service, action, resource, result and event type."""

    table = "audit"

    def __init__(self) -> None:
        self._days: dict[str, dict[int, _Day]] = {dimension: {} for dimension in DIMENSIONS}

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        """Take over a row of `projections.audit`; rows of other kinds are passed over."""
        dimension, is_hour = _DIMENSIONS.get(str(key[0]), ("", False))
        if not dimension:
            return
        days = self._days[dimension]
        start = int(key[1])
        entity = intern(str(key[2])) if len(key) > 2 else None
        day_start = start // DAY_MS * DAY_MS
        day = days.get(day_start)
        if row is None:
            if day is not None:
                _forget(day, start if is_hour else None, partition, entity)
                if day.is_empty():
                    del days[day_start]
            return
        if day is None:
            day = days[day_start] = _Day()
        if not is_hour:
            day.moved.setdefault(partition, {})[entity] = _encoded(row)
            return
        hour = day.hours.get(start)
        if hour is None:
            hour = day.hours[start] = _Hour()
            _let_go_of_minutes(days)
        _keep(hour, partition, entity, row)

    def clear(self, partition: int) -> None:
        """Forget one changelog partition."""
        for days in self._days.values():
            for day in days.values():
                day.moved.pop(partition, None)
                for hour in day.hours.values():
                    hour.rows.pop(partition, None)
                    if hour.minutes is not None:
                        hour.minutes.pop(partition, None)

    def __len__(self) -> int:
        """Rows that are kept."""
        return sum(
            len(rows)
            for days in self._days.values()
            for day in days.values()
            for kept in (day.moved, *(hour.rows for hour in day.hours.values()))
            for rows in kept.values()
        )

    async def summary(self, by: str, start: int, end: int, limit: int) -> dict[str, Any]:
        """`total`, the `limit` largest `groups` of a dimension and how many are `omitted`, for start ≤ time < end.

        `start` and `end` (ms) are whole minutes for as long as minutes can be asked for, whole hours for as long as
        hours can, else whole days. Latencies are those of all hours that the range touches. Gives way to other tasks
        about every 5 ms, so rows that arrive meanwhile may be counted or not.
        """
        groups: dict[Entity, _Group] = {}
        await _paced(self._add_up(groups, by, start, end))
        ranking = _Ranking(limit)
        await _paced(ranking.rank(groups))
        answers: list[dict[str, Any]] = []
        await _paced(_answers(answers, groups, ranking.largest))
        return {"total": ranking.total, "groups": answers, "omitted": len(groups) - len(answers)}

    def _add_up(self, groups: dict[Entity, _Group], by: str, start: int, end: int) -> Iterator[None]:
        """Add the rows of a range to the groups, pausing after some of them."""
        days = self._days[by]
        for day_start in sorted(day for day in days if start < day + DAY_MS and day < end):
            for partition in _partitions(days.get(day_start)):
                day = days.get(day_start)
                if day is None:
                    break
                for begins, rows, minutes in _held(day, day_start, partition, start, end):
                    slots = range((start - begins) // MINUTE_MS * _STRIDE, (end - begins) // MINUTE_MS * _STRIDE)
                    for done, (entity, encoded) in enumerate(rows.items()):
                        last, counts, sketch = orjson.loads(encoded)
                        if minutes is not None:
                            last, counts = _part(begins, last, orjson.loads(minutes.get(entity, b"{}")), slots)
                        if any(counts):
                            _add(groups, entity, last, counts, sketch)
                        if not done % _ROWS_BETWEEN_LOOKS:
                            yield


def _partitions(day: _Day | None) -> list[int]:
    """The partitions that have rows of this day."""
    return [] if day is None else sorted({*day.moved, *(n for hour in day.hours.values() for n in hour.rows)})


def _held(
    day: _Day, day_start: int, partition: int, start: int, end: int
) -> list[tuple[int, dict[Entity, bytes], dict[Entity, bytes] | None]]:
    """One partition's rows of a day as they stand together at this moment, as far as they are in the range.

    Each is the beginning of an hour (or of the day, for what has been moved), its rows, and where only a part of the
    hour is in the range and its minutes are known, those. What has been moved is older than any range by the hour, so
    that it is in the range with its whole day or not at all.
    """
    held: list[tuple[int, dict[Entity, bytes], dict[Entity, bytes] | None]] = []
    if partition in day.moved and start <= day_start and day_start + DAY_MS <= end:
        held.append((day_start, day.moved[partition].copy(), None))
    for begins, hour in day.hours.items():
        if partition in hour.rows and start < begins + HOUR_MS and begins < end:
            is_whole = start <= begins and begins + HOUR_MS <= end
            minutes = None if is_whole or hour.minutes is None else hour.minutes.get(partition, {})
            held.append((begins, hour.rows[partition].copy(), minutes))
    return held


def _encoded(row: Row) -> bytes:
    counts = [0] * _STRIDE
    for slot, count in row["c"].items():
        counts[_CELL_NUMBERS[slot]] += count
    return compact([row["t"], counts, row.get("s")])


def _keep(hour: _Hour, partition: int, entity: Entity, row: Row) -> None:
    hour.rows.setdefault(partition, {})[entity] = _encoded(row)
    if hour.minutes is not None:
        hour.minutes.setdefault(partition, {})[entity] = compact(row["c"])


def _forget(day: _Day, begins: int | None, partition: int, entity: Entity) -> None:
    """Forget a row of an hour, or of the day itself."""
    if begins is None:
        day.moved.get(partition, {}).pop(entity, None)
        return
    hour = day.hours.get(begins)
    if hour is None:
        return
    hour.rows.get(partition, {}).pop(entity, None)
    if hour.minutes is not None:
        hour.minutes.get(partition, {}).pop(entity, None)
    if not any(hour.rows.values()):
        del day.hours[begins]


def _let_go_of_minutes(days: dict[int, _Day]) -> None:
    oldest = time.time() * 1000 - _MINUTES_KEPT_MS
    for day in days.values():
        for begins, hour in day.hours.items():
            if begins + HOUR_MS < oldest:
                hour.minutes = None


def _part(begins: int, last: int, minutes: dict[str, int], slots: range) -> tuple[int, list[int]]:
    """The counts of some minutes of an hour, and the last event among them, to the minute where it is not the row's."""
    counts = [0] * _STRIDE
    last_slot = -1
    for name, count in minutes.items():
        slot = _SLOT_NUMBERS[name]
        if slots.start <= slot < slots.stop:
            counts[slot % _STRIDE] += count
            last_slot = max(last_slot, slot)
    minute_ends = begins + (last_slot // _STRIDE + 1) * MINUTE_MS
    return min(last, minute_ends - 1), counts


def _add(groups: dict[Entity, _Group], entity: Entity, last: int, counts: list[int], sketch: Sketch | None) -> None:
    group = groups.get(entity)
    if group is None:
        groups[entity] = _Group(counts, last, sketch or {})
        return
    group.counts = [one + other for one, other in zip(group.counts, counts, strict=True)]
    group.last_seen = max(group.last_seen, last)
    if sketch:
        merge_into(group.latencies, sketch)


class _Ranking:
    """The largest groups, found some thousand at a time."""

    def __init__(self, limit: int) -> None:
        self.total = 0
        self.largest: list[tuple[int, str, Entity]] = []
        """(minus the count, key, entity), largest group first."""
        self._limit = limit

    def rank(self, groups: dict[Entity, _Group]) -> Iterator[None]:
        """Rank the groups, pausing after some of them."""
        items = iter(groups.items())
        while some := list(islice(items, _GROUPS_BETWEEN_LOOKS)):
            ranked = [(-sum(group.counts), OTHER if entity is None else entity, entity) for entity, group in some]
            self.total -= sum(minus_count for minus_count, _, _ in ranked)
            self.largest = nsmallest(self._limit, self.largest + ranked, key=itemgetter(0, 1))
            yield


def _answers(
    answers: list[dict[str, Any]], groups: dict[Entity, _Group], largest: list[tuple[int, str, Entity]]
) -> Iterator[None]:
    for _, _, entity in largest:
        answers.append(_answer(entity, groups[entity]))
        yield


def _answer(entity: Entity, group: _Group) -> dict[str, Any]:
    results = {"SUCCESS": 0, "FAILURE": 0, "DENIED": 0}
    classes: dict[str, int] = {}
    for result, status_class, count in zip(CELL_RESULTS, CELL_CLASSES, group.counts, strict=True):
        results[result] += count
        if status_class is not None and count:
            classes[status_class] = classes.get(status_class, 0) + count
    answer = {
        "key": OTHER if entity is None else entity,
        "count": sum(group.counts),
        "results": results,
        "statusClasses": classes,
        "latencyMs": quantiles(group.latencies),
        "lastSeen": group.last_seen,
    }
    return answer if entity is not None else {**answer, "overflow": True}


async def _paced(steps: Iterator[None]) -> None:
    """Run steps to their end, giving way to other tasks now and then."""
    pause_at = time.perf_counter() + _SLICE_S
    for _ in steps:
        if time.perf_counter() >= pause_at:
            await asyncio.sleep(0)
            pause_at = time.perf_counter() + _SLICE_S
