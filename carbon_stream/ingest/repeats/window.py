"""Which events were taken lately, by source and eventId: the last so many, in memory.

An event that is settled costs an entry of a dict with two short byte strings, some 150 bytes in all: a body of 50 MB
may have a hundred thousand events, and a window is kept by each process.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from struct import Struct
from typing import Final, NamedTuple

from carbon_stream.ingest.delivery import Delivery, Spooled

__all__ = ["ROW_BYTES", "Mark", "Place", "Taken", "Window", "mark_of", "place_of"]

_IDENTITY_BYTES: Final = 15
"""As much of a SHA-256 as a `bytes` holds in 48 bytes of memory: two events' are the same once in 2**60 events."""
_DIGEST_BYTES: Final = 12
_PLACE: Final = Struct(">iq")
_VALUE_BYTES: Final = _DIGEST_BYTES + _PLACE.size
ROW_BYTES: Final = _IDENTITY_BYTES + _VALUE_BYTES
"""What an event takes in the shared file: its identity, its digest, its partition and its offset."""

Mark = tuple[bytes, bytes]
"""What an event is recognised by: a digest of its source and eventId, and one of all that its sender wrote."""


class Place(NamedTuple):
    """What is known of a settled event. Partition and offset are -1 where they are not (in the spool, for one)."""

    digest: bytes
    partition: int
    offset: int


def mark_of(source: str, event_id: str, text: bytes) -> Mark:
    """The mark of a valid event; `text` is the same for the same content, before anything is added to it.

    The identity is cryptographic: with a weaker hash a sender could make an id that looks like somebody else's event.
    """
    identity = sha256(f"{source}\0{event_id}".encode()).digest()
    return identity[:_IDENTITY_BYTES], sha256(text).digest()[:_DIGEST_BYTES]


def place_of(value: bytes) -> Place:
    """What the window has of an event that is settled."""
    return Place(value[:_DIGEST_BYTES], *_PLACE.unpack_from(value, _DIGEST_BYTES))


class Taken:
    """New events that were taken together, by their marks (None for those that nothing may be a repeat of).

    They stand in the window as this very object until `settle` is told what became of them.
    """

    __slots__ = ("_delivery", "_loop", "_there", "_waiting", "marks")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop  # asking which one runs is a call of the system before Python 3.12
        self.marks: list[Mark | None] = []
        self._there: dict[bytes, bytes | Taken] = {}
        self._delivery: Delivery | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def settled(self) -> Delivery:
        """What became of them, as soon as it is known. Each caller waits for itself, and may be cancelled."""
        while self._delivery is None:
            await self.settling()
        return self._delivery

    def settling(self) -> asyncio.Future[None]:
        """The same as something to wait for, of those that are not settled yet."""
        waiter = (self._loop or asyncio.get_running_loop()).create_future()
        self._waiting.append(waiter)
        return waiter

    def find(self, identity: bytes) -> int:
        """Which of them it is."""
        return next(index for index, mark in enumerate(self.marks) if mark is not None and mark[0] == identity)

    def settle(self, delivery: Delivery) -> list[bytes]:
        """What is durable is known with its place from now on, what is not may come again as new.

        Gives what is durable, as rows for the shared file, in parts.
        """
        self._delivery = delivery
        there, pack = self._there, _PLACE.pack
        rows: list[bytes] = []
        stored = delivery.stored
        for index, mark in enumerate(self.marks):
            if mark is None:
                continue
            identity, digest = mark
            if stored or delivery.partitions[index] >= 0 or isinstance(delivery.outcome(index), Spooled):
                there[identity] = value = digest + pack(delivery.partitions[index], delivery.offsets[index])
                rows += identity, value
            else:
                del there[identity]
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        return rows


class Window:
    """Two generations: when the younger one has `events_min` events, or is `seconds` old, the older one is forgotten.

    So the last `events_min` are known, and at most twice as many and some, for `seconds` and at most twice as long.
    """

    def __init__(self, events_min: int, seconds: float, now: float) -> None:
        self.events_min = events_min
        self.seconds = seconds
        self._since = now
        self._young: dict[bytes, bytes | Taken] = {}
        self._old: dict[bytes, bytes | Taken] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, identity: bytes) -> bytes | Taken | None:
        """What is known of an event, for `place_of`, or with whom it is being published; None if it is not known."""
        return self._young.get(identity) or self._old.get(identity)

    def sift(self, taken: Taken, marks: Sequence[Mark | None], repeats: dict[int, bytes | Taken]) -> list[int] | None:
        """Puts marks that are not known into `taken` and the window, and what is known of others into `repeats`, by
        their index.

        Gives the indices of the new ones; None when all are.
        """
        young, old = self._young, self._old
        taken._there = young
        kept = taken.marks
        new: list[int] = []
        for index, mark in enumerate(marks):
            if mark is not None:
                identity = mark[0]
                first = young.get(identity) or old.get(identity)
                if first is not None:
                    repeats[index] = first
                    continue
                young[identity] = taken
            kept.append(mark)
            new.append(index)
        return new if repeats else None

    def is_open(self, taken: Taken) -> bool:
        """Whether more may be put into it: it was sifted since `age` has last forgotten anything."""
        return taken._there is self._young

    def put(self, taken: Taken, mark: Mark | None) -> None:
        """Puts one more that is not known into `taken`, which is open."""
        taken.marks.append(mark)
        if mark is not None:
            assert taken._there is self._young
            self._young[mark[0]] = taken

    def learn(self, rows: bytes) -> None:
        """Remembers what another process has taken, from its rows; the first to be known stays."""
        young, old = self._young, self._old
        for at in range(0, len(rows), ROW_BYTES):
            begin = at + _IDENTITY_BYTES
            identity = rows[at:begin]
            if identity not in young and identity not in old:
                young[identity] = rows[begin : at + ROW_BYTES]

    def age(self, now: float) -> bool:
        """Whether it has forgotten what is beyond the bounds; to be called now and then (`now`: monotonic, seconds)."""
        aged = len(self._young) >= self.events_min or now - self._since >= self.seconds
        if aged:
            self._old, self._young = self._young, {}
            self._since = now
        return aged
