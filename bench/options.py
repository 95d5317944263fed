"""Sizes of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Sizes; everything else follows from them."""

    events: int = 500_000
    """Events in the topic for one turn of the streaming part."""
    repetitions: int = 3
    entities: int = 100_000
    """Distinct users of the memory part."""
    markers: int = 300
    """Events of the latency part whose way is timed."""
    rows: int = 1_000_000
    """Rows of the restore part."""
    backlog: int = 2_000_000
    """Events that a worker is behind in the backlog part."""
    java: bool = True
    """Whether Kafka Streams takes part in the counting part."""
    load_per_s: int = 200
    """Events a second of the latency part, one request each."""

    @classmethod
    def quick(cls) -> Options:
        """Just enough to see that everything runs; its figures mean nothing."""
        return cls(events=6_000, repetitions=1, entities=2_000, markers=9, rows=5_000, backlog=6_000)

    @property
    def counted(self) -> int:
        """Events of the counting part, which every turn reads."""
        return self.events * 2

    @property
    def slow_events(self) -> int:
        """Events of a turn for what takes a tenth of the pace or less."""
        return max(self.events // 10, 1_000)

    @property
    def posted_in_batches(self) -> int:
        """Events of a turn over HTTP, in batches, and of the producer loop beside it."""
        return max(self.events * 2 // 5, 2_000)

    @property
    def posted_alone(self) -> int:
        """Requests of a turn over HTTP with one event each."""
        return max(self.events // 10, 500)
