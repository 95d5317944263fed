"""The unit of work, as a decision: from a partition's state and its next batches to all that has to be committed.

Nothing here waits or writes. What comes out is applied to the state only after the transaction that carries it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from carbon_stream.streaming.batch import Batch, Record, as_written
from carbon_stream.streaming.dead_letters import DeadLetter
from carbon_stream.streaming.deduplication import Seen, SeenChange, digest, numbered
from carbon_stream.streaming.entry import Decode, Entry, Fold, Route, Translate
from carbon_stream.streaming.formats import Formats, NewerRow
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.ledger import Tally, ledger_key
from carbon_stream.streaming.rows import Work
from carbon_stream.streaming.shard import Changes, Shard, ShardFailed
from carbon_stream.streaming.sorting import Sorted, fresh, sort, where

ROW_BYTES_MAX = 1_000_000
"""A row's key and value together, unless an app says otherwise: they fit what a Kafka topic takes by default."""

CAREFUL_RECORDS_MAX = 100
"""Records of a topic in a unit that folds each event alone: large rows are decoded and encoded for every one."""

ROW_TOO_LARGE = "row-too-large"
"""The reason of a dead letter whose event would have made a row larger than the changelog takes."""


@dataclass(frozen=True, slots=True)
class Logic:
    """What a stage does with its records.

    `invalid` is the exception of `decoders` that means the sender's fault; it has a `reason` (a word).
    `row_bytes_max` bounds a row, key and value as JSON.
    """

    decoders: Mapping[str, Decode]
    invalid: type[Exception]
    fold: Fold
    formats: Formats = field(default_factory=Formats)
    """Of the rows."""
    row_bytes_max: int = ROW_BYTES_MAX
    route: Route | None = None
    translate: Translate | None = None


@dataclass(slots=True)
class State:
    """What one partition of a stage remembers between units of work."""

    shard: Shard
    seen: dict[str, Seen]
    tallies: dict[str, Tally] = field(default_factory=dict)
    routed: dict[str, int] = field(default_factory=dict)
    """By topic: the offset from which on events have not been routed yet, where rows are made again."""


class Senders(NamedTuple):
    """By source: how many of a unit's events are its own, and the append time of the newest of them, ms."""

    numbers: Mapping[str, int]
    newest: Mapping[str, int]


