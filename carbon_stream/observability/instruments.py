"""How a metric is declared: one call names it, gives it its labels and says what it means, and keeps it on a list.

The list (`DECLARED`) is what documentation, dashboards and rules are made from. Names follow the Prometheus
conventions: a base unit last in the name, `_total` on counters.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter as Counts
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat, starmap
from threading import Lock
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.samples import Sample

__all__ = ["DECLARED", "OTHER", "PREFIX", "REGISTRY", "SECONDS", "Bounded", "Declared", "counter", "gauge", "histogram"]

PREFIX = "carbon_stream_"
OTHER = "other"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Buckets of durations."""
_LATER_MAX = 1_000
REGISTRY = CollectorRegistry(auto_describe=True)
disable_created_metrics()  # `…_created` doubles the series and says what `process_start_time_seconds` says once

Kind = Literal["counter", "gauge", "histogram"]
_TOGETHER = {
    "livesum": "summed over the processes that run",
    "livemax": "the largest of the processes that run",
    "livemin": "the smallest of the processes that run",
    "livemostrecent": "the latest that a process said",
}
# How the values of several processes behind one port become one; "live": a process that has ended no longer counts.
Together = Literal["livesum", "livemax", "livemin", "livemostrecent"]


@dataclass(frozen=True, slots=True)
class Declared:
    """One metric as the documentation shows it: its full name, kind, unit, labels with their meaning, and meaning.

    `together` says how the values of several processes become one.
    """

    name: str
    kind: Kind
    unit: str
    labels: Mapping[str, str]
    meaning: str
    buckets: tuple[float, ...] = ()
    together: str = "summed"


DECLARED: list[Declared] = []


def counter(name: str, unit: str, meaning: str, **labels: str) -> Counter:
    """Declares a counter; `name` is without prefix and ends in `_total`; `labels` maps each label to its meaning."""
    assert name.endswith("_total"), name
    DECLARED.append(Declared(PREFIX + name, "counter", unit, labels, meaning))
    return Counter(PREFIX + name, meaning, tuple(labels), registry=REGISTRY)


def gauge(name: str, unit: str, meaning: str, together: Together, **labels: str) -> Gauge:
    """Declares a gauge; `together` says what several processes' values add up to."""
    assert not name.endswith(("_total", "_count", "_sum", "_bucket")), name
    DECLARED.append(Declared(PREFIX + name, "gauge", unit, labels, meaning, together=_TOGETHER[together]))
    return Gauge(PREFIX + name, meaning, tuple(labels), registry=REGISTRY, multiprocess_mode=together)


def histogram(name: str, unit: str, meaning: str, buckets: Sequence[float], **labels: str) -> Histogram:
    """Declares a histogram with upper bounds `buckets`, in `unit`."""
    DECLARED.append(Declared(PREFIX + name, "histogram", unit, labels, meaning, tuple(buckets)))
    return _Histogram(PREFIX + name, meaning, tuple(labels), registry=REGISTRY, buckets=tuple(buckets))


class _Histogram(Histogram):
    """The library's own, but that amounts are sorted into buckets many at a time, at the latest when it is read.

    There are three for every request, and a process that takes single events does little else. Where several processes
    count together, whoever is scraped reads the others' files: there each amount is sorted in at once. The library's
    parts have had these names since its first versions; a test compares the two.
    """

    def _metric_init(self) -> None:
        super()._metric_init()
        self._later: deque[float] = deque()
        self._sorting = Lock()
        self._later_max = 1 if "PROMETHEUS_MULTIPROC_DIR" in os.environ else _LATER_MAX

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Observe an amount; exemplars are left to the library."""
        if exemplar is not None:
            super().observe(amount, exemplar)
            return
        later = self._later
        later.append(amount)
        if len(later) >= self._later_max:
            self._sort_in()

    def _sort_in(self) -> None:
        with self._sorting:
            amounts = list(starmap(self._later.popleft, repeat((), len(self._later))))
        if amounts:
            self._sum.inc(sum(amounts))
        for bucket, number in Counts(map(partial(bisect_left, self._upper_bounds), amounts)).items():
            self._buckets[bucket].inc(number)

    def _child_samples(self) -> Iterable[Sample]:
        self._sort_in()
        return super()._child_samples()


class Bounded:
    """Keeps the values of a label within a bound: the first `limit` distinct ones are kept, later ones are `other`.

    A label value that a sender chooses would otherwise make as many series as it likes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()
        self._lock = Lock()

    def __call__(self, value: str) -> str:
        if value in self._seen:
            return value
        with self._lock:
            if len(self._seen) >= self._limit:
                return OTHER
            self._seen.add(value)
        return value
