"""One unit of work as a decision: what is folded, refused, passed over, and how the ledger adds up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from carbon_stream.streaming import unit
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.deduplication import Budget, Seen
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.ledger import Tally, ledger_key, tally_of
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Work, encode_key
from carbon_stream.streaming.shard import ShardFailed

T = 1_764_000_000_000


@dataclass
class Event:
    user: str
    source: str = "svc"
    event_id: str | None = None
    timestamp: int | None = None


class Refused(ValueError):
    reason = "not-json"


@dataclass
class Record:
    offset: int
    value: bytes | None
    topic: str = "t"
    partition: int = 3
    timestamp: int = T
    key: bytes | None = b"k"
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


def decode(value: bytes | None) -> Event:
    try:
        event = Event(**orjson.loads(value or b""))
    except (ValueError, TypeError) as exc:
        raise Refused(str(exc)) from None
    if event.user == "decoder breaks":
        raise RuntimeError("boom")
    return event


def fold(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
    for entry in entries:
        row = rows.get(("user", entry.event.user)) or {"n": 0, "at": []}
        row["n"] += 1
        row["at"].append(entry.at)
        rows.put(("user", entry.event.user), row)
        if entry.event.user == "fold breaks":
            raise RuntimeError("cannot take this")


LOGIC = unit.Logic({"t": decode, "u": decode}, Refused, fold)


def state() -> unit.State:
    return unit.State(MemoryShard(), {topic: Seen(topic, Budget()) for topic in ("t", "u")})


def record(
    offset: int, user: str = "ann", event_id: str | None = None, at: int | None = None, topic: str = "t"
) -> Record:
    value = orjson.dumps({"user": user, "event_id": event_id, "timestamp": at})
    return Record(offset, value, topic)


def run(into: unit.State, *records: Record) -> unit.Outcome:
    outcome = unit.decide(LOGIC, into, [Batch([r]) for r in records])
    assert outcome is not None
    unit.apply(into, outcome, 0)
    return outcome


def count(into: unit.State, user: str) -> int:
    row = into.shard.get(encode_key(("user", user)))
    return 0 if row is None else int(orjson.loads(row)["n"])


def test_each_event_is_folded_once_and_the_position_moves_past_the_last() -> None:
    s = state()
    outcome = run(s, record(4), record(5), record(7, "bob"))
    assert (count(s, "ann"), count(s, "bob")) == (2, 1)
    assert outcome.positions() == {"t": 8}


def test_what_is_counted_is_told_by_sender_with_the_newest_append_time() -> None:
    def sent(offset: int, source: str, event_id: str, at: int) -> Record:
        return Record(offset, orjson.dumps({"user": "ann", "source": source, "event_id": event_id}), timestamp=at)

    s = state()
    first = run(s, sent(0, "a", "1", T + 1), sent(1, "b", "1", T + 2), sent(2, "a", "2", T + 3))
    assert first.senders == {"t": unit.Senders({"a": 2, "b": 1}, {"a": T + 3, "b": T + 2})}
    second = run(s, sent(3, "a", "2", T + 9), Record(4, b"{"), sent(5, "c", "1", T + 9))
    assert second.senders == {"t": unit.Senders({"c": 1}, {"c": T + 9})}, "neither a repeat nor what is no event"


def test_offsets_before_the_position_are_passed_over_without_being_counted() -> None:
    s = state()
    run(s, record(4), record(5))
    assert unit.decide(LOGIC, s, [Batch([record(4), record(5)])]) is None
    run(s, record(5), record(6))
    assert count(s, "ann") == 3
    assert s.tallies["t"] == Tally(position=7, applied=3, at=T)


def test_a_repeat_counts_once_within_a_batch_and_across_batches() -> None:
    s = state()
    run(s, record(0, event_id="e1"), record(1, event_id="e1"), record(2, event_id="e2"))
    run(s, record(3, event_id="e2"), record(4))
    assert count(s, "ann") == 3
    assert (s.tallies["t"].applied, s.tallies["t"].duplicate) == (3, 2)


def test_the_same_id_on_another_topic_is_another_event() -> None:
    s = state()
    run(s, record(0, event_id="e1"), record(0, event_id="e1", topic="u"))
    assert count(s, "ann") == 2


def test_events_without_an_id_are_never_repeats() -> None:
    s = state()
    run(s, record(0), record(1))
    assert count(s, "ann") == 2


def test_an_event_without_an_id_is_not_taken_for_one_that_is_called_none() -> None:
    s = state()
    for offset, event_id in enumerate([None, "None", None]):
        run(s, record(offset, event_id=event_id, at=T))
    assert count(s, "ann") == 3


def test_what_a_fold_sends_on_goes_with_the_outcome_and_not_with_one_that_is_folded_again() -> None:
    def forwarding(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
        fold(rows, topic, entries)
        for entry in entries:
            rows.forward(Forward("next", entry.event.user.encode(), b"%d" % entry.offset))

    batch = Batch([record(0), record(1, "fold breaks"), record(2, "bob")])
    logic = unit.Logic({"t": decode}, Refused, forwarding)
    outcome = unit.decide(logic, state(), [batch])
    assert outcome is not None
    assert [(f.key, f.value) for f in outcome.forwards] == [(b"ann", b"0"), (b"bob", b"2")]
    assert [letter.record.offset for letter in outcome.dead] == [1]


def test_what_cannot_be_decoded_is_a_dead_letter_with_its_reason() -> None:
    s = state()
    bad = Record(1, b"\xff")
    outcome = run(s, record(0), bad, Record(2, None))
    assert (outcome.dead[0].record, outcome.dead[0].reason) == (bad, "not-json")
    assert s.tallies["t"].dead == 2
    assert count(s, "ann") == 1


def test_a_decoder_that_breaks_costs_its_record_only() -> None:
    s = state()
    outcome = run(s, record(0), record(1, "decoder breaks"), record(2))
    assert [d.reason for d in outcome.dead] == ["error"]
    assert "boom" in outcome.dead[0].error
    assert count(s, "ann") == 2


def test_an_event_that_the_fold_cannot_take_becomes_a_dead_letter_and_leaves_no_trace() -> None:
    s = state()
    outcome = run(s, record(0), record(1, "fold breaks"), record(2))
    assert [(d.record.offset, d.reason) for d in outcome.dead] == [(1, "error")]
    assert (count(s, "ann"), count(s, "fold breaks")) == (2, 0)
    assert s.tallies["t"].applied + s.tallies["t"].dead == 3


def test_a_time_far_ahead_counts_at_the_brokers_and_a_late_one_at_its_own() -> None:
    s = state()
    run(s, record(0, at=T + 300_001), record(1, at=T + 300_000), record(2, at=T - 3_600_001), record(3))
    assert orjson.loads(s.shard.get(encode_key(("user", "ann"))) or b"")["at"] == [T, T + 300_000, T - 3_600_001, T]
    assert (s.tallies["t"].skewed, s.tallies["t"].late) == (1, 1)


def test_the_ledger_row_is_written_with_the_rows_and_reads_back() -> None:
    s = state()
    outcome = run(s, record(0), Record(1, b"{"), record(2, event_id="e"), record(3, event_id="e"))
    row = outcome.rows()[encode_key(ledger_key("t"))]
    assert row is not None
    assert tally_of(orjson.loads(row)) == s.tallies["t"]
    tally = s.tallies["t"]
    assert tally.applied + tally.duplicate + tally.dead == 4


def test_nothing_changes_before_the_outcome_is_applied() -> None:
    s = state()
    unit.decide(LOGIC, s, [Batch([record(0, event_id="e1"), Record(1, b"{")])])
    assert (len(s.shard), len(s.seen["t"]), s.tallies) == (0, 0, {})


class FailingShard(MemoryShard):
    """A disk that gives up at the nth call."""

    def __init__(self, fails_at: int) -> None:
        super().__init__()
        self.calls, self.fails_at = 0, fails_at

    def get(self, key: bytes) -> bytes | None:
        self.calls += 1
        if self.calls == self.fails_at:
            raise ShardFailed("IO error")
        return super().get(key)

    def apply(self, rows: Any, segments: Any, written: int) -> None:
        raise ShardFailed("No space left on device")


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_a_shard_that_fails_is_no_fault_of_the_events(fails_at: int) -> None:
    """The third call is in the second attempt, which takes each event alone."""
    s = unit.State(FailingShard(fails_at), state().seen)
    with pytest.raises(ShardFailed):
        unit.decide(LOGIC, s, [Batch([record(4), record(5, "fold breaks")])])


def test_a_shard_that_cannot_be_written_leaves_the_whole_state_as_it_was() -> None:
    s = unit.State(FailingShard(0), state().seen)
    outcome = unit.decide(LOGIC, s, [Batch([record(4, event_id="e")])])
    assert outcome is not None
    with pytest.raises(ShardFailed):
        unit.apply(s, outcome, 0)
    assert (len(s.shard), len(s.seen["t"]), s.tallies) == (0, 0, {})


def apply_all(logic: unit.Logic, into: unit.State, records: list[Record]) -> list[unit.Outcome]:
    """As a partition does it: decide again while an outcome is partial."""
    outcomes = []
    while outcome := unit.decide(logic, into, [Batch(records)]):
        unit.apply(into, outcome, 0)
        outcomes.append(outcome)
        if not outcome.partial:
            break
    return outcomes


def test_an_event_that_makes_a_row_too_large_becomes_a_dead_letter_and_the_others_count() -> None:
    s, logic = state(), unit.Logic({"t": decode}, Refused, fold, row_bytes_max=120)
    # ann's row has room for six times of 13 digits; bob's for all of his
    outcomes = apply_all(logic, s, [record(n, "bob" if n % 4 == 3 else "ann", f"e{n}") for n in range(12)])
    dead = [letter for outcome in outcomes for letter in outcome.dead]
    assert {letter.reason for letter in dead} == {"row-too-large"}
    assert "120" in dead[0].error
    assert "ann" in dead[0].error
    assert count(s, "bob") == 3
    assert count(s, "ann") + len(dead) == 9
    assert count(s, "ann") >= 5
    rows = [s.shard.get(encode_key(("user", user))) or b"" for user in ("ann", "bob")]
    assert all(len(row) <= 120 for row in rows)
    tally = s.tallies["t"]
    assert (tally.applied, tally.dead, tally.position) == (12 - len(dead), len(dead), 12)


def test_a_unit_with_trouble_is_worked_off_in_parts_and_ends_where_the_batch_ends() -> None:
    s = state()
    records = [record(n, "fold breaks" if n % 7 == 0 else "ann") for n in range(3 * unit.CAREFUL_RECORDS_MAX)]
    outcomes = apply_all(LOGIC, s, records)
    assert [outcome.partial for outcome in outcomes] == [True, True, False]
    broken = len(range(0, len(records), 7))
    assert count(s, "ann") == len(records) - broken
    assert s.tallies["t"] == Tally(position=len(records), applied=len(records) - broken, dead=broken, at=T)


def test_an_event_that_was_refused_is_no_repeat_when_it_is_sent_again() -> None:
    s = state()
    run(s, record(0, "fold breaks", "e1"), record(1, "ann", "e2"))
    mended = unit.Logic(LOGIC.decoders, Refused, lambda rows, topic, entries: rows.put(("user", "mended"), {"n": 1}))
    outcome = unit.decide(mended, s, [Batch([record(2, "fold breaks", "e1"), record(3, "ann", "e2")])])
    assert outcome is not None
    assert (outcome.counted["t"].applied, outcome.counted["t"].duplicate) == (1, 1)


def test_events_that_fail_only_together_are_told_apart() -> None:
    def at_most_two(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
        fold(rows, topic, entries)
        if (rows.get(("user", "ann")) or {"n": 0})["n"] > 2:
            raise RuntimeError("more than two")

    s, logic = state(), unit.Logic({"t": decode}, Refused, at_most_two)
    (outcome,) = apply_all(logic, s, [record(n) for n in range(4)])
    assert [letter.record.offset for letter in outcome.dead] == [2, 3]
    assert count(s, "ann") == 2


def test_a_row_that_has_no_json_costs_its_event_only() -> None:
    def beyond(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            rows.put(("user", entry.event.user), {"n": 2**70 if entry.event.user == "huge" else 1})

    s, logic = state(), unit.Logic({"t": decode}, Refused, beyond)
    (outcome,) = apply_all(logic, s, [record(0), record(1, "huge"), record(2, "bob")])
    assert [(letter.record.offset, letter.reason) for letter in outcome.dead] == [(1, "error")]
    assert len(s.shard) == 3, "ann, bob and the ledger"


def test_what_a_refused_event_wanted_to_send_on_is_not_sent() -> None:
    def sending(rows: Work, topic: str, entries: Sequence[Entry]) -> None:
        for entry in entries:
            rows.forward(Forward("alerts", b"k", entry.event.user.encode(), ()))
        fold(rows, topic, entries)

    s, logic = state(), unit.Logic({"t": decode}, Refused, sending)
    (outcome,) = apply_all(logic, s, [record(0), record(1, "fold breaks"), record(2, "bob")])
    assert [forward[2] for forward in outcome.forwards] == [b"ann", b"bob"]
