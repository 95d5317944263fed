"""What a partition makes of topics and changelogs that no longer hold what it expects."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import pytest

from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.ledger import Tally
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.positions import (
    ROWS_AT_ONCE,
    SHORT_SIGHTS_MIN,
    Positions,
    gaps,
    is_truncated,
    starting_over,
)
from carbon_stream.streaming.restore import Bounds, RestoreStalled
from carbon_stream.streaming.rows import encode_key


@dataclass
class Record:
    offset: int
    topic: str = "t"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


def batch(*offsets: int, topic: str = "t") -> Batch:
    return Batch([Record(offset, topic) for offset in offsets])


def test_offsets_deleted_before_they_were_read_are_counted_as_lost() -> None:
    tally, lost = Positions("p").checked("t", Tally(position=10, applied=10, at=1), Bounds(25, 40))
    assert (tally.position, tally.applied, lost) == (25, 10, 15)


def test_a_stage_that_has_read_nothing_yet_begins_where_the_topic_begins_and_has_lost_nothing() -> None:
    assert Positions("p").checked("t", Tally(), Bounds(25, 40)) == (Tally(position=25), 0)


def test_a_topic_is_believed_to_be_made_anew_only_when_it_was_seen_so_repeatedly() -> None:
    positions, tally = Positions("p"), Tally(position=10, at=1)
    for _ in range(SHORT_SIGHTS_MIN - 1):
        with pytest.raises(RestoreStalled):
            positions.checked("t", tally, Bounds(0, 3))
    assert positions.checked("t", tally, Bounds(0, 3))[0].position == 0


def test_one_good_sight_of_a_topic_takes_the_short_ones_back() -> None:
    positions, tally = Positions("p"), Tally(position=10, at=1)
    for _ in range(2):
        with pytest.raises(RestoreStalled):
            positions.checked("t", tally, Bounds(0, 3))
        assert positions.checked("t", tally, Bounds(0, 30)) == (tally, 0)


def test_more_than_one_missing_offset_is_a_gap_and_a_single_one_is_a_marker() -> None:
    batches = [batch(11, 12), batch(14, 15), batch(20), batch(7, topic="u"), batch(9, topic="u")]
    positions = {"t": 10, "u": 0}
    assert list(gaps(batches, positions.__getitem__)) == [("t", 16, 20), ("u", 0, 7)]


def test_what_was_read_before_is_no_gap() -> None:
    assert list(gaps([batch(1, 2), batch(3, 12)], {"t": 10}.__getitem__)) == []


def test_a_truncated_changelog_is_told_once_and_again_when_it_is_truncated_again() -> None:
    shard = MemoryShard()
    assert not is_truncated(shard, 0)
    assert is_truncated(shard, 5)
    for changes in starting_over(shard, [], 5):
        shard.apply(changes, {}, 0)
    assert not is_truncated(shard, 5)
    assert is_truncated(shard, 6)


def test_starting_over_takes_all_rows_away_before_it_says_that_it_has() -> None:
    shard = MemoryShard()
    shard.apply({encode_key(("user", n)): orjson.dumps({"n": n}) for n in range(ROWS_AT_ONCE)}, {}, 0)
    segment = encode_key(("ids", "t", 4))
    *tombstones, last = list(starting_over(shard, [segment], 9))
    assert [len(changes) for changes in tombstones] == [ROWS_AT_ONCE, 1]
    assert all(row is None for changes in tombstones for row in changes.values())
    for changes in tombstones:
        shard.apply(changes, {}, 0)
    assert len(shard) == 0
    assert is_truncated(shard, 9)
    shard.apply(last, {}, 0)
    assert not is_truncated(shard, 9)
