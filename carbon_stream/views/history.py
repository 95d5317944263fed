"""The states of one service over time, from its rows of hours and days; what is costly is kept between reads."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from carbon_stream.projections.health import DAY_MS, HOUR_MS, SLOT_MS, thin
from carbon_stream.projections.rows import Row
from carbon_stream.views.timeline import (
    INTERVALS_CONSIDERED,
    UNKNOWN,
    Span,
    State,
    add_spans,
    join_spans,
    silence_ms,
    states,
)

Observations = Sequence[int]
"""Ascending in time: ms within the period * 4 + status."""

_NO_HOUR = 2**62
"""After every hour that a row can have."""


class Part:
    """One partition's row of a day or an hour, held compactly."""

    __slots__ = ("events", "observations")

    def __init__(self, row: Row) -> None:
        self.observations = array("I", row["obs"])
        self.events: int = sum(row["counts"])


def merged(parts: Mapping[int, Part], slot_ms: int) -> Observations:
    """The observations of all partitions in order of time, then partition; thinned as if they had been one."""
    if len(parts) == 1:
        return next(iter(parts.values())).observations
    everything = [observation for _, part in sorted(parts.items()) for observation in part.observations]
    return thin(sorted(everything, key=lambda observation: observation >> 2), slot_ms)


class _Past(NamedTuple):
    """Spans of all hours before `hour`, for a silence of `hold_ms`."""

    hour: int
    hold_ms: int
    spans: list[Span]


class History:
    """Reads the rows that a service keeps, and is told when one changes.

    Rows of past hours rest, so their spans are kept; the newest hour is read again whenever it has changed.
    """

    def __init__(self, hours: Mapping[int, Mapping[int, Part]], days: Mapping[int, Mapping[int, Part]]) -> None:
        self._hours = hours
        self._days = days
        self._silence: int | None = None
        self._spans: list[Span] | None = None
        self._past: _Past | None = None
        self._by_hour: dict[int, tuple[int, list[Span]]] = {}

    def hour_changed(self, hour: int) -> None:
        """The row of an hour came, changed or went."""
        self._silence = self._spans = None
        self._by_hour.pop(hour, None)
        if self._past is not None and hour < self._past.hour:
            self._past = None

    def day_changed(self) -> None:
        """The row of a day came, changed or went."""
        self._past = self._spans = None

    def silence_ms(self) -> int:
        """How long the service may be silent before it is UNKNOWN."""
        if self._silence is None:
            self._silence = silence_ms(self._recent_times())
        return self._silence

    def latest(self) -> Span | None:
        """The latest observation alone."""
        found: list[tuple[int, int, int]] = []
        if self._hours:
            hour = max(self._hours)
            observation = merged(self._hours[hour], SLOT_MS)[-1]
            found.append((hour * HOUR_MS + (observation >> 2), observation & 3, self.silence_ms()))
        if self._days:
            day = max(self._days)
            observation = merged(self._days[day], HOUR_MS)[-1]
            hold_ms = max(self.silence_ms(), HOUR_MS)
            found.append((day * DAY_MS + (observation >> 2), observation & 3, hold_ms))
        if not found:
            return None
        at, code, hold_ms = max(found, key=_observed_at)
        return Span(at, at, at + hold_ms, code)

    def status(self, end: int) -> int:
        """What was observed last, unless that is too long before `end`. Cheaper than all states."""
        latest = self.latest()
        return UNKNOWN if latest is None or end > latest.until else latest.code

    def states(self, end: int) -> list[State]:
        """All states that the rows know of, the last one reaching to `end`."""
        if self._spans is None:
            self._spans = self._build(self.silence_ms())
        return states(self._spans, end)

    def _build(self, hold_ms: int) -> list[Span]:
        newest = max(self._hours, default=0)
        past = self._past
        if past is None or past.hold_ms != hold_ms or past.hour > newest:
            past = _Past(0, hold_ms, [])
        self._extend(past.spans, past.hour, newest, hold_ms)
        self._past = past._replace(hour=newest)
        spans = list(past.spans)
        self._extend(spans, newest, _NO_HOUR, hold_ms)
        return spans

    def _recent_times(self) -> list[int]:
        """The latest times of observations, ascending, each once."""
        times: list[int] = []
        for hour in sorted(self._hours, reverse=True):
            begins = hour * HOUR_MS
            for observation in reversed(merged(self._hours[hour], SLOT_MS)):
                at = begins + (observation >> 2)
                if not times or at != times[-1]:
                    times.append(at)
                    if len(times) > INTERVALS_CONSIDERED:
                        return times[::-1]
        return times[::-1]

    def _extend(self, spans: list[Span], first: int, stop: int, hold_ms: int) -> None:
        """Append what was observed in the hours from `first` until before `stop`."""
        coarse = self._coarse(first, stop)
        for hour in sorted({*coarse, *(hour for hour in self._hours if first <= hour < stop)}):
            if hour in coarse:
                seen = sorted([*coarse[hour], *self._fine(hour)], key=_observed_at)
                add_spans(spans, seen, max(hold_ms, HOUR_MS))
            elif stop == _NO_HOUR:
                add_spans(spans, self._fine(hour), hold_ms)
            else:
                join_spans(spans, self._spans_of(hour, hold_ms))

    def _spans_of(self, hour: int, hold_ms: int) -> list[Span]:
        known = self._by_hour.get(hour)
        if known is None or known[0] != hold_ms:
            spans: list[Span] = []
            add_spans(spans, self._fine(hour), hold_ms)
            known = self._by_hour[hour] = (hold_ms, spans)
        return known[1]

    def _fine(self, hour: int) -> list[tuple[int, int]]:
        begins = hour * HOUR_MS
        parts = self._hours.get(hour)
        observations = merged(parts, SLOT_MS) if parts else ()
        return [(begins + (observation >> 2), observation & 3) for observation in observations]

    def _coarse(self, first: int, stop: int) -> dict[int, list[tuple[int, int]]]:
        """By hour, what the rows of days keep: of each status the first and the last observation of the hour."""
        found: dict[int, list[tuple[int, int]]] = {}
        for day, parts in self._days.items():
            if day * 24 < stop and first < (day + 1) * 24:
                for observation in merged(parts, HOUR_MS):
                    at = day * DAY_MS + (observation >> 2)
                    if first <= at // HOUR_MS < stop:
                        found.setdefault(at // HOUR_MS, []).append((at, observation & 3))
        return found


def _observed_at(observation: tuple[int, ...]) -> int:
    return observation[0]
