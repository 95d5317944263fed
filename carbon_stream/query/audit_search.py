"""What is asked for among the audit events, and how far a search has come."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import orjson
from aiokafka import TopicPartition

from carbon_stream.contracts.catalog import BY_EVENT_TYPE, TOPICS, Group
from carbon_stream.contracts.cloudevents_on_kafka import mentions, read
from carbon_stream.contracts.codec import Invalid, StreamEvent
from carbon_stream.errors import ProblemError
from carbon_stream.projections.audit_columns import ANONYMOUS, CELL_RESULTS, COLUMNS, UNKNOWN, bounded
from carbon_stream.query.backwards import Record
from carbon_stream.streaming.clock import AHEAD_MS_MAX

AUDIT_TOPICS = tuple(topic.name for topic in TOPICS if topic.group is Group.AUDIT)
EVENT_TYPES = tuple(topic.event_type for topic in TOPICS if topic.group is Group.AUDIT)
RESULTS = ("SUCCESS", "FAILURE", "DENIED")
CURSOR_CHARS_MAX = 8_192
PARTS = 2
"""A search reads what is likely first, and what arrived late last."""


@dataclass(frozen=True, slots=True)
class Search:
    """What an event has to be; None where anything will do. `start` ≤ event time < `end`, in ms."""

    user: str | None = None
    service: str | None = None
    action: str | None = None
    resource: str | None = None
    result: str | None = None
    event_type: str | None = None
    event_id: str | None = None
    correlation_id: str | None = None
    start: int | None = None
    end: int | None = None

    @property
    def topics(self) -> tuple[str, ...]:
        """Where such events are."""
        return AUDIT_TOPICS if self.event_type is None else (BY_EVENT_TYPE[self.event_type].name,)

    def digest(self) -> str:
        """The same for the same search, so that a cursor is not taken to another one."""
        return sha256(orjson.dumps(asdict(self))).hexdigest()[:16]

    def accepts(self, topic: str, event: StreamEvent, received: int) -> bool:
        """Whether the event is one of those asked for, by the same answers that it is counted by."""
        at = event_time(event, received)
        if (self.start is not None and at < self.start) or (self.end is not None and at >= self.end):
            return False
        if not _is(self.event_id, event.event_id) or not _is(self.correlation_id, event.correlation_id):
            return False
        columns = COLUMNS[topic]([event])
        return (
            _is_entity(self.user, columns.users[0])
            and _is_entity(self.service, columns.services[0])
            and _is_entity(self.action, columns.actions[0])
            and _is_entity(self.resource, columns.resources[0])
            and _is(self.result, CELL_RESULTS[columns.cells[0]])
        )

    def needles(self) -> list[tuple[str, bytes]]:
        """Words, and how JSON has them, that an accepted event's record has somewhere, unless it has escapes in it."""
        words = [self.service, self.action, self.event_id, self.correlation_id]
        words += [self.user if self.user != ANONYMOUS else None, self.resource if self.resource != UNKNOWN else None]
        return [(word, orjson.dumps(word)[1:-1]) for word in words if word is not None and word == bounded(word)[:255]]


def acceptor(search: Search, found_invalid: Callable[[], None]) -> Callable[[Record], bool]:
    """The search as a function of records. An event that cannot be decoded is no event, and told to `found_invalid`.

    Most records are passed over by looking for the needles in their bytes, which costs a tenth of decoding them.
    """
    needles = search.needles()

    def accept(record: Record) -> bool:
        raw = record.value
        if raw is None or (b"\\" not in raw and not all(mentions(record, *needle) for needle in needles)):
            return False
        try:
            event, _ = read(record.topic, record)
        except Invalid:
            found_invalid()
            return False
        return search.accepts(record.topic, event, record.timestamp)

    return accept


def event_time(event: Any, received: int) -> int:
    """An event's time as it is counted: the broker's, if it has none or one too far ahead of the broker's."""
    timestamp: int | None = event.timestamp
    return received if timestamp is None or timestamp > received + AHEAD_MS_MAX else timestamp


Rests = dict[TopicPartition, int]
"""By partition that is not read to its end: the offset below which to go on."""


def encode_cursor(search: Search, rests: Sequence[Rests]) -> str:
    """A cursor that continues a search below these offsets, for each of its parts."""
    parts = []
    for part in rests:
        topics: dict[str, list[tuple[int, int]]] = {}
        for partition, rest in part.items():
            topics.setdefault(partition.topic, []).append((partition.partition, rest))
        parts.append(topics)
    return base64.urlsafe_b64encode(orjson.dumps([1, search.digest(), parts])).rstrip(b"=").decode()


def decode_cursor(search: Search, cursor: str) -> list[Rests]:
    """The offsets below which each part goes on. 404 for a cursor that is none, 409 for that of another search."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        version, digest, parts = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        rests = [
            {TopicPartition(topic, partition): rest for topic, pairs in part.items() for partition, rest in pairs}
            for part in parts
        ]
    except (ValueError, TypeError, AttributeError):
        raise _no_such_page() from None
    if version != 1 or len(rests) != PARTS or not all(_is_place(*place) for part in rests for place in part.items()):
        raise _no_such_page()
    if digest != search.digest():
        detail = "the cursor belongs to a search with other parameters; only limit may differ from page to page"
        raise ProblemError(409, "Another search", detail, extra={"parameter": "cursor"})
    return rests


def _no_such_page() -> ProblemError:
    detail = "the cursor is not one that a page of events gave out"
    return ProblemError(404, "No such page", detail, extra={"parameter": "cursor"})


def _is_place(partition: TopicPartition, rest: object) -> bool:
    return partition.topic in AUDIT_TOPICS and type(partition.partition) is int and type(rest) is int and rest >= 0


def _is(wanted: str | None, found: str | None) -> bool:
    return wanted is None or wanted == found


def _is_entity(wanted: str | None, found: str) -> bool:
    """Also by the name under which a very long entity is counted."""
    return wanted is None or wanted == found or wanted == bounded(found)
