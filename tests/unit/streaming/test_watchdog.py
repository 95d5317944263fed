"""What stands still is noticed: a step that hangs, a last batch that never arrived. What only waits is left alone."""

from faust.types import TP

from carbon_stream.streaming.watchdog import ARRIVAL_S_MAX, STEP_S_MAX, Sight, Watchdog, hangs


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
