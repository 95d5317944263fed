"""A rate holds over time, batches are never torn, and what repeats is told once a minute."""

import pytest

from carbon_stream.access.principal import Principal, Rate
from carbon_stream.access.rate import Bucket, Buckets
from carbon_stream.access.repeats import Repeats


def test_a_batch_beyond_the_burst_goes_into_debt_which_is_paid_in_time() -> None:
    bucket = Bucket(Rate(10, 20), 0.0)
    assert bucket.wait_s(0.0) == 0
    bucket.spend(120, 0.0)
    assert bucket.wait_s(0.0) == pytest.approx(10.0)
    assert bucket.wait_s(9.9) > 0
    assert bucket.wait_s(10.1) == 0


def test_nobody_saves_up_more_than_the_burst() -> None:
    bucket = Bucket(Rate(10, 20), 0.0)
    assert bucket.wait_s(1_000.0) == 0
    bucket.spend(21, 1_000.0)
    assert bucket.wait_s(1_000.0) > 0


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    bucket = Bucket(Rate(10, 1), 5.0)
    bucket.spend(1, 5.0)
    assert bucket.wait_s(4.0) > 0


def test_each_principal_has_its_own() -> None:
    now = [0.0]
    buckets = Buckets(lambda: now[0])
    one, other = (Principal(name, "key", frozenset({"sender"}), name, rate=Rate(1, 1)) for name in ("one", "other"))
    free = Principal("free", "key", frozenset({"sender"}), "free")
    buckets.spend(one, 5)
    buckets.spend(free, 1_000_000)
    assert buckets.wait_s(one) > 0
    assert (buckets.wait_s(other), buckets.wait_s(free)) == (0, 0)
    now[0] = 10.0
    assert buckets.wait_s(one) == 0


def test_a_repeat_is_counted_and_told_when_its_minute_is_over() -> None:
    repeats: Repeats[str] = Repeats()
    assert repeats.first("a", 0.0)
    assert not repeats.first("a", 1.0)
    assert not repeats.first("a", 2.0, 5)
    assert repeats.first("b", 3.0)
    assert list(repeats.due(59.0)) == []
    assert list(repeats.due(60.0)) == [("a", 6)]
    assert list(repeats.due(63.0)) == []
    assert repeats.first("a", 64.0)
    assert repeats.first("b", 64.0)


def test_things_without_end_take_no_memory_without_end() -> None:
    repeats: Repeats[int] = Repeats(things_max=10)
    told = [number for number in range(1_000) if repeats.first(number, 0.0)]
    assert told == list(range(10))
    assert repeats.beyond == 990
