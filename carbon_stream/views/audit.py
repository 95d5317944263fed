"""The audit trail's counts, merged from the rows of all partitions when they are asked for.

Rows are kept encoded, by dimension, hour, partition and entity: one small piece for the hour, and beside it, for as
long as minutes can be asked for, one for its minutes. So giving up an hour's minutes is letting go of one dict.
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
from carbon_stream.projections.audit_columns import CELL_CLASSES, CELL_RESULTS, CELLS
from carbon_stream.projections.rows import Key, Row
from carbon_stream.projections.sketch import Sketch, merge_into, quantiles
from carbon_stream.views.compact import compact

MINUTES_FOR_MS = 2 * DAY_MS
"""How long counts can be asked for by the minute."""
_MINUTES_KEPT_MS = MINUTES_FOR_MS + 3 * HOUR_MS
"""A little longer than they can be asked for, so that no clock's drift shows."""
OTHER = "other"
"""The group of the entities that were not counted apart; it has `"overflow": true`, as no entity has."""

_STRIDE = len(CELLS)
_SLOT_NUMBERS = {name: number for number, name in enumerate(SLOT_NAMES)}
_CELL_NUMBERS = {name: number % _STRIDE for number, name in enumerate(SLOT_NAMES)}
_SLICE_S = 0.005
_ROWS_BETWEEN_LOOKS = 64
_GROUPS_BETWEEN_LOOKS = 4_096

Entity = str | None
"""None stands for all entities that have no row of their own."""


@dataclass(slots=True)
class _Hour:
    """One hour of one dimension; by partition and entity, encoded."""

    rows: dict[int, dict[Entity, bytes]] = field(default_factory=dict)
    """[last event's ms, counts by cell, sketch]"""
    minutes: dict[int, dict[Entity, bytes]] | None = field(default_factory=dict)
    """{slot: count}; None once no one can ask for minutes of this hour."""


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
        self._hours: dict[str, dict[int, _Hour]] = {dimension: {} for dimension in DIMENSIONS}

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        """Take over a row of `projections.audit`; rows of other kinds are passed over."""
        hours = self._hours.get(str(key[0]))
        if hours is None:
            return
        start = int(key[1])
        entity = intern(str(key[2])) if len(key) > 2 else None
        hour = hours.get(start)
        if row is None:
            if hour is not None:
                _forget(hour, partition, entity)
                if not any(hour.rows.values()):
                    del hours[start]
            return
        if hour is None:
            hour = hours[start] = _Hour()
            _let_go_of_minutes(hours)
        _keep(hour, partition, entity, row)

    def clear(self, partition: int) -> None:
        """Forget one changelog partition."""
        for hours in self._hours.values():
            for hour in hours.values():
                hour.rows.pop(partition, None)
                if hour.minutes is not None:
                    hour.minutes.pop(partition, None)

    def __len__(self) -> int:
        """Rows that are kept."""
        return sum(
            len(rows) for hours in self._hours.values() for hour in hours.values() for rows in hour.rows.values()
        )

    async def summary(self, by: str, start: int, end: int, limit: int) -> dict[str, Any]:
        """`total`, the `limit` largest `groups` of a dimension and how many are `omitted`, for start ≤ time < end.

        `start` and `end` (ms) are whole minutes for as long as minutes can be asked for, else whole hours. Latencies
        are those of all hours that the range touches. Gives way to other tasks about every 5 ms, so rows that arrive
        meanwhile may be counted or not.
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
        hours = self._hours[by]
        touched = sorted(hour for hour in hours if start < hour + HOUR_MS and hour < end)
        for begins in touched:
            hour = hours.get(begins)
            if hour is None:
                continue
            slots = range((start - begins) // MINUTE_MS * _STRIDE, (end - begins) // MINUTE_MS * _STRIDE)
            is_whole = start <= begins and begins + HOUR_MS <= end
            for partition, rows in list(hour.rows.items()):
                minutes = None if is_whole or hour.minutes is None else hour.minutes.get(partition, {})
                for done, (entity, encoded) in enumerate(list(rows.items())):
                    last, counts, sketch = orjson.loads(encoded)
                    if minutes is not None:
                        last, counts = _part(begins, last, orjson.loads(minutes.get(entity, b"{}")), slots)
                    if any(counts):
                        _add(groups, entity, last, counts, sketch)
                    if not done % _ROWS_BETWEEN_LOOKS:
                        yield


def _keep(hour: _Hour, partition: int, entity: Entity, row: Row) -> None:
    counts = [0] * _STRIDE
    for slot, count in row["c"].items():
        counts[_CELL_NUMBERS[slot]] += count
    hour.rows.setdefault(partition, {})[entity] = compact([row["t"], counts, row.get("s")])
    if hour.minutes is not None:
        hour.minutes.setdefault(partition, {})[entity] = compact(row["c"])


def _forget(hour: _Hour, partition: int, entity: Entity) -> None:
    hour.rows.get(partition, {}).pop(entity, None)
    if hour.minutes is not None:
        hour.minutes.get(partition, {}).pop(entity, None)


def _let_go_of_minutes(hours: dict[int, _Hour]) -> None:
    oldest = time.time() * 1000 - _MINUTES_KEPT_MS
    for begins, hour in hours.items():
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
