"""What stands still is noticed: a step that hangs, a last batch that never arrived. What only waits is left alone."""

from faust.types import TP

from carbon_stream.streaming.watchdog import (
    ARRIVAL_S_MAX,
    STEP_S_MAX,
    STILL_S_MAX,
    Sight,
    Standstill,
    Watchdog,
    hangs,
    lag,
)


def sight(position: int = 10, handed_over: int | None = 9, busy_s: float = 0.0, partition: int = 0) -> Sight:
    return Sight(TP("t", partition), position, handed_over, busy_s)


def test_a_step_that_takes_too_long_is_told() -> None:
    assert hangs(STEP_S_MAX + 1) == "one step has taken 121 s"
    assert hangs(STEP_S_MAX) is None


def test_a_batch_that_never_arrives_is_read_again_once_it_is_overdue() -> None:
    dog = Watchdog()
    assert dog.misses(sight(10, 12), 0.0) is None
    assert dog.misses(sight(10, 12), ARRIVAL_S_MAX - 0.1) is None
    why = dog.misses(sight(10, 12), ARRIVAL_S_MAX)
    assert why is not None
    assert "12" in why
    assert dog.misses(sight(10, 12), ARRIVAL_S_MAX + 1) is None, "a new wait begins"


def test_a_partition_that_works_or_moves_is_left_alone() -> None:
    dog = Watchdog()
    dog.misses(sight(10, 12), 0.0)
    assert dog.misses(sight(10, 12, busy_s=0.5), ARRIVAL_S_MAX) is None
    assert dog.misses(sight(10, 12), ARRIVAL_S_MAX) is None, "waited anew after it was busy"
    assert dog.misses(sight(11, 12), 2 * ARRIVAL_S_MAX) is None, "waited anew after it moved"


def test_nothing_is_missing_when_all_that_was_handed_over_is_applied() -> None:
    dog = Watchdog()
    for handed_over in (9, None):
        dog.misses(sight(10, handed_over), 0.0)
        assert dog.misses(sight(10, handed_over), 100.0) is None


def test_partitions_are_watched_apart() -> None:
    dog = Watchdog()
    dog.misses(sight(10, 12, partition=1), 0.0)
    assert dog.misses(sight(10, 12, partition=2), ARRIVAL_S_MAX) is None
    assert dog.misses(sight(10, 12, partition=1), ARRIVAL_S_MAX) is not None


def test_reading_that_stands_still_before_the_end_is_told_once_it_has_done_so_for_long() -> None:
    dog, tp, other = Standstill(), TP("t", 0), TP("t", 1)
    assert dog.stands({tp: (10, 12), other: (5, 5)}, 0.0) is None
    assert dog.stands({tp: (10, 15), other: (5, 5)}, STILL_S_MAX - 0.1) is None
    why = dog.stands({tp: (10, 20), other: (5, 5)}, STILL_S_MAX)
    assert why == "t/0: reading stands still at offset 10, and there is more up to 20"


def test_reading_that_moves_or_is_at_the_end_or_was_busy_is_left_alone() -> None:
    tp = TP("t", 0)
    for between in ({tp: (11, 12)}, {tp: (10, 10)}, {}):
        dog = Standstill()
        dog.stands({tp: (10, 12)}, 0.0)
        assert dog.stands(between, STILL_S_MAX / 2) is None
        assert dog.stands({tp: (11 if between.get(tp) == (11, 12) else 10, 12)}, STILL_S_MAX) is None, between


def test_markers_behind_the_last_record_are_no_lag() -> None:
    assert lag(sight(10, 9), read_next=12, end=12) == 0
    assert lag(sight(10, None), read_next=12, end=15) == 3
    assert lag(sight(10, 11), read_next=12, end=12) == 2, "what was handed over is not applied yet"
    assert lag(sight(10, 9), read_next=10, end=10) == 0
