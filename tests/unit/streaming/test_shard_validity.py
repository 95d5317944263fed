"""Which kept rows are gone on from."""

from dataclasses import replace

import pytest

from carbon_stream.streaming.changelogs import Changelog
from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.shard import Mark, Origin, now_ms
from carbon_stream.streaming.validity import TOUCH_AFTER_MS, touched, why_void

NOW = 1_764_000_000_000
HOUR = 3_600_000
MARK = Mark(Origin("c", "t"), 50, NOW - HOUR)
CHANGELOG = Changelog(Origin("c", "t"), 24 * HOUR)


@pytest.mark.parametrize("mark", [MARK, Mark(), replace(MARK, position=100), replace(MARK, position=10)])
def test_what_follows_on_the_changelog_is_gone_on_from(mark: Mark) -> None:
    assert why_void(mark, CHANGELOG, 10, 100, NOW) is None


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (replace(MARK, origin=Origin("other", "t")), "it is of another cluster (other, here c)"),
        (replace(MARK, origin=Origin("c", "old")), "the changelog was made anew (was old, is t)"),
        (replace(MARK, position=101), "the changelog ends at 100, before its position 101"),
        (replace(MARK, position=9), "the changelog begins at 10, after its position 9"),
        (replace(MARK, at=NOW - 22 * HOUR), "it is stale: 22.0 h old, and deletions are told for 24.0 h only"),
        (replace(MARK, at=NOW + HOUR), "it was written 3,600 s from now: the clock was moved"),
    ],
)
def test_what_does_not_is_told_with_its_reason(mark: Mark, why: str) -> None:
    assert why_void(mark, CHANGELOG, 10, 100, NOW) == why


@pytest.mark.parametrize(("age_ms", "is_touched"), [(0, False), (TOUCH_AFTER_MS + 10_000, True)])
def test_rows_that_nothing_has_happened_to_for_long_are_touched_by_what_changes_none(
    age_ms: int, is_touched: bool
) -> None:
    shard = MemoryShard()
    shard.load({b'["user",0,"ann"]': b"{}"}, 5, now_ms() - age_ms)
    changes = touched(shard)
    assert bool(changes) == is_touched
    shard.apply(changes, {}, 6)
    assert (len(shard), list(shard.keys()), shard.segments()) == (1, [b'["user",0,"ann"]'], [])
    assert not touched(shard)
