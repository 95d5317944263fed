"""What a run finds: samples of contenders that take turns, their ratios, and single figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn of a contender: how many things it did in which time, and the CPU time (user and system) it took."""

    count: int
    wall_s: float
    cpu_s: float
    more: Mapping[str, float] = field(default_factory=dict)
    """What else is worth knowing, such as the CPU time of the client."""

    @property
    def rate(self) -> float:
        """Things a second."""
        return self.count / self.wall_s

    @property
    def cpu_us(self) -> float:
        """CPU time of one thing, microseconds."""
        return self.cpu_s / self.count * 1e6


@dataclass(frozen=True, slots=True)
class Series:
    """All turns of one contender; `unit` is what it counts."""

    name: str
    unit: str
    samples: Sequence[Sample]

    def rate(self) -> float:
        """The median rate."""
        return median(sample.rate for sample in self.samples)

    def cpu_us(self) -> float:
        """The median CPU time of one thing, microseconds."""
        return median(sample.cpu_us for sample in self.samples)

    def more(self) -> dict[str, float]:
        """Medians of what else was measured."""
        return {name: median(sample.more[name] for sample in self.samples) for name in self.samples[0].more}

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name,
            "unit": self.unit,
            "perSecond": self.rate(),
            "cpuMicroseconds": self.cpu_us(),
            "more": self.more(),
            "samples": [asdict(sample) for sample in self.samples],
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """A single figure. It should be at least, or at most, so much, where that is said."""

    name: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether it is as it should be; None where nothing is asked of it."""
        if self.least is None and self.most is None:
            return None
        return (self.least is None or self.value >= self.least) and (self.most is None or self.value <= self.most)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of a run has found."""

    name: str
    series: Sequence[Series]
    figures: Sequence[Figure]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "series": [series.document() for series in self.series],
            "figures": [figure.document() for figure in self.figures],
        }


def ratio(one: Series, other: Series, least: float | None = None) -> Figure:
    """How many times the other's rate: the median over the turns, each of which compares its own two."""
    turns = [mine.rate / theirs.rate for mine, theirs in zip(one.samples, other.samples, strict=True)]
    return Figure(f"{one.name} / {other.name}", median(turns), "×", least=least)


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of values, `share` from 0 to 1."""
    ordered = sorted(values)
    return ordered[max(0, ceil(round(share * len(ordered), 6)) - 1)]
