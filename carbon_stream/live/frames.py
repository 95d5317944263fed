"""What goes over the wire: server-sent events (WHATWG HTML, section 9.2). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson

from carbon_stream.contracts.cloudevents_on_kafka import read
from carbon_stream.contracts.codec import Invalid

KEEP_ALIVE = b": keep-alive\n\n"
RETRY = b"retry: 2000\n\n"
"""Browsers wait so long (ms) before they come again."""


class Record(Protocol):
    """What is used of aiokafka's ConsumerRecord."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


Hide = Callable[[dict[str, Any]], object]
"""Takes out of an event what is not to be shown, in place."""


class Shown:
    """One record as readers are shown it: decoded and written once, however many there are."""

    __slots__ = ("event", "frame", "topic")

    def __init__(self, record: Record, hide: Hide) -> None:
        self.topic = record.topic
        self.event: dict[str, Any] | None = None
        """None: it is no event of its topic, which its frame says."""
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        try:
            _, text = read(record.topic, record)
            event = orjson.loads(text)
            hide(event)  # before any filter looks at it
            self.event = event
            self.frame = frame(None, {**event, **place, "receivedAt": record.timestamp})
        except Invalid as error:
            errors = [{"pointer": e.pointer, "type": e.type, "message": e.message} for e in error.errors]
            document = {**place, "receivedAt": record.timestamp, "reason": error.reason, "errors": errors}
            self.frame = frame("refused", document)
        except orjson.JSONDecodeError:  # it counts, but has something that the stream's JSON cannot say
            self.frame = frame("refused", {**place, "receivedAt": record.timestamp, "reason": "unshown", "errors": []})


def lazily(record: Record, hide: Hide = lambda _: None) -> Callable[[], Shown]:
    """Decodes when somebody wants the record, and then once."""
    kept: list[Shown] = []

    def show() -> Shown:
        if not kept:
            kept.append(Shown(record, hide))
        return kept[0]

    return show


def frame(kind: str | None, document: dict[str, Any]) -> bytes:
    """One event of the stream. Its data is one line: JSON has no line breaks of its own."""
    head = f"event: {kind}\n".encode() if kind else b""
    return head + b"data: " + orjson.dumps(document) + b"\n\n"


def gap(dropped: int, skipped: int) -> bytes:
    """Says what is missing here: events that this reader was too slow for, and records that nobody looked at."""
    return frame("gap", {"dropped": dropped, "skipped": skipped})


def mark(position: str) -> bytes:
    """An id without data: browsers and our own client remember it, and show nothing."""
    return f"id: {position}\n\n".encode() if position else b""
