"""How much flows: the topics' ends and the ledgers, looked at every few seconds and kept for five minutes."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.views.freshness import Freshness

EVERY_S = 5.0
SAMPLES_MAX = 61
"""Five minutes, and the moment before them."""
_KINDS = ("applied", "duplicate", "dead", "late", "skewed")


@dataclass(frozen=True, slots=True)
class _Sample:
    """Sums by topic at a moment (s)."""

    at: float
    ends: Counter[str]
    dead: Counter[str]


class Flow:
    """Samples what a process already knows; asks nobody."""

    def __init__(self, freshness: Freshness) -> None:
        self._freshness = freshness
        self._samples: deque[_Sample] = deque(maxlen=SAMPLES_MAX)

    def sample(self, now: float) -> None:
        """Take a sample if the last one is long enough ago and something is known. `now` is Unix time, s."""
        if self._samples and 0 <= now - self._samples[-1].at < EVERY_S:
            return
        ends: Counter[str] = Counter()
        for source, end in self._freshness.ends().items():
            ends[source.topic] += end
        if ends:
            dead: Counter[str] = Counter()
            for source, tally in self._freshness.tallies():
                dead[source.topic] += tally.dead
            self._samples.append(_Sample(now, ends, dead))

    def topics(self) -> list[dict[str, Any]]:
        """One object a topic, in the catalog's order. `series` has records a second, oldest first, one a sample."""
        counts: dict[str, Counter[str]] = {topic.name: Counter() for topic in TOPICS}
        for source, tally in self._freshness.tallies():
            for kind in _KINDS:
                counts[source.topic][kind] += getattr(tally, kind)
        lags: Counter[str] = Counter()
        for source, lag in self._freshness.lags().items():
            lags[source.topic] += lag
        return [
            {
                "name": topic.name,
                "group": topic.group.value,
                "eventType": topic.event_type,
                "perSecond": self._rate(topic.name),
                "series": self._series(topic.name),
                **{kind: counts[topic.name][kind] for kind in _KINDS},
                "deadLately": self._dead_lately(topic.name),
                "lag": lags[topic.name],
            }
            for topic in TOPICS
        ]

    def window_ms(self) -> int:
        """How long the series are by now, in ms."""
        return round((self._samples[-1].at - self._samples[0].at) * 1000) if self._samples else 0

    def _series(self, topic: str) -> list[float]:
        return [
            round(max(0, after.ends[topic] - before.ends[topic]) / max(after.at - before.at, 0.001), 3)
            for before, after in pairwise(self._samples)
        ]

    def _rate(self, topic: str) -> float:
        """Over the last minute, or as long as there are samples of."""
        if len(self._samples) < 2:
            return 0.0
        last = self._samples[-1]
        first = next(sample for sample in self._samples if last.at - sample.at <= 60.0 or sample is self._samples[-2])
        return round(max(0, last.ends[topic] - first.ends[topic]) / max(last.at - first.at, 0.001), 3)

    def _dead_lately(self, topic: str) -> int:
        return max(0, self._samples[-1].dead[topic] - self._samples[0].dead[topic]) if self._samples else 0
