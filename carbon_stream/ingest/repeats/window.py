"""Which events were taken lately, by source and eventId: the last so many, in memory.

What was taken together is kept together, in columns: an event costs an entry of a dict and a few list items.
"""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import Any, Final, NamedTuple

import orjson

from carbon_stream.ingest.delivery import Failed

__all__ = ["Mark", "Segment", "Taken", "Window", "mark_of"]

_CHARS_MAX: Final = 160
_DIGEST_BYTES: Final = 12

Mark = tuple[str, bytes]
"""What an event is recognised by: its identity, and a digest of all that its sender wrote."""


class Segment(NamedTuple):
    """Events that were taken together, as the shared file has them: columns of the same length."""

    identities: list[str | None]
    digests: list[bytes | None]
    topics: list[str]
    partitions: list[int]
    offsets: list[int | None]


def mark_of(data: dict[str, Any]) -> Mark | None:
    """The mark of a valid event that has an eventId, before anything is added to it. None for what JSON cannot say.

    The digest is that of the event's value, whatever the order of its fields and the spaces between them.
    """
    try:
        text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None
    identity = f"{data['source']}\0{data['eventId']}"
    if len(identity) > _CHARS_MAX:
        identity = blake2b(identity.encode(), digest_size=20).hexdigest()
    return identity, sha256(text).digest()[:_DIGEST_BYTES]


class Taken:
    """Events that were taken together. While `settled` is there, they are being published.

    Partition and offset are -1 where they are not known (in the spool, for one), and an offset of None says that the
    event was not taken after all. Identities are None where an event has none.
    """

    __slots__ = ("digests", "identities", "offsets", "partitions", "refusals", "settled", "topics")

    def __init__(self) -> None:
        self.identities: list[str | None] = []
        self.digests: list[bytes | None] = []
        self.topics: list[str] = []
        self.partitions: list[int] = []
        self.offsets: list[int | None] = []
        self.refusals: dict[int, Failed] = {}
        """Those that no topic will ever take, for repeats that came while that was found out."""
        self.settled: asyncio.Future[None] | None = None

    @classmethod
    def of(cls, segment: Segment) -> "Taken":
        """What another process has taken."""
        taken = cls()
        taken.identities, taken.digests, taken.topics, taken.partitions, taken.offsets = segment
        return taken

    def segment(self) -> Segment:
        """For the shared file."""
        return Segment(self.identities, self.digests, self.topics, self.partitions, self.offsets)


class Window:
    """Two generations: when the younger one has `events_min` events, or is `seconds` old, the older one is forgotten.

    So the last `events_min` are known, and at most twice as many and some, for `seconds` and at most twice as long.
    """

    def __init__(self, events_min: int, seconds: float, now: float) -> None:
        self.events_min = events_min
        self.seconds = seconds
        self._since = now
        self._young: dict[str, tuple[Taken, int]] = {}
        self._old: dict[str, tuple[Taken, int]] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, identity: str) -> tuple[Taken, int] | None:
        """Where an event is, if it is known."""
        return self._young.get(identity) or self._old.get(identity)

    def sift(
        self, taken: Taken, marks: Sequence[Mark | None], repeats: dict[int, tuple[Taken, int]]
    ) -> list[int] | None:
        """Puts marks that are not known into `taken` and the window, and others into `repeats`, by their index.

        Gives the indices of the new ones; None when all are.
        """
        young, old = self._young, self._old
        identities, digests = taken.identities, taken.digests
        new: list[int] = []
        for index, mark in enumerate(marks):
            if mark is None:
                identities.append(None)
                digests.append(None)
            else:
                identity, digest = mark
                first = young.get(identity) or old.get(identity)
                if first is not None:
                    repeats[index] = first
                    continue
                young[identity] = (taken, len(identities))
                identities.append(identity)
                digests.append(digest)
            new.append(index)
        return new if repeats else None

    def forget(self, taken: Taken) -> None:
        """Events that were not taken after all may come again as new ones."""
        for identity, offset in zip(taken.identities, taken.offsets, strict=True):
            if offset is None and identity is not None:
                for generation in (self._young, self._old):
                    first = generation.get(identity)
                    if first is not None and first[0] is taken:
                        del generation[identity]

    def merge(self, small: Sequence[Taken]) -> Taken:
        """Keeps what came in many small requests together: lists of one item take ten times the memory."""
        merged = Taken()
        for taken in small:
            rows = zip(taken.identities, taken.digests, taken.topics, taken.partitions, taken.offsets, strict=True)
            for identity, digest, topic, partition, offset in rows:
                if identity is None or offset is None:
                    continue
                for generation in (self._young, self._old):
                    first = generation.get(identity)
                    if first is not None and first[0] is taken:
                        generation[identity] = (merged, len(merged.identities))
                merged.identities.append(identity)
                merged.digests.append(digest)
                merged.topics.append(topic)
                merged.partitions.append(partition)
                merged.offsets.append(offset)
        return merged

    def learn(self, taken: Taken) -> None:
        """Remembers what another process has taken; the first to be known stays."""
        for index, (identity, offset) in enumerate(zip(taken.identities, taken.offsets, strict=True)):
            if identity is not None and offset is not None and self.find(identity) is None:
                self._young[identity] = (taken, index)

    def age(self, now: float) -> None:
        """Forgets what is beyond the bounds; to be called now and then (`now`: monotonic, seconds)."""
        if len(self._young) >= self.events_min or now - self._since >= self.seconds:
            self._old, self._young = self._young, {}
            self._since = now
