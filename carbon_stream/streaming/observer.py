"""What a stage tells whoever watches it: metrics enter here, never inside the logic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from carbon_stream.streaming.ledger import Tally


class Observer(Protocol):
    """Every method is called after the fact and must neither raise nor block."""

    def on_batch(self, stage: str, partition: int, topic: str, counted: Tally, seconds: float) -> None:
        """A topic's part of a unit of work was committed: its counts, and how long the whole unit took."""

    def on_senders(self, topic: str, numbers: Mapping[str, int], newest: Mapping[str, int]) -> None:
        """Whose the events are that a unit of work has counted, by source: how many, and the append time of the newest,
        ms. As many sources as events, where senders will.
        """

    def on_dead_letter(self, topic: str, reason: str) -> None:
        """A record went to the dead letters."""

    def on_forwarded(self, stage: str, topic: str, by: str | None) -> None:
        """An event was sent on to another topic; `by` says who had it sent, None is the stage itself."""

    def on_rebalance(self, assigned: int, revoked: int) -> None:
        """Partitions were handed out anew."""

    def on_gave_up(self, stage: str, partition: int, reason: str) -> None:
        """A partition was given up with nothing applied."""

    def on_lost(self, stage: str, partition: int, topic: str, offsets: int) -> None:
        """A topic, or the stage's changelog, no longer had these offsets when they were needed."""

    def on_rows(self, stage: str, partition: int, rows: int) -> None:
        """How many rows a partition's table holds now; 0 when it has moved elsewhere."""

    def on_lag(self, topic: str, partition: int, records: int) -> None:
        """How many records of a partition are still to be read."""

    def on_restore(self, stage: str, records: int, left: int) -> None:
        """So many more changelog records were read back, and at most so many are left for now."""

    def on_rebuild(self, stage: str, partition: int, reason: str) -> None:
        """Rows that were kept cannot be used, or none were: they are read from the changelog's beginning."""


class Silent:
    """An observer that looks away."""

    def on_batch(self, stage: str, partition: int, topic: str, counted: Tally, seconds: float) -> None:
        """Nothing."""

    def on_senders(self, topic: str, numbers: Mapping[str, int], newest: Mapping[str, int]) -> None:
        """Nothing."""

    def on_dead_letter(self, topic: str, reason: str) -> None:
        """Nothing."""

    def on_forwarded(self, stage: str, topic: str, by: str | None) -> None:
        """Nothing."""

    def on_rebalance(self, assigned: int, revoked: int) -> None:
        """Nothing."""

    def on_gave_up(self, stage: str, partition: int, reason: str) -> None:
        """Nothing."""

    def on_lost(self, stage: str, partition: int, topic: str, offsets: int) -> None:
        """Nothing."""

    def on_rows(self, stage: str, partition: int, rows: int) -> None:
        """Nothing."""

    def on_lag(self, topic: str, partition: int, records: int) -> None:
        """Nothing."""

    def on_restore(self, stage: str, records: int, left: int) -> None:
        """Nothing."""

    def on_rebuild(self, stage: str, partition: int, reason: str) -> None:
        """Nothing."""
