"""One service's health, merged from the rows of all partitions when it is read."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any, TypeVar

import orjson

from carbon_stream.projections import sketch
from carbon_stream.projections.health import DAY_MS, HOUR_MS, MINUTE_MS, STATUSES
from carbon_stream.projections.rows import Row
from carbon_stream.views.compact import compact
from carbon_stream.views.history import History, Part
from carbon_stream.views.timeline import INTERVAL_ASSUMED_MS, INTERVALS_OF_SILENCE, UNKNOWN, availability

WINDOWS_MS = {"5m": 5 * MINUTE_MS, "1h": HOUR_MS, "24h": DAY_MS}
TRANSITIONS_MAX = 100

_AnyPart = TypeVar("_AnyPart", bound="Part")


class HourPart(Part):
    """One partition's row of an hour."""

    __slots__ = ("errors", "latency", "millionths")

    def __init__(self, row: Row) -> None:
        super().__init__(row)
        self.latency = compact(row["latency"])
        self.errors = array("Q", [number for minute in row["errors"] for number in minute])
        """Flat triples: minute of the hour, observations, sum of their error rates in millionths."""
        self.millionths = sum(self.errors[2::3])

    def since(self, minute: int) -> tuple[int, int]:
        """Observations from this minute of the hour on, and the sum of their error rates in millionths."""
        if minute <= 0:
            return self.events, self.millionths
        counts = self.errors
        kept = [index for index in range(0, len(counts), 3) if counts[index] >= minute]
        return sum(counts[index + 1] for index in kept), sum(counts[index + 2] for index in kept)


class Service:
    """What the rows say of one service."""

    def __init__(self) -> None:
        self.hours: dict[int, dict[int, HourPart]] = {}
        self.days: dict[int, dict[int, Part]] = {}
        self.current: dict[int, Row] = {}
        self.history = History(self.hours, self.days)
        self._latency: tuple[int, int, sketch.Sketch] | None = None

    def is_empty(self) -> bool:
        """Nothing is known any more."""
        return not (self.hours or self.days or self.current)

    def put_hour(self, hour: int, partition: int, row: Row | None) -> None:
        """Take the row of an hour; None removes it."""
        self.history.hour_changed(hour)
        if self._latency is not None and hour < self._latency[1]:
            self._latency = None
        _put(self.hours, hour, partition, None if row is None else HourPart(row))

    def put_day(self, day: int, partition: int, row: Row | None) -> None:
        """Take the row of a day; None removes it."""
        self.history.day_changed()
        _put(self.days, day, partition, None if row is None else Part(row))

    def put_current(self, partition: int, row: Row | None) -> None:
        """Take the latest observation of a partition; None removes it."""
        if row is None:
            self.current.pop(partition, None)
        else:
            self.current[partition] = row

    def clear(self, partition: int) -> None:
        """Forget what one partition told."""
        for hour in list(self.hours):
            self.put_hour(hour, partition, None)
        for day in list(self.days):
            self.put_day(day, partition, None)
        self.put_current(partition, None)

    def report(self) -> Row:
        """The latest observation of all partitions."""
        latest = max(self.current.items(), key=lambda item: (item[1]["at"], item[0]))
        return latest[1]

    def last_seen(self) -> int:
        """Time of the latest observation."""
        latest = self.history.latest()
        return max(latest.last if latest else 0, self.report()["at"] if self.current else 0)

    def events(self) -> int:
        """Observations counted in the rows that are still kept."""
        of_hours = sum(part.events for parts in self.hours.values() for part in parts.values())
        return of_hours + sum(part.events for parts in self.days.values() for part in parts.values())

    def error_rate(self, window_ms: int, end: int) -> float | None:
        """The mean over a window, which is extended to a whole minute at its beginning; None without observations."""
        first_minute = (end - window_ms) // MINUTE_MS
        n = millionths = 0
        for hour, parts in self.hours.items():
            within = first_minute - hour * 60
            if within < 60:
                for part in parts.values():
                    in_window = part.since(within)
                    n += in_window[0]
                    millionths += in_window[1]
        return round(millionths / n / 1_000_000, 6) if n else None

    def latency(self, end: int) -> sketch.Sketch:
        """The latencies of the hours that reach into the last 24 hours."""
        newest = max(self.hours, default=0)
        oldest = (end - DAY_MS) // HOUR_MS
        if self._latency is None or self._latency[:2] != (oldest, newest):
            self._latency = (oldest, newest, self._latency_of(range(oldest, newest)))
        return sketch.merge(self._latency[2], self._latency_of(range(max(oldest, newest), newest + 1)))

    def _latency_of(self, hours: range) -> sketch.Sketch:
        found: sketch.Sketch = {}
        for hour in hours:
            for part in self.hours.get(hour, {}).values():
                sketch.merge_into(found, orjson.loads(part.latency))
        return found


def _put(periods: dict[int, dict[int, _AnyPart]], period: int, partition: int, part: _AnyPart | None) -> None:
    if part is not None:
        periods.setdefault(period, {})[partition] = part
    elif period in periods:
        periods[period].pop(partition, None)
        if not periods[period]:
            del periods[period]


def summary(service: Service, as_of: int) -> dict[str, Any]:
    """The answer about one service, without its name. Windows end at `as_of`, or at the last observation if later.

    Times in ms, shares 0 to 1, null where nothing is known. Latencies are those of the last 24 hours, in whole hours.
    """
    end = max(as_of, service.last_seen())
    found = service.history.states(end)
    last = found[-1] if found else None
    windows = WINDOWS_MS.items()
    return {
        "status": STATUSES[last.code] if last else STATUSES[UNKNOWN],
        "since": last.start if last else service.last_seen() + INTERVALS_OF_SILENCE * INTERVAL_ASSUMED_MS,
        "lastSeen": service.last_seen(),
        "availability": {name: availability(found, end - length, end) for name, length in windows},
        "errorRate": {name: service.error_rate(length, end) for name, length in windows},
        "latencyMs": sketch.quantiles(service.latency(end)) or {"p50": None, "p95": None, "p99": None},
        "events": service.events(),
    }


def transitions(service: Service, as_of: int) -> list[dict[str, Any]]:
    """The most recent changes of status, newest first, silence included."""
    found = service.history.states(max(as_of, service.last_seen()))
    pairs = list(pairwise(found))[-TRANSITIONS_MAX:]
    return [
        {"at": now.start, "from": STATUSES[before.code], "to": STATUSES[now.code]} for before, now in reversed(pairs)
    ]


def last_report(service: Service) -> dict[str, Any] | None:
    """What the latest observation said; None if no partition keeps one."""
    if not service.current:
        return None
    return {name: value for name, value in service.report().items() if name not in ("v", "offset", "seen")}
