"""A summary that runs while a sweep's rows arrive has each count once: where it was or where it went."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.projections import audit, audit_aging
from carbon_stream.projections.audit import DAY_MS, DIMENSIONS, HOUR_MS
from carbon_stream.streaming import sweeping
from carbon_stream.streaming.rows import decode_key
from carbon_stream.views import audit as audit_view
from carbon_stream.views.audit import AuditView
from carbon_stream.views.moves import Moves
from tests.support.audit_days import Call, LogRecord, Partition

NOW = 1_764_000_000_000

calls = st.lists(
    st.builds(
        lambda user, days, hours: Call(f"u{user}", NOW // DAY_MS * DAY_MS - days * DAY_MS + hours * HOUR_MS),
        st.integers(0, 4),
        st.sampled_from((0, 31, 32, 33, 40)),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
)
RANGE = (NOW - 120 * DAY_MS, NOW + DAY_MS)


def arrive(view: AuditView, log: Sequence[LogRecord], cuts: Sequence[int]) -> Iterator[None]:
    """The log in polls, as `ChangelogReader` hands it over: pauses wherever a reader may give way."""
    moves = Moves()
    bounds = [0, *sorted(cuts), len(log)]
    for start, end in pairwise(bounds):
        for run in moves.runs(log[start:end]):
            for key, value in run.rows.items():
                view.apply(0, decode_key(key or b""), None if value is None else orjson.loads(value))
                if not run.is_move:
                    yield
            yield
        yield


@settings(max_examples=80, deadline=None)
@given(
    st.lists(calls, min_size=1, max_size=4),
    st.lists(st.integers(0, 500), max_size=8),
    st.sampled_from(DIMENSIONS),
    st.integers(1, 5),
    st.integers(1, 30),
    st.lists(st.integers(0, 3), min_size=1, max_size=30),
)
def test_moves_never_show(
    batches: list[list[Call]], cuts: list[int], by: str, users: int, rows: int, pace: list[int]
) -> None:
    partition, view = Partition(NOW), AuditView()
    with (
        patch.dict(audit.ENTITIES_MAX, {"user": users}),
        patch.object(audit_aging, "SWEEP_ROWS_MAX", rows),
        patch.object(sweeping, "STEP_ROWS_MAX", rows),
        patch.object(audit_view, "_SLICE_S", -1.0),  # give way at every step
        patch.object(audit_view, "_ROWS_BETWEEN_LOOKS", 1),
    ):
        for batch in batches:
            partition.fold(batch)
        for _ in arrive(view, partition.log, ()):
            pass
        before = len(partition.log)
        partition.sweep_round()
        news = arrive(view, partition.log[before:], [cut for cut in cuts if cut < len(partition.log) - before])
        for answer in summaries(view, by, news, pace):
            assert answer["total"] == len(partition.folded)
            if by != "user":
                assert answer["groups"][0]["count"] == len(partition.folded)
                assert len(answer["groups"]) == 1


def summaries(view: AuditView, by: str, news: Iterator[None], pace: list[int]) -> Iterator[dict[str, Any]]:
    """One summary after the other, a few steps of news between its own, until all has arrived and one more."""
    arrived, turn = False, 0
    while True:
        is_last = arrived
        asking = view.summary(by, *RANGE, 1_000)
        while True:
            try:
                assert asking.send(None) is None  # it does nothing but give way: `asyncio.sleep(0)`
            except StopIteration as answer:
                yield answer.value
                break
            for _ in range(pace[turn % len(pace)]):
                arrived = next(news, news) is news
            turn += 1
        for _ in range(not any(pace)):
            arrived = next(news, news) is news
        if is_last:
            return


async def test_giving_way_is_what_the_property_takes_it_for() -> None:
    step = asyncio.sleep(0)
    assert step.send(None) is None
    step.close()
