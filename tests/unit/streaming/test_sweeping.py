"""Sweeps go round a partition's rows in bounded steps: each row has its turn in every round."""

from __future__ import annotations

import pytest

from carbon_stream.streaming import sweeping
from carbon_stream.streaming.formats import FIRST
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Key, Work, encode_key
from carbon_stream.streaming.sweeping import Sweeper

NOW = 1_764_000_000_000


def shard(count: int) -> MemoryShard:
    made = MemoryShard()
    made.apply({encode_key(("user", n)): b"{}" for n in range(count)}, {}, 0)
    return made


def test_a_round_looks_at_every_row_once_in_bounded_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "STEP_ROWS_MAX", 4)
    steps: list[list[Key]] = []

    def sweep(rows: Work, now: int) -> None:
        assert now == NOW
        steps.append(list(rows.keys()))

    sweeper = Sweeper(sweep, shard(10), FIRST, lambda: NOW)
    assert sweeper.wait_s() == 0, "the first round is due at once"
    waits = [(sweeper.step(), sweeper.wait_s())[1] for _ in range(3)]
    assert [len(step) for step in steps] == [4, 4, 2]
    assert sorted(key for step in steps for key in step) == [("user", n) for n in range(10)]
    assert waits[:2] == [0, 0]
    assert waits[2] > 0


def test_a_sweep_that_stops_early_goes_on_where_it_stopped() -> None:
    def sweep(rows: Work, now: int) -> None:
        for done, key in enumerate(rows.keys(), 1):
            rows.delete(key)
            if done == 3:
                return

    rows = shard(8)
    sweeper = Sweeper(sweep, rows, FIRST, lambda: NOW)
    sizes = []
    for _ in range(3):
        changes = sweeper.step().changes
        rows.apply(changes, {}, 0)
        sizes.append(len(changes))
    assert sizes == [3, 3, 2]
    assert len(rows) == 0
    assert sweeper.wait_s() > 0


def test_what_was_not_committed_is_found_again_by_the_next_round() -> None:
    def sweep(rows: Work, now: int) -> None:
        keys = rows.keys()
        for key in keys:
            rows.delete(key)

    sweeper = Sweeper(sweep, shard(3), FIRST, lambda: NOW)
    assert len(sweeper.step().changes) == 3
    assert len(sweeper.step().changes) == 3


def test_rows_that_went_or_came_during_a_round_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "STEP_ROWS_MAX", 2)
    found: list[tuple[Key, bool]] = []

    def sweep(rows: Work, now: int) -> None:
        keys = rows.keys()
        found.extend((key, rows.get(key) is not None) for key in keys)

    rows = shard(4)
    sweeper = Sweeper(sweep, rows, FIRST, lambda: NOW)
    sweeper.step()
    rows.apply({encode_key(("user", 2)): None, encode_key(("user", 9)): b"{}"}, {}, 0)
    sweeper.step()
    assert found == [(("user", 0), True), (("user", 1), True), (("user", 2), False), (("user", 3), True)]
    assert sweeper.wait_s() > 0


def test_nothing_ages_before_the_brokers_time_is_known() -> None:
    def sweep(rows: Work, now: int) -> None:
        raise AssertionError("without a clock")

    sweeper = Sweeper(sweep, shard(3), FIRST, lambda: None)
    assert sweeper.step() == ({}, [])
    assert sweeper.wait_s() > 0
