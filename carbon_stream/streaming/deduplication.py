"""What has been seen: identities of events, kept in segments that are rows of the stage's own changelog.

An identity is (source, event id) on one topic and partition, kept as a 128-bit BLAKE2b digest: a faster hash without
cryptographic strength would let one sender craft an id that makes another's event look like a repeat. A replayed
record is not its own repeat, because a partition's position is committed with its rows and records before it are
never looked at again.

Window: 24 hours by the broker's clock, or `ids_max` identities a worker (1,000,000 unless set), whichever is less.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import orjson

from carbon_stream.streaming.rows import Row, decode_key, encode_key
from carbon_stream.streaming.shard import Changes, Shard

FAMILY = "ids"
"""The first part of a segment's key: ["ids", topic, first offset]."""

DIGEST_BYTES = 16
WINDOW_MS = 24 * 3_600_000
SEGMENT_IDS_MIN = 64
"""A segment with fewer identities is written again with the next ones: the fewest rows without rewriting much."""


def digest(source: str, event_id: str) -> bytes:
    """16 bytes that stand for an event's identity; TypeError for an event that has no id, and so has none."""
    # a shorter digest_size would take twice the time: cutting the digest is as good
    return blake2b((source + "\0" + event_id).encode("utf-8", "surrogatepass")).digest()[:DIGEST_BYTES]


def numbered(digests: Iterable[bytes]) -> Iterator[int]:
    """Digests as integers, which take less memory in a set than bytes do."""
    return (int.from_bytes(packed, "big") for packed in digests)


@dataclass(slots=True)
class Segment:
    """Identities of one stretch of a topic partition: its first offset, newest append time, packed digests."""

    first_offset: int
    at: int
    digests: bytes

    def __len__(self) -> int:
        return len(self.digests) // DIGEST_BYTES

    def numbers(self) -> Iterator[int]:
        """The digests as integers."""
        packed = self.digests
        return numbered(packed[n : n + DIGEST_BYTES] for n in range(0, len(packed), DIGEST_BYTES))

    def row(self) -> Row:
        """The segment as a row."""
        return {"v": 1, "at": self.at, "ids": base64.b64encode(self.digests).decode()}


@dataclass(slots=True)
class Budget:
    """Identities that all partitions of a worker may hold together, and how many they hold."""

    ids_max: int = 1_000_000
    held: int = 0
    holders: int = 0

    def exceeded_by(self, own: int) -> bool:
        """True if a holder with `own` identities should let go of its oldest."""
        return self.held > self.ids_max and own * max(self.holders, 1) > self.ids_max


@dataclass(slots=True)
class SeenChange:
    """What a unit of work would change: rows to write, then segments to drop and one to add or extend."""

    rows: Changes = field(default_factory=dict)
    dropped: int = 0
    extends: bool = False
    added: Segment | None = None
    numbers: Collection[int] = ()
    """What `added` holds beyond the segment that it extends."""


class Seen:
    """Identities seen on one topic and partition."""

    def __init__(self, topic: str, budget: Budget) -> None:
        self.topic = topic
        self._budget = budget
        self._numbers: set[int] = set()
        self._segments: dict[int, Segment] = {}  # by first offset, ascending
        budget.holders += 1

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def keys(self) -> list[bytes]:
        """The rows in which all of it stands on the changelog."""
        return [self._key(segment) for segment in self._segments.values()]

    def _key(self, segment: Segment) -> bytes:
        return encode_key((FAMILY, self.topic, segment.first_offset))

    def restore(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Take rows (first offset, row) as read from the changelog, in any order, beside what is remembered already."""
        segments = {
            **self._segments,
            **{first: Segment(first, row["at"], base64.b64decode(row["ids"])) for first, row in rows},
        }
        self.clear()
        for first in sorted(segments):
            self._append(segments[first])

    def isdisjoint(self, numbers: Iterable[int]) -> bool:
        """Whether none of these has been seen."""
        return self._numbers.isdisjoint(numbers)

    def plan(self, digests: Mapping[int, bytes], first_offset: int, at: int) -> SeenChange:
        """What it takes to remember `digests` (by number) from `first_offset` on, at the broker's time `at`."""
        change = SeenChange(numbers=digests.keys())
        packed = b"".join(digests.values())
        last = next(reversed(self._segments.values())) if self._segments else None
        if packed and last is not None and len(last) < SEGMENT_IDS_MIN:
            change.extends, change.added = True, Segment(last.first_offset, at, last.digests + packed)
        elif packed:
            change.added = Segment(first_offset, at, packed)
        if change.added is not None:
            change.rows[self._key(change.added)] = orjson.dumps(change.added.row())
        held = len(self._numbers)
        old = list(self._segments.values())
        for segment in old[:-1] if change.extends else old:
            if segment.at >= at - WINDOW_MS and not self._budget.exceeded_by(held):
                break
            change.rows[self._key(segment)] = None
            change.dropped += 1
            held -= len(segment)
        return change

    def apply(self, change: SeenChange) -> None:
        """Make a committed change visible."""
        for _ in range(change.dropped):
            self._forget(self._segments.pop(next(iter(self._segments))))
        if change.added is not None:
            self._segments[change.added.first_offset] = change.added
            self._remember(change.numbers)

    def _append(self, segment: Segment) -> None:
        self._segments[segment.first_offset] = segment
        self._remember(segment.numbers())

    def _remember(self, numbers: Iterable[int]) -> None:
        before = len(self._numbers)
        self._numbers.update(numbers)
        self._budget.held += len(self._numbers) - before

    def _forget(self, segment: Segment) -> None:
        before = len(self._numbers)
        self._numbers.difference_update(segment.numbers())
        self._budget.held += len(self._numbers) - before

    def clear(self) -> None:
        """Forget everything (the partition is somebody else's now)."""
        self._budget.held -= len(self._numbers)
        self._numbers.clear()
        self._segments.clear()

    def close(self) -> None:
        """Give the share of the budget back."""
        self.clear()
        self._budget.holders -= 1


def take_segments(shard: Shard) -> dict[str, list[tuple[int, Row]]]:
    """A restored shard's segments, by topic: (first offset, row). `Seen` keeps them from now on."""
    found: dict[str, list[tuple[int, Row]]] = {}
    for key, row in shard.segments():
        _, topic, first_offset = decode_key(key)
        found.setdefault(str(topic), []).append((int(first_offset), orjson.loads(row)))
    return found
