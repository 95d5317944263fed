"""What has been seen: segments, their window, the worker's budget, and what survives a restart."""

import orjson

from carbon_stream.streaming.deduplication import (
    SEGMENT_IDS_MIN,
    WINDOW_MS,
    Budget,
    Seen,
    digest,
    take_segments,
)
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import encode_key

T = 1_764_000_000_000


def number(name: str) -> int:
    return int.from_bytes(digest("svc", name), "big")


def remember(seen: Seen, names: list[str], first_offset: int, at: int = T) -> dict[bytes, bytes | None]:
    change = seen.plan({number(name): digest("svc", name) for name in names}, first_offset, at)
    seen.apply(change)
    return change.rows


def test_an_identity_is_source_and_id_together() -> None:
    assert len({digest("a", "1"), digest("b", "1"), digest("a", "2"), digest("a1", ""), digest("", "a1")}) == 5


def test_nothing_is_remembered_before_it_is_applied() -> None:
    seen = Seen("t", Budget())
    seen.plan({number("a"): digest("svc", "a")}, 0, T)
    assert number("a") not in seen


def test_small_batches_share_a_segment_and_large_ones_have_their_own() -> None:
    seen = Seen("t", Budget())
    first = remember(seen, ["a"], 10)
    second = remember(seen, ["b"], 11)
    assert list(first) == list(second) == [encode_key(("ids", "t", 10))]
    remember(seen, [f"n{n}" for n in range(SEGMENT_IDS_MIN)], 12)
    assert list(remember(seen, ["z"], 99)) == [encode_key(("ids", "t", 99))]
    assert all(number(name) in seen for name in ("a", "b", "n0", "z"))


def test_what_is_older_than_the_window_leaves_with_a_tombstone() -> None:
    seen = Seen("t", Budget())
    remember(seen, [f"old{n}" for n in range(SEGMENT_IDS_MIN)], 0, T)
    rows = remember(seen, ["new"], 100, T + WINDOW_MS + 1)
    assert rows[encode_key(("ids", "t", 0))] is None
    assert number("old0") not in seen
    assert number("new") in seen


def test_what_is_within_the_window_stays() -> None:
    seen = Seen("t", Budget())
    remember(seen, [f"old{n}" for n in range(SEGMENT_IDS_MIN)], 0, T)
    remember(seen, ["new"], 100, T + WINDOW_MS)
    assert number("old0") in seen


def test_the_largest_holder_lets_go_when_the_worker_has_too_many() -> None:
    budget = Budget(ids_max=200)
    busy, quiet = Seen("busy", budget), Seen("quiet", budget)
    remember(quiet, [f"q{n}" for n in range(70)], 0)
    for batch in range(5):
        remember(busy, [f"b{batch}-{n}" for n in range(70)], batch * 70)
    remember(quiet, ["one"], 70)
    assert number("q0") in quiet
    assert number("b0-0") not in busy
    assert number("b4-0") in busy
    assert budget.held == len(busy) + len(quiet)


def test_a_budget_gets_its_share_back_when_a_partition_closes() -> None:
    budget = Budget()
    seen = Seen("t", budget)
    remember(seen, ["a", "b"], 0)
    seen.close()
    assert (budget.held, budget.holders) == (0, 0)


def test_segments_survive_a_restart_and_are_taken_out_of_the_rows() -> None:
    seen = Seen("t", Budget())
    rows: dict[bytes, bytes | None] = {encode_key(("user", 0, "ann")): orjson.dumps({"v": 1})}
    rows |= remember(seen, ["a", "b"], 5)
    shard = MemoryShard()
    shard.load(rows, 1)
    again = Seen("t", Budget())
    again.restore(take_segments(shard)["t"])
    assert number("a") in again
    assert number("b") in again
    assert list(shard.keys()) == [encode_key(("user", 0, "ann"))]


def test_a_restore_of_what_is_known_already_changes_nothing() -> None:
    budget = Budget()
    seen = Seen("t", budget)
    rows = remember(seen, ["a", "b"], 5)
    row = rows[encode_key(("ids", "t", 5))]
    assert row is not None
    seen.restore([(5, orjson.loads(row))])
    assert (len(seen), budget.held) == (2, 2)
