"""Who sends, as metrics: how many events of each source the agents counted, and when its last one came. Bounded."""

from __future__ import annotations

from collections.abc import Mapping

from carbon_stream.observability.instruments import OTHER, counter, gauge

__all__ = ["SOURCES_MAX", "Sources"]

SOURCES_MAX = 500
FORGOTTEN_S = 2 * 86_400
"""For so long a silent source keeps its place: twice what the alert on silence looks back."""

_SOURCE = "source of the events: a service's name; `other` for those beyond the bound"

EVENTS = counter(
    "source_events_total",
    "events",
    "Events that the agents counted, by who sent them, whichever way they came. A worker tells 500 sources apart.",
    source=_SOURCE,
)
LAST = gauge(
    "source_last_event_timestamp_seconds",
    "seconds",
    "When the newest event of a source was appended to its topic, Unix time, as far as the agents have come.",
    "livemax",
    source=_SOURCE,
)


class Sources:
    """Tells at most `limit` sources apart: whoever comes first, until somebody has been silent for two days.

    A source is a sender's own word. So a flood of made-up names takes the free places and no other: those that were
    there before keep theirs.
    """

    def __init__(self, limit: int = SOURCES_MAX) -> None:
        self._limit = limit
        self._last: dict[str, float] = {}
        self._others_last = 0.0
        self._crowded_until = 0.0

    def count(self, numbers: Mapping[str, int], newest_ms: Mapping[str, int]) -> None:
        """Counts a unit of work: how many events each source has in it, and the append time of its newest."""
        for source, number in numbers.items():
            last = newest_ms[source] / 1000
            if source in self._last or self._has_room(last):
                self._last[source] = last = max(last, self._last.get(source, 0.0))
                self._show(source, number, last)
            else:
                self._others_last = max(last, self._others_last)
                self._show(OTHER, number, self._others_last)

    def _show(self, source: str, number: int, last: float) -> None:
        EVENTS.labels(source).inc(number)
        LAST.labels(source).set(last)

    def _has_room(self, now: float) -> bool:
        """Whether one more can be told apart; who has been silent for long makes room for those who are not."""
        if len(self._last) < self._limit:
            return True
        if now < self._crowded_until:
            return False
        oldest = min(self._last, key=self._last.__getitem__)
        if now - self._last[oldest] < FORGOTTEN_S:
            self._crowded_until = self._last[oldest] + FORGOTTEN_S
            return False
        del self._last[oldest]
        EVENTS.remove(oldest)
        LAST.remove(oldest)
        return True
