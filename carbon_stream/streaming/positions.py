"""Where a partition goes on from, and what its topics and its changelog no longer have."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import orjson

from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.ledger import LEDGER, Tally
from carbon_stream.streaming.restore import Bounds, RestoreStalled
from carbon_stream.streaming.rows import Key, Work, decode_key, encode_key
from carbon_stream.streaming.shard import Changes, Shard

log = logging.getLogger(__name__)

SHORT_SIGHTS_MIN = 3
"""How often a topic must be seen to end before our position until it is believed to have been deleted and made anew."""

BEGIN_KEY: Key = ("changelog", "begin")
"""The row that says from which changelog offset on the rows are known to be whole; absent: from 0 on."""

ROUTED = "routed"
"""`("routed", topic)` is the row that says up to which offset events had been sent on when rows were made again."""

ROWS_AT_ONCE = 20_000
"""Tombstones in one transaction."""


class Positions:
    """Compares positions with what the topics hold; `owner` is who logs."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._short: dict[str, int] = {}

    def checked(self, topic: str, tally: Tally, bounds: Bounds) -> tuple[Tally, int]:
        """The tally with a position that the topic has, and how many offsets were lost before they were read.

        Raises RestoreStalled where a topic seems to have been made anew, until that has been seen often enough.
        """
        if tally.position > bounds.end:
            # reading a whole topic again counts it again: one answer of one broker is not enough for that
            self._short[topic] = self._short.get(topic, 0) + 1
            if self._short[topic] < SHORT_SIGHTS_MIN:
                raise RestoreStalled(f"{topic} ends at {bounds.end}, before position {tally.position}: looking again")
            self._short[topic] = 0
            log.error(
                "%s: %s was made anew (position %d, end %d): reading it from %d",
                self._owner, topic, tally.position, bounds.end, bounds.begin,
            )  # fmt: skip
            return replace(tally, position=bounds.begin), 0
        self._short.pop(topic, None)
        lost = bounds.begin - tally.position
        if lost <= 0:
            return tally, 0
        if not tally.at:  # nothing was ever read: a stage that starts now begins where the topic begins
            return replace(tally, position=bounds.begin), 0
        return replace(tally, position=bounds.begin), self.lost(topic, tally.position, bounds.begin)

    def lost(self, topic: str, start: int, end: int) -> int:
        """How many offsets the topic has lost before they were read, from `start` until before `end`; it is logged."""
        if end > start:
            log.error("%s: %s lost offsets %d to %d before they were read", self._owner, topic, start, end - 1)
        return max(0, end - start)


def gaps(batches: Iterable[Batch], position: Callable[[str], int]) -> Iterator[tuple[str, int, int]]:
    """(topic, first missing offset, next offset there is) wherever more than one offset is missing before a batch.

    A single one is a transaction's marker nearly always.
    """
    expected: dict[str, int] = {}
    for batch in batches:
        topic, first = batch[0].topic, batch[0].offset
        at = expected.get(topic, position(topic))
        if first > at + 1:
            yield topic, at, first
        expected[topic] = max(at, batch[-1].offset + 1)


def is_truncated(shard: Shard, begin: int) -> bool:
    """Whether the changelog, which begins at `begin`, has lost rows since they were last made whole.

    Compaction never moves a changelog's beginning; retention by time or size, and deleting records, do.
    """
    row = Work(shard).get(BEGIN_KEY)
    return begin > (0 if row is None else int(row["begin"]))


def starting_over(shard: Shard, segments: Iterable[bytes], begin: int) -> Iterator[Changes]:
    """Changes that take all rows away, some at a time, and then say that rows are whole from `begin` on.

    First of all they say how far events have been sent on: that is not to be done again. `segments` are keys of
    identities that are no longer in the shard.
    """
    routed = {encode_key((ROUTED, topic)): orjson.dumps({"v": 1, "offset": at}) for topic, at in _reached(shard)}
    if routed:
        yield dict(routed)
    keys = list(dict.fromkeys([*shard.keys(), *(key for key, _ in shard.segments()), *segments]))
    keys = [key for key in keys if key not in routed]
    for start in range(0, len(keys), ROWS_AT_ONCE):
        yield dict.fromkeys(keys[start : start + ROWS_AT_ONCE])
    yield {encode_key(BEGIN_KEY): orjson.dumps({"v": 1, "begin": begin})}


def routed(shard: Shard, topic: str, end: int) -> int:
    """The offset from which on events of the topic, which ends at `end`, have not been sent on; 0 if all may be new."""
    row = Work(shard).get((ROUTED, topic))
    offset = 0 if row is None else int(row["offset"])
    return offset if offset <= end else 0  # the topic was made anew


def _reached(shard: Shard) -> Iterator[tuple[str, int]]:
    """How far each topic has been worked off, at any time."""
    reached: dict[str, int] = {}
    for encoded in list(shard.keys()):
        key = decode_key(encoded)
        row = Work(shard).get(key) if key[0] in (LEDGER, ROUTED) else None
        if row is not None:
            at = int(row["position" if key[0] == LEDGER else "offset"])
            reached[str(key[1])] = max(at, reached.get(str(key[1]), 0))
    yield from reached.items()
