"""Folding what the topics of one partition still hold into rows of their own, by the stage's own unit of work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from carbon_stream.projections.rebuilding import Rebuilding
from carbon_stream.projections.rows import Entry
from carbon_stream.streaming import unit
from carbon_stream.streaming.batch import Batch, Record
from carbon_stream.streaming.dead_letters import DeadLetter
from carbon_stream.streaming.deduplication import Budget, Seen
from carbon_stream.streaming.ledger import Tally
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.plan import Plan
from carbon_stream.streaming.rows import Work
from carbon_stream.streaming.shard import parted
from carbon_stream.streaming.sweeping import Sweeper

HOUR_MS = 3_600_000
REFUSED_MAX = 10_000
"""More records than this that were counted before and would be refused now are a fault of the release, not of them."""
SWEPT_EVERY = 1_000_000
"""Records; what has aged is folded together meanwhile, so that not all hours of a year are held at once."""

KnownDead = Callable[[str], Collection[int]]
"""By topic: offsets of this partition's records that are in the dead letters already."""


class TooManyRefused(Exception):
    """The folds of this release refuse what was counted before, again and again."""


class Refold:
    """Rows made again: feed it each topic's records in offset order. `sinces` says from when on events count."""

    def __init__(
        self, plan: Plan, rebuilding: Rebuilding, sinces: Mapping[str, int | None], known_dead: KnownDead
    ) -> None:
        self._plan, self._known_dead = plan, known_dead
        self._at = {topic: family.at for family in rebuilding.families for topic in family.topics}
        self._sinces = sinces
        self._logic = replace(plan.logic, fold=self._fold, route=None)  # what was sent on stays sent on, once
        budget = Budget()
        self._state = unit.State(MemoryShard(), {topic: Seen(topic, budget) for topic in self._at})
        self._dead: Counter[str] = Counter()
        self._unswept = 0
        self.refused: list[DeadLetter] = []
        """Records that have no letter yet."""
        self.records: Counter[str] = Counter()
        """Read so far, by topic."""

    @property
    def shard(self) -> MemoryShard:
        """The rows."""
        return self._state.shard  # type: ignore[return-value]  # made above

    def tally(self, topic: str) -> Tally:
        """What became of a topic's records. Its position is that of the last one that had no letter."""
        tally = self._state.tallies.get(topic, Tally())
        return replace(tally, dead=tally.dead + self._dead[topic])

    def add(self, records: Sequence[Record]) -> None:
        """Fold some records of one topic, which follow on those that came before."""
        topic = records[0].topic
        self.records[topic] += len(records)
        known = self._known_dead(topic)
        fresh = [record for record in records if record.offset not in known] if known else records
        self._dead[topic] += len(records) - len(fresh)
        if not fresh:
            return
        while outcome := unit.decide(self._logic, self._state, [Batch(fresh)]):
            unit.apply(self._state, outcome, 0)
            self.refused += outcome.dead
            if not outcome.partial:
                break
        if len(self.refused) > REFUSED_MAX:
            letter = self.refused[-1]
            raise TooManyRefused(f"{letter.reason}: {letter.error} ({topic}/{letter.record.partition})")
        self._unswept += len(records)

    def wants_sweeping(self) -> bool:
        """Whether much has been added since the last sweep."""
        return self._unswept >= SWEPT_EVERY

    def sweep(self, now: int, *, whole_day: bool = False) -> None:
        """A whole round over all rows, by the broker's time; `whole_day`: also over those that have their hour."""
        self._unswept = 0
        if self._plan.sweep is None:
            return
        for hours in range(24 if whole_day else 1):
            at = now - hours * HOUR_MS
            sweeper = Sweeper(self._plan.sweep, self.shard, self._logic.formats, lambda at=at: at)  # type: ignore[misc]
            while not sweeper.wait_s():
                self.shard.apply(*parted(sweeper.step().changes), 0)

    def _fold(self, rows: Work, topic: str, entries: Sequence[Entry]) -> None:
        since, at = self._sinces.get(topic), self._at[topic]
        counted = entries if since is None else [entry for entry in entries if at(entry) >= since]
        if counted:
            self._plan.logic.fold(rows, topic, counted)


def topics_of(rebuilding: Rebuilding) -> list[str]:
    """The topics that rows of a table are made of."""
    return [topic for family in rebuilding.families for topic in family.topics]


def latest(sinces: Iterable[int | None]) -> int | None:
    """From when on several topics have everything; None if none of them has lost anything."""
    return max((since for since in sinces if since is not None), default=None)


def by_topic(rebuilding: Rebuilding, sinces: Mapping[str, int | None]) -> dict[str, Any]:
    """From when on the rows that a topic goes into can be made again: its family's topics must all be whole."""
    return {
        topic: latest(sinces[each] for each in family.topics)
        for family in rebuilding.families
        for topic in family.topics
    }
