"""Whether what a shard holds can be gone on from, as a decision. If not, it is read from the changelog again."""

from __future__ import annotations

from carbon_stream.streaming.changelogs import Changelog
from carbon_stream.streaming.shard import SEGMENT, Changes, Mark, Shard, now_ms

CLOCK_MS_MAX = 10 * 60_000
"""How far the clock that wrote a mark may be ahead of ours."""

RETENTION_SHARE = 0.9
"""Of the changelog's delete retention: the brokers' clocks and ours need not agree to the minute."""

TOUCH_AFTER_MS = 4 * 3_600_000
"""How old the mark of an idle partition gets before something is written for its sake."""


def why_void(mark: Mark, changelog: Changelog, begin: int, end: int, now: int) -> str | None:
    """The reason for which a shard with this mark must not be gone on from; None if it may be, or holds nothing.

    `begin` and `end` are the changelog partition's offsets. A row that was deleted leaves a tombstone, which the
    brokers may remove once the delete retention is over: who has not read it by then keeps the row for ever.
    """
    if mark == Mark():
        return None
    if mark.origin.cluster != changelog.origin.cluster:
        return f"it is of another cluster ({mark.origin.cluster}, here {changelog.origin.cluster})"
    if mark.origin.topic != changelog.origin.topic:
        return f"the changelog was made anew (was {mark.origin.topic}, is {changelog.origin.topic})"
    if mark.position > end:
        return f"the changelog ends at {end}, before its position {mark.position}"
    if mark.position < begin:
        return f"the changelog begins at {begin}, after its position {mark.position}"
    age_ms = now - mark.at
    if age_ms < -CLOCK_MS_MAX:
        return f"it was written {-age_ms / 1000:,.0f} s from now: the clock was moved"
    if age_ms > changelog.delete_retention_ms * RETENTION_SHARE:
        return (
            f"it is stale: {age_ms / 3_600_000:,.1f} h old, and deletions are told for {_hours(changelog):,.1f} h only"
        )
    return None


def _hours(changelog: Changelog) -> float:
    return changelog.delete_retention_ms / 3_600_000


def touched(shard: Shard) -> Changes:
    """What an idle partition commits so that its rows do not become stale although nobody else has changed them: the
    commit proves that it is still ours. It deletes a segment that never was, which no reader looks at.
    """
    return {SEGMENT + b'"",0]': None} if now_ms() - shard.mark.at > TOUCH_AFTER_MS else {}
