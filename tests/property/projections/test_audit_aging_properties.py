"""Folds, late events and sweeps in any order: hours and days together count every event once, at every moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.projections import audit, audit_aging
from carbon_stream.projections.audit import DAY_MS, HOUR_MS
from carbon_stream.projections.sketch import total
from carbon_stream.streaming import sweeping
from tests.support.audit_days import Call, Partition

NOW = 1_764_000_000_000

calls = st.lists(
    st.builds(
        lambda user, age, code: Call(f"u{user}", NOW - age, code),
        st.integers(0, 4),
        st.one_of(st.integers(0, 2 * DAY_MS), st.integers(0, 60).map(lambda days: days * DAY_MS // 2)),
        st.sampled_from((200, 404, 500)),
    ),
    min_size=1,
    max_size=6,
)
steps = st.lists(
    st.one_of(calls, st.just("sweep"), st.just("round"), st.integers(0, 40).map(lambda hours: hours * 12 * HOUR_MS)),
    max_size=25,
)


@contextmanager
def bounds(users: int, rows: int) -> Iterator[None]:
    """Small bounds, so that a few rows reach them."""
    with (
        patch.dict(audit.ENTITIES_MAX, {"user": users}),
        patch.object(audit_aging, "SWEEP_ROWS_MAX", rows),
        patch.object(audit_aging, "SLOTS_MAX", 1),
        patch.object(sweeping, "STEP_ROWS_MAX", rows),
    ):
        yield


def done(partition: Partition, step: list[Call] | str | int) -> None:
    if isinstance(step, list):
        partition.fold(step)
    elif isinstance(step, int):
        partition.now += step
    elif step == "sweep":
        partition.sweep()
    else:
        partition.sweep_round()


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(1, 5), st.integers(1, 9))
def test_every_event_counts_once_at_every_moment(plan: list[list[Call] | str | int], users: int, rows: int) -> None:
    with bounds(users, rows):
        partition = Partition(NOW)
        for step in plan:
            done(partition, step)
            truth = partition.truth()
            for dimension, counted in partition.totals().items():
                assert counted == truth, dimension


@settings(max_examples=60, deadline=None)
@given(steps)
def test_when_sweeps_come_does_not_matter(plan: list[list[Call] | str | int]) -> None:
    """Within the bound on entities: the same events, folded in another order and swept only at the end."""
    with bounds(10, 9):
        one, other = Partition(NOW), Partition(NOW)
        for step in plan:
            done(one, step)
        one.now = other.now = NOW + 100 * DAY_MS
        for batch in [step for step in plan if isinstance(step, list)][::-1]:
            other.fold(batch[::-1])
        for partition in (one, other):
            partition.sweep_round()
            partition.sweep_round()
        assert one.rows() == other.rows()
        latencies = sum(total(row["s"]) for key, row in one.rows().items() if key[0] == "user-day")
        assert latencies == len(one.folded)
