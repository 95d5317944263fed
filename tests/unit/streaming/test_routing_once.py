"""A route sees each event once, in its unit of work, and not again where rows are made again."""

from collections.abc import Sequence
from dataclasses import replace

from carbon_stream.streaming import positions, unit
from carbon_stream.streaming.batch import Batch, Record
from carbon_stream.streaming.deduplication import Budget, Seen
from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Work, encode_key
from carbon_stream.streaming.shard import parted
from tests.unit.streaming.test_unit_of_work import LOGIC, record, state


def route(rows: Work, topic: str, entries: Sequence[Entry], records: Sequence[Record]) -> None:
    for entry, one in zip(entries, records, strict=True):
        assert entry.offset == one.offset
        rows.forward(Forward("next", b"k", b"%d" % entry.offset))


ROUTING = replace(LOGIC, route=route)


def sent(into: unit.State, *records: Record) -> list[int]:
    outcome = unit.decide(ROUTING, into, [Batch(records)])
    assert outcome is not None
    unit.apply(into, outcome, 0)
    return [int(forward.value) for forward in outcome.forwards]


def test_each_new_event_is_routed_and_no_repeat() -> None:
    into = state()
    assert sent(into, record(0, event_id="a"), record(1, event_id="a"), record(2)) == [0, 2]
    assert sent(into, record(2), record(3, event_id="a"), record(4)) == [4]


def test_what_is_refused_is_not_routed_and_the_others_are_once() -> None:
    assert sent(state(), record(0), record(1, "fold breaks"), record(2), record(3, "decoder breaks")) == [0, 2]


def test_rows_that_are_made_again_send_nothing_a_second_time() -> None:
    into = state()
    sent(into, *(record(offset) for offset in range(5)))
    for changes in positions.starting_over(into.shard, [], 7):
        into.shard.apply(*parted(changes), 0)
    assert into.shard.get(encode_key(("ledger", "t"))) is None
    again = unit.State(into.shard, {topic: Seen(topic, Budget()) for topic in ("t", "u")})
    again.routed["t"] = positions.routed(into.shard, "t", 10)
    assert again.routed["t"] == 5
    assert sent(again, *(record(offset) for offset in range(3))) == []
    # begun again a second time before the first was over: what was sent then still counts
    for changes in positions.starting_over(again.shard, [], 8):
        again.shard.apply(*parted(changes), 0)
    assert positions.routed(again.shard, "t", 10) == 5
    assert positions.routed(again.shard, "t", 3) == 0  # a topic that was made anew
    assert positions.routed(MemoryShard(), "t", 10) == 0
    last = unit.State(again.shard, {topic: Seen(topic, Budget()) for topic in ("t", "u")})
    last.routed["t"] = 5
    assert sent(last, *(record(offset) for offset in range(8))) == [5, 6, 7]
