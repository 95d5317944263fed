"""What the partitions of a stage have in common, and what they need of the consumer that feeds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from faust.types import TP

from carbon_stream.streaming.entry import Sweep
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.observer import Observer
from carbon_stream.streaming.tracing import Tracing
from carbon_stream.streaming.unit import Logic, Outcome


class Reader(Protocol):
    """What a partition needs of the consumer that feeds it."""

    async def reread(self, positions: Mapping[TP, int]) -> None:
        """Read on from these offsets; batches from before are recognised by their older run."""

    def run_of(self, partition: TP) -> int:
        """The run that is being read now."""

    async def begins_at(self, partition: TP) -> int:
        """The first offset that the broker still has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What does not change from partition to partition of a stage."""

    name: str
    topics: tuple[str, ...]
    changelog: str
    dead_letters: str
    group_id: str
    logic: Logic
    sweep: Sweep | None
    kafka: Mapping[str, Any]
    observer: Observer
    tracing: Tracing
    reassignment_s_max: float
    """How long a fenced partition waits for the group's new assignment: a member that was thrown out learns of it with
    its next heartbeat."""

    def tell(self, partition: int, outcome: Outcome, seconds: float) -> None:
        """Tell the observer what a unit of work has committed, and how long it took."""
        for topic, counted in outcome.counted.items():
            self.observer.on_batch(self.name, partition, topic, counted, seconds)
        for topic, senders in outcome.senders.items():
            self.observer.on_senders(topic, senders.numbers, senders.newest)
        for letter in outcome.dead:
            self.observer.on_dead_letter(letter.record.topic, letter.reason)
        self.tell_forwards(outcome.forwards)

    def tell_forwards(self, forwards: Iterable[Forward]) -> None:
        """Tell the observer what was sent on."""
        for forward in forwards:
            self.observer.on_forwarded(self.name, forward.topic, forward.by)