@dataclass(slots=True)
class Outcome:
    """All that one unit of work commits together."""

    changes: Changes
    dead: list[DeadLetter]
    counted: dict[str, Tally]
    """By topic: this unit's own counts, with the position and time it ends at."""
    seen: dict[str, SeenChange]
    senders: dict[str, Senders]
    """By topic: who sent what is counted in it."""
    records: int
    forwards: list[Forward] = field(default_factory=list)
    partial: bool = False
    """Only the first of the batches' records are in it: decide again when it is applied."""

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

    An event that the fold cannot take, or that would make a row too large, becomes a dead letter: one event must not
    stop the partition for ever. Then each event is folded alone, and the outcome may be `partial`. Raises NewerRow.
    """
    by_topic: dict[str, list[Record]] = {}
    for batch in batches:
        by_topic.setdefault(batch[0].topic, []).extend(batch)
    sorted_topics = _sort(logic, state, by_topic)
    if not sorted_topics:
        return None
    work = _fold_all(logic, state, sorted_topics)
    if work is not None:
        return _outcome(state, work, sorted_topics)
    left = {topic: fresh(by_topic[topic], _position(state, topic)) for topic in sorted_topics}
    first = {topic: records[:CAREFUL_RECORDS_MAX] for topic, records in left.items()}
    sorted_topics = _sort(logic, state, first)
    outcome = _outcome(state, _fold_each(logic, state, sorted_topics), sorted_topics)
    return replace(outcome, partial=any(len(left[topic]) > len(first[topic]) for topic in left))


def _position(state: State, topic: str) -> int:
    return state.tallies.get(topic, Tally()).position


def _sort(logic: Logic, state: State, by_topic: Mapping[str, Sequence[Record]]) -> dict[str, Sorted]:
    sorted_topics = {}
    for topic, records in by_topic.items():
        position, seen, decode = _position(state, topic), state.seen[topic], logic.decoders[topic]
        found = sort(records, position, seen, decode, logic.invalid, logic.translate)
        if found is not None:
            sorted_topics[topic] = found
    return sorted_topics


def _fold_all(logic: Logic, state: State, sorted_topics: dict[str, Sorted]) -> Work | None:
    """All events at once; None if that fails or makes a row too large."""
    work = Work(state.shard, logic.formats)
    try:
        for topic, sorting in sorted_topics.items():
            if sorting.entries:
                logic.fold(work, topic, sorting.entries)
                _route(logic, state, work, topic, sorting.entries, sorting.records)
        pending = work.pending()
    except (NewerRow, ShardFailed):  # no event's fault
        raise
    except Exception:  # noqa: BLE001 — found again, and told, when each event is folded alone
        return None
    if too_large(pending, logic.row_bytes_max) is not None:
        return None
    work.settle(pending)
    return work


def _fold_each(logic: Logic, state: State, sorted_topics: dict[str, Sorted]) -> Work:
    """One event after the other, without those that fail or make a row too large; those become dead letters."""
    work = Work(state.shard, logic.formats)
    for topic, sorting in sorted_topics.items():
        good: list[tuple[Entry, Record]] = []
        for entry, record in zip(sorting.entries, sorting.records, strict=True):
            refusal = _fold_one(logic, state, work, topic, entry, record)
            if refusal is None:
                good.append((entry, record))
            else:
                work.undo()
                sorting.dead.append(DeadLetter(as_written(record), *refusal))
                _forget(sorting, entry)
        sorting.entries, sorting.records = [entry for entry, _ in good], [record for _, record in good]
    return work


def _fold_one(
    logic: Logic, state: State, work: Work, topic: str, entry: Entry, record: Record
) -> tuple[str, str] | None:
    """Reason and error if the event cannot be taken."""
    try:
        logic.fold(work, topic, [entry])
        _route(logic, state, work, topic, [entry], [record])
        pending = work.pending()
    except (NewerRow, ShardFailed):
        raise
    except Exception as exc:  # noqa: BLE001 — reported as the dead letter's error
        return "error", where(exc)
    if (large := too_large(pending, logic.row_bytes_max)) is not None:
        return ROW_TOO_LARGE, large
    work.settle(pending)
    return None


def _route(
    logic: Logic, state: State, work: Work, topic: str, entries: Sequence[Entry], records: Sequence[Record]
) -> None:
    """Send on what has not been: rows that are made again send nothing a second time."""
    if logic.route is None or not entries:
        return
    start = state.routed.get(topic, 0)
    if entries[0].offset < start:
        passed = sum(entry.offset < start for entry in entries)
        entries, records = entries[passed:], records[passed:]
    logic.route(work, topic, entries, records)


def _forget(sorting: Sorted, entry: Entry) -> None:
    """An event that was refused may be sent again: it has not been seen."""
    if entry.event.event_id is not None:
        (number,) = numbered([digest(entry.event.source, entry.event.event_id)])
        del sorting.digests[number]


def too_large(changes: Changes, row_bytes_max: int) -> str | None:
    """What to say of the first row that is larger than that, or None."""
    for key, row in changes.items():
        if row is not None and len(key) + len(row) > row_bytes_max:
            name = key[:200].decode("utf-8", "replace")
            return f"the row {name} would have {len(key) + len(row)} bytes, more than {row_bytes_max}"
    return None


def _outcome(state: State, work: Work, sorted_topics: dict[str, Sorted]) -> Outcome:
    counted: dict[str, Tally] = {}
    seen: dict[str, SeenChange] = {}
    senders: dict[str, Senders] = {}
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
        senders[topic] = _senders(sorting.entries)
    return Outcome(work.changes(), dead, counted, seen, senders, records, work.forwards)


def _senders(entries: Sequence[Entry]) -> Senders:
    sources: list[str] = [entry.event.source for entry in entries]
    return Senders(Counter(sources), dict(zip(sources, [entry.received for entry in entries], strict=True)))


def apply(state: State, outcome: Outcome, written: int) -> None:
    """Make a committed outcome the partition's state; the changelog before `written` need not be read again.

    The shard comes first: if it fails, nothing has changed, and the partition is taken over again.
    """
    state.shard.apply(outcome.changes, outcome.segments(), written)
    for topic, change in outcome.seen.items():
        state.seen[topic].apply(change)
    for topic, counted in outcome.counted.items():
        state.tallies[topic] = state.tallies.get(topic, Tally()).plus(counted)
