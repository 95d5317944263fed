"""Which events were taken lately, by source and eventId: the last so many, in memory. Pure."""

from hashlib import blake2b, sha256
from typing import Any, Final, NamedTuple

import orjson

__all__ = ["Known", "Mark", "Window", "mark_of"]

_CHARS_MAX: Final = 160
_DIGEST_BYTES: Final = 12


class Mark(NamedTuple):
    """What an event is recognised by: its identity, and a digest of all that its sender wrote."""

    identity: str
    digest: bytes


class Known(NamedTuple):
    """An event that is durable. `partition` and `offset` are -1 where they are not known: in the spool, for one."""

    digest: bytes
    topic: str
    partition: int
    offset: int


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
    return Mark(identity, sha256(text).digest()[:_DIGEST_BYTES])


class Window:
    """Two generations: when the younger one has `events_min` events, or is `seconds` old, the older one is forgotten.

    So the last `events_min` are known, and at most twice as many, for `seconds` and at most twice as long.
    """

    def __init__(self, events_min: int, seconds: float, now: float) -> None:
        self.events_min = events_min
        self.seconds = seconds
        self._since = now
        self._young: dict[str, Known] = {}
        self._old: dict[str, Known] = {}
        self.unwritten: list[tuple[str, Known]] = []
        """What was added by this process since somebody else took it away."""

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def find(self, identity: str) -> Known | None:
        """The event, where it is known."""
        return self._young.get(identity) or self._old.get(identity)

    def add(self, identity: str, known: Known) -> None:
        """Remembers an event of this process."""
        self._young[identity] = known
        self.unwritten.append((identity, known))

    def learn(self, identity: str, known: Known) -> None:
        """Remembers an event of another process; the first to be known stays."""
        if self.find(identity) is None:
            self._young[identity] = known

    def age(self, now: float) -> None:
        """Forgets what is beyond the bounds; to be called now and then (`now`: monotonic, seconds)."""
        if len(self._young) >= self.events_min or now - self._since >= self.seconds:
            self._old, self._young = self._young, {}
            self._since = now
