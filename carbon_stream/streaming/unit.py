"""The unit of work, as a decision: from a partition's state and its next batches to all that has to be committed.

Nothing here waits or writes. What comes out is applied to the state only after the transaction that carries it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carbon_stream.streaming.batch import Batch, Record
from carbon_stream.streaming.dead_letters import DeadLetter
from carbon_stream.streaming.deduplication import Seen, SeenChange
from carbon_stream.streaming.entry import Decode, Entry, Fold
from carbon_stream.streaming.formats import Formats, NewerRow
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.ledger import Tally, ledger_key
from carbon_stream.streaming.rows import Work
from carbon_stream.streaming.shard import Changes, Shard, ShardFailed
from carbon_stream.streaming.sorting import Sorted, sort, where


@dataclass(frozen=True, slots=True)
class Logic:
    """What a stage does with its records.

    `invalid` is the exception of `decoders` that means the sender's fault; it has a `reason` (a word).
    """

    decoders: Mapping[str, Decode]
    invalid: type[Exception]
    fold: Fold
    formats: Formats = field(default_factory=Formats)
    """Of the rows."""


@dataclass(slots=True)
class State:
    """What one partition of a stage remembers between units of work."""

    shard: Shard
    seen: dict[str, Seen]
    tallies: dict[str, Tally] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """All that one unit of work commits together."""

    changes: Changes
    dead: list[DeadLetter]
    counted: dict[str, Tally]
    """By topic: this unit's own counts, with the position and time it ends at."""
    seen: dict[str, SeenChange]
    records: int
    forwards: list[Forward] = field(default_factory=list)

    def rows(self) -> Changes:
        """Everything that goes to the changelog."""
        return self.changes | self.segments()

    def segments(self) -> Changes:
        """Identities to remember and to forget."""
        return {key: row for change in self.seen.values() for key, row in change.rows.items()}

    def positions(self) -> dict[str, int]:
        """By topic: the offset to go on from."""
        return {topic: tally.position for topic, tally in self.counted.items()}


def decide(logic: Logic, state: State, batches: Sequence[Batch]) -> Outcome | None:
    """The outcome of joining these batches (of any of the stage's topics); None if all of it was committed before.

    Raises whatever the fold raises for the whole of the batch although it takes each event alone, and NewerRow.
    """
    by_topic: dict[str, list[Record]] = {}
    for batch in batches:
        by_topic.setdefault(batch[0].topic, []).extend(batch)
    sorted_topics = {}
    for topic, records in by_topic.items():
        position = state.tallies.get(topic, Tally()).position
        found = sort(records, position, state.seen[topic], logic.decoders[topic], logic.invalid)
        if found is not None:
            sorted_topics[topic] = found
    if not sorted_topics:
        return None
    work = _fold_all(logic, state, sorted_topics)
    return _outcome(state, work, sorted_topics)


def _fold_all(logic: Logic, state: State, sorted_topics: dict[str, Sorted]) -> Work:
    work = Work(state.shard, logic.formats)
    try:
        for topic, sorting in sorted_topics.items():
            if sorting.entries:
                logic.fold(work, topic, sorting.entries)
        return work
    except (NewerRow, ShardFailed):  # no event's fault
        raise
    except Exception:  # noqa: BLE001 — one event that the fold cannot take must not stop the partition for ever
        return _fold_what_can_be(logic, state, sorted_topics)


def _fold_what_can_be(logic: Logic, state: State, sorted_topics: dict[str, Sorted]) -> Work:
    """Fold again without the events that fail on their own; those become dead letters."""
    for topic, sorting in sorted_topics.items():
        good: list[Entry] = []
        for entry, record in zip(sorting.entries, sorting.records, strict=True):
            try:
                logic.fold(Work(state.shard, logic.formats), topic, [entry])
            except (NewerRow, ShardFailed):
                raise
            except Exception as exc:  # noqa: BLE001 — reported as the dead letter's error
                sorting.dead.append(DeadLetter(record, "error", where(exc)))
            else:
                good.append(entry)
        sorting.entries = good
    work = Work(state.shard, logic.formats)
    for topic, sorting in sorted_topics.items():
        if sorting.entries:
            logic.fold(work, topic, sorting.entries)
    return work


def _outcome(state: State, work: Work, sorted_topics: dict[str, Sorted]) -> Outcome:
    counted: dict[str, Tally] = {}
    seen: dict[str, SeenChange] = {}
    dead: list[DeadLetter] = []
    records = 0
    for topic, sorting in sorted_topics.items():
        tally = counted[topic] = Tally(
            position=sorting.last_offset + 1,
            applied=len(sorting.entries),
            duplicate=sorting.duplicate,
            dead=len(sorting.dead),
            late=sorting.late,
            skewed=sorting.skewed,
            at=sorting.at,
        )
        records += tally.applied + tally.duplicate + tally.dead
        dead += sorting.dead
        work.put(ledger_key(topic), state.tallies.get(topic, Tally()).plus(tally).row())
        seen[topic] = state.seen[topic].plan(sorting.digests, sorting.first_offset, sorting.at)
    return Outcome(work.changes(), dead, counted, seen, records, work.forwards)


def apply(state: State, outcome: Outcome, written: int) -> None:
    """Make a committed outcome the partition's state; the changelog before `written` need not be read again.

    The shard comes first: if it fails, nothing has changed, and the partition is taken over again.
    """
    state.shard.apply(outcome.changes, outcome.segments(), written)
    for topic, change in outcome.seen.items():
        state.seen[topic].apply(change)
    for topic, counted in outcome.counted.items():
        state.tallies[topic] = state.tallies.get(topic, Tally()).plus(counted)
