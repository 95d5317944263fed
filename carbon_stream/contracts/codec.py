"""The only place where bytes become events and back.

`parse` reads JSON text, `validate` checks an event against its type's contract, `decoder` does both for the records
of one topic at the speed that agents need, `encode` writes an event.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import msgspec
import orjson

from carbon_stream.contracts import fast, json_text, limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME, Topic
from carbon_stream.contracts.envelope import Event
from carbon_stream.contracts.fast import StreamEvent
from carbon_stream.contracts.invalid import INVALID, REASONS, WRONG_TOPIC, FieldError, Invalid, whole
from carbon_stream.contracts.validation import validate

__all__ = ["REASONS", "FieldError", "Invalid", "StreamEvent", "accept", "decoder", "encode", "parse", "validate"]


def parse(raw: bytes, *, max_bytes: int = limits.EVENT_BYTES, max_nesting: int = limits.NESTING) -> dict[str, Any]:
    """The JSON object that the bytes hold, its types unchecked; Invalid when there is none.

    What is refused, and what becomes of duplicate keys, is said in `json_text`.
    """
    return json_text.loads(raw, max_bytes, max_nesting)


def encode(data: Mapping[str, Any]) -> bytes:
    """An event as JSON: UTF-8, no spaces, fields in the order they have. Invalid for what JSON cannot say."""
    try:
        text = orjson.dumps(data if type(data) is dict else dict(data), option=_PLAIN_TYPES_ONLY)
    except TypeError as error:
        raise whole(INVALID, f"cannot be written as JSON: {error}") from None
    if b"null" in text and not _finite(data.values()):  # orjson writes NaN and infinity as null
        raise whole(INVALID, "cannot be written as JSON: a number is not finite")
    return text


_PLAIN_TYPES_ONLY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


def _finite(children: Iterable[Any]) -> bool:
    isfinite = math.isfinite
    for child in children:
        kind = type(child)  # subclasses have been refused
        if kind is float:
            if not isfinite(child):
                return False
        elif (kind is dict and not _finite(child.values())) or ((kind is list or kind is tuple) and not _finite(child)):
            return False
    return True


def accept(data: dict[str, Any]) -> Topic:
    """The topic of an event that is valid; Invalid, as from `validate`, for one that is not. Makes no model."""
    event_type = data.get("eventType")
    topic = BY_EVENT_TYPE.get(event_type) if isinstance(event_type, str) else None
    if topic is not None:
        try:
            msgspec.convert(data, _struct(topic.name))
        except msgspec.MsgspecError:
            pass
        else:
            return topic
    return validate(data)[0]


@cache
def _struct(topic: str) -> type[StreamEvent]:
    return fast.event_struct(BY_NAME[topic], False)


@cache
def decoder(topic: str, max_bytes: int = limits.RECORD_BYTES) -> Callable[[bytes | None], StreamEvent]:
    """The decoder of a topic's record values; KeyError for a topic that the catalog does not have.

    The decoder gives the event, or raises Invalid. A record may be a little larger and deeper than an event at the
    door; where the door's limit is set higher, `max_bytes` has to follow it.
    """
    record = BY_NAME[topic]

    def read(raw: bytes) -> dict[str, Any]:
        return json_text.loads(raw, max_bytes, limits.RECORD_NESTING)

    def check(data: dict[str, Any]) -> Event:
        return _validate_for(record, data)

    return fast.compile_decoder(_struct(topic), fast.event_struct(record, True), max_bytes, read, check)


def _validate_for(record: Topic, data: dict[str, Any]) -> Event:
    event_type = data.get("eventType")
    other = BY_EVENT_TYPE.get(event_type) if isinstance(event_type, str) else None
    if other is not None and other is not record:
        message = f"{event_type} belongs on {other.name}, this is {record.name}"
        raise Invalid(WRONG_TOPIC, (FieldError("/eventType", WRONG_TOPIC, message),))
    return validate(data)[1]
