"""The agents' observer: what the streaming part reports becomes metrics. Implements `streaming.observer.Observer`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from carbon_stream.observability import counting, metrics, rule_metrics
from carbon_stream.observability.instruments import Bounded
from carbon_stream.observability.sources import Sources

__all__ = ["StreamingMetrics"]

_NOT_A_WORD = re.compile(r"[^A-Za-z0-9_.-]+")


class Counted(Protocol):
    """A batch's counts for one topic partition (`streaming.ledger.Tally`)."""

    @property
    def applied(self) -> int: ...
    @property
    def duplicate(self) -> int: ...
    @property
    def dead(self) -> int: ...
    @property
    def late(self) -> int: ...
    @property
    def skewed(self) -> int: ...


class StreamingMetrics:
    """Updates metrics a batch at a time. `types` maps each source topic to its event type."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self._reason, self._topic = Bounded(32), Bounded(64)
        self._sources = Sources()

    def on_batch(self, stage: str, partition: int, topic: str, counted: Counted, seconds: float) -> None:
        """A topic's part of a unit of work was committed."""
        event_type = self._types.get(topic)
        counting.count_events("kafka", "applied", topic, event_type, counted.applied)
        counting.count_events("kafka", "duplicate", topic, event_type, counted.duplicate)
        counting.count_events("kafka", "dead", topic, event_type, counted.dead)
        counting.count_duplicates("kafka", topic, counted.duplicate)
        if counted.late:
            metrics.LATE.labels(topic).inc(counted.late)
        if counted.skewed:
            metrics.SKEWED.labels(topic).inc(counted.skewed)
        metrics.BATCH.labels(stage).observe(counted.applied + counted.duplicate + counted.dead)
        metrics.TRANSACTION.labels(stage).observe(seconds)

    def on_senders(self, topic: str, numbers: Mapping[str, int], newest: Mapping[str, int]) -> None:
        """Whose the events of a unit of work are; what stages send each other is nobody's news."""
        if topic in self._types:
            self._sources.count(numbers, newest)

    def on_dead_letter(self, topic: str, reason: str) -> None:
        """A record went to the dead letters."""
        counting.count_dead_letter(topic, reason)

    def on_forwarded(self, stage: str, topic: str, by: str | None) -> None:
        """An event was sent on to another topic, by the stage itself or by a rule."""
        metrics.FORWARDED.labels(stage, self._topic(topic)).inc()
        if by is not None:
            rule_metrics.count_rule(by, "sent")

    def on_rebalance(self, assigned: int, revoked: int) -> None:
        """Partitions were handed out anew."""
        metrics.REBALANCES.inc()

    def on_gave_up(self, stage: str, partition: int, reason: str) -> None:
        """A partition was given up with nothing applied; of the reason, its first word is the label."""
        kind = _NOT_A_WORD.split(reason, maxsplit=1)[0][:64] or "unknown"
        metrics.GAVE_UP.labels(stage, self._reason(kind)).inc()

    def on_lost(self, stage: str, partition: int, topic: str, offsets: int) -> None:
        """A topic, or the stage's changelog, no longer had these offsets when they were needed."""
        metrics.LOST.labels(stage, topic).inc(offsets)

    def on_rows(self, stage: str, partition: int, rows: int) -> None:
        """How many rows a partition's table holds now."""
        metrics.ROWS.labels(stage, partition).set(rows)

    def on_restore(self, stage: str, records: int, left: int) -> None:
        """More of a changelog was read back."""
        metrics.RESTORED.labels(stage).inc(records)
        metrics.RESTORE_LEFT.labels(stage).set(left)

    def on_rebuild(self, stage: str, partition: int, reason: str) -> None:
        """A partition's rows are read from the changelog's beginning."""
        metrics.REBUILDS.labels(stage).inc()

    def on_lag(self, topic: str, partition: int, records: int) -> None:
        """How many records of a partition are still to be read."""
        metrics.LAG.labels(topic, partition).set(records)
