"""Whatever range is asked for, and however far its rows have aged: the answer counts the events that it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.projections import audit_aging
from carbon_stream.projections.audit import DAY_MS, DIMENSIONS, HOUR_MS, MINUTE_MS
from carbon_stream.query.times import rounded_range
from carbon_stream.streaming.rows import decode_key
from carbon_stream.views import audit as audit_view
from carbon_stream.views.audit import AuditView
from tests.support.audit_days import Call, Partition

NOW = 1_764_000_000_000 // DAY_MS * DAY_MS
EDGES = (0, 2 * DAY_MS, 3 * DAY_MS, 31 * DAY_MS, 32 * DAY_MS, 33 * DAY_MS, 399 * DAY_MS)
"""Ages at which something happens; the rest happens at the edges of hours and days."""
HALF = HOUR_MS // 2

ages = st.one_of(
    st.integers(0, 400 * DAY_MS),
    st.builds(
        lambda edge, halves, ms: max(0, edge + halves * HALF + ms),
        st.sampled_from(EDGES),
        st.integers(-4, 4),
        st.integers(-1, 1),
    ),
)
batches = st.lists(
    st.lists(st.builds(lambda user, age: (f"u{user}", age), st.integers(0, 3), ages), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
)


def total(view: AuditView, by: str, begins: int, ends: int, now: int) -> tuple[int, int, int]:
    """What the answer says: its count, and from when to when."""
    asked = rounded_range({"from": str(begins), "to": str(ends)}, now)
    answer = asyncio.run(view.summary(by, asked.start, asked.end, 1_000))
    assert asked.start % MINUTE_MS == asked.end % MINUTE_MS == 0
    return answer["total"], asked.start, asked.end


def loaded(partition: Partition) -> AuditView:
    """A view of all that was committed."""
    view = AuditView()
    for record in partition.log:
        view.apply(0, decode_key(record.key), None if record.value is None else orjson.loads(record.value))
    return view


@contextmanager
def time_is(now: int) -> Iterator[None]:
    """The view's clock, and minutes that are let go of wherever there are any."""
    clock = SimpleNamespace(time=lambda: now / 1000, perf_counter=time.perf_counter)
    with patch.object(audit_aging, "SLOTS_MAX", 0), patch.object(audit_view, "time", clock):
        yield


@settings(max_examples=150, deadline=None)
@given(batches, st.integers(0, DAY_MS), ages, ages, st.sampled_from(DIMENSIONS), st.booleans())
def test_a_summary_is_the_count_of_its_range(
    sent: list[list[tuple[str, int]]], of_day: int, one: int, other: int, by: str, is_swept: bool
) -> None:
    now = NOW + of_day
    partition = Partition(now)
    with time_is(now):
        for batch in sent:
            partition.fold([Call(user, now - age) for user, age in batch])
            if is_swept:
                partition.sweep_round()
        count, start, end = total(loaded(partition), by, now - max(one, other), now - min(one, other), now)
    assert count == sum(start <= call.at < end for call in partition.folded)


@pytest.mark.parametrize("halves_of_day", [0, 1, 2, 3, 24, 44, 45, 46, 47])
def test_ranges_that_begin_where_rows_age(halves_of_day: int) -> None:
    now = NOW + halves_of_day * HALF
    around = [now - edge - halves * HALF for edge in EDGES for halves in range(-4, 5) if edge + halves * HALF >= 0]
    partition = Partition(now)
    with time_is(now):
        partition.fold([Call("ann", at) for at in around])
        partition.sweep_round()
        view = loaded(partition)
        for begins in around:
            count, start, end = total(view, "user", begins, now + 1, now)
            assert count == sum(start <= call.at < end for call in partition.folded), now - begins
