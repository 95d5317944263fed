"""A dead letter as its record says it: pure, from key, value and headers to a value of ours and back.

The record on ``carbon-stream.dead-letters`` has the original key and value bytes and the original headers, and beside
them headers of ours, all UTF-8, that say where it came from and why it was refused.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

PREFIX: Final = "carbon-stream-"
ORIGIN_TOPIC: Final = "carbon-stream-origin-topic"
ORIGIN_PARTITION: Final = "carbon-stream-origin-partition"
ORIGIN_OFFSET: Final = "carbon-stream-origin-offset"
ORIGIN_TIMESTAMP: Final = "carbon-stream-origin-timestamp"
REASON: Final = "carbon-stream-reason"
ERROR: Final = "carbon-stream-error"
NULL_KEY: Final = "carbon-stream-null-key"
"""Set to 1 where a record had neither key nor value: Kafka clients cannot send such a one, so its key is b""."""
KEPT_PREFIX: Final = "carbon-stream-original-"
"""What a header of the original is prefixed with when its own name begins with ``carbon-stream-``."""
MOVED_FROM: Final = "carbon-stream-moved-from"
"""On a letter that was written again at the end of its partition: the id that it had (see `erasure.letters`)."""
REPLAYED_FROM: Final = "carbon-stream-replayed-from"
"""On the record that a replay sends: the id of the dead letter."""

_ID: Final = re.compile(r"([0-9]{1,10})-([0-9]{1,19})")

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the record was refused: topic, partition, offset, and the broker's append time in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused record, with the bytes that its producer sent."""

    partition: int
    offset: int
    at: int
    """The broker's append time of the dead letter, in ms."""
    reason: str
    error: str
    origin: Origin | None
    """None when the record's headers do not say: something else wrote it."""
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    """The original headers, without ours."""

    @property
    def id(self) -> str:
        """``partition-offset`` on the dead-letter topic."""
        return f"{self.partition}-{self.offset}"

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        held = len(self.key or b"") + len(self.value or b"")
        return held + sum(len(name) + len(value or b"") for name, value in self.headers)

    @classmethod
    def from_record(
        cls,
        partition: int,
        offset: int,
        timestamp: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
    ) -> Self:
        """Read a record of the dead-letter topic. Never fails: what its headers do not say is "unknown" or None."""
        ours: dict[str, str] = {}
        original: list[tuple[str, bytes | None]] = []
        for name, content in headers:
            if name.startswith(KEPT_PREFIX):
                original.append((PREFIX + name.removeprefix(KEPT_PREFIX), content))
            elif name.startswith(PREFIX):
                ours[name] = (content or b"").decode("utf-8", "replace")
            else:
                original.append((name, content))
        return cls(
            partition=partition,
            offset=offset,
            at=timestamp,
            reason=ours.get(REASON, "unknown"),
            error=ours.get(ERROR, ""),
            origin=_origin(ours),
            key=None if ours.get(NULL_KEY) == "1" else key,
            value=value,
            headers=tuple(original),
        )

    def document(self) -> dict[str, Any]:
        """As HTTP and the CLI show it: bytes in base64, null where there were none."""
        origin = self.origin
        return {
            "id": self.id,
            "reason": self.reason,
            "error": self.error,
            "origin": None
            if origin is None
            else {
                "topic": origin.topic,
                "partition": origin.partition,
                "offset": origin.offset,
                "timestamp": origin.timestamp,
            },
            "key": _base64(self.key),
            "value": _base64(self.value),
            "headers": [{"name": name, "value": _base64(content)} for name, content in self.headers],
            "at": self.at,
        }

    def replay_headers(self) -> list[tuple[str, bytes | None]]:
        """The original headers and the one that says what was replayed; an older such header is replaced."""
        kept = [(name, content) for name, content in self.headers if name != REPLAYED_FROM]
        return [*kept, (REPLAYED_FROM, self.id.encode())]


def parse_id(text: str) -> tuple[int, int] | None:
    """``partition-offset`` as two numbers, or None where it is not one."""
    match = _ID.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _origin(ours: dict[str, str]) -> Origin | None:
    try:
        return Origin(
            topic=ours[ORIGIN_TOPIC],
            partition=int(ours[ORIGIN_PARTITION]),
            offset=int(ours[ORIGIN_OFFSET]),
            timestamp=int(ours.get(ORIGIN_TIMESTAMP, "-1")),
        )
    except (KeyError, ValueError):
        return None


def _base64(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode("ascii")
