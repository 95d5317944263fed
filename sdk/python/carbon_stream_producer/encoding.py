"""An event as JSON: the bytes that the service itself writes for it. What JSON cannot say is refused with its place."""

import math
from collections.abc import Iterator
from typing import Any

import orjson

from carbon_stream_producer.contract import ERRORS, EVENT_BYTES, INT64_MIN, NESTING, UINT64_MAX
from carbon_stream_producer.errors import FieldError, InvalidEvent
from carbon_stream_producer.validation import pointer

__all__ = ["encode"]

_PLAIN = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS


def encode(event_type: str, event: dict[str, Any]) -> bytes:
    """UTF-8, no spaces, fields in the order they have; InvalidEvent for what cannot be an event."""
    try:
        text = orjson.dumps(event, option=_PLAIN)
    except TypeError as error:
        text, why = b"", str(error)
    else:
        why = ""
    if not text or b"null" in text:  # orjson writes NaN and infinity as null
        found = tuple(error for error, _ in zip(_unwritable(event), range(ERRORS), strict=False))
        if found or not text:
            raise InvalidEvent(event_type, found or (FieldError("", "invalid", f"cannot be written as JSON: {why}"),))
    if len(text) > EVENT_BYTES:
        told = f"the event has {len(text):,} bytes, {EVENT_BYTES:,} are allowed: send less, or where the data is"
        raise InvalidEvent(event_type, (FieldError("", "too-large", told),))
    if text.count(b"{") + text.count(b"[") > NESTING and _too_deep(event):
        told = f"maps and lists nest more than {NESTING} deep: flatten them"
        raise InvalidEvent(event_type, (FieldError("", "too-deep", told),))
    return text


def _too_deep(event: dict[str, Any]) -> bool:
    level: list[Any] = [event]
    for _ in range(NESTING):
        level = [
            child
            for value in level
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, dict | list | tuple)
        ]
    return bool(level)


def _unwritable(event: dict[str, Any]) -> Iterator[FieldError]:
    """Every value that JSON, or the contract's JSON, cannot say. Walks no deeper than an event may be."""
    pending: list[tuple[str, Any, int]] = [("", event, 0)]
    while pending:
        where, value, depth = pending.pop()
        if depth > NESTING:
            yield FieldError("", "too-deep", f"maps and lists nest more than {NESTING} deep: flatten them")
            return
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    yield _error(where, "type", f"has a key that is no string: {key!r:.60}; use strings")
            pending += [(pointer(where, key), child, depth + 1) for key, child in reversed(value.items())]
        elif isinstance(value, list | tuple):
            pending += [(pointer(where, at), child, depth + 1) for at, child in reversed(tuple(enumerate(value)))]
        else:
            problem = _scalar(value)
            if problem is not None:
                yield _error(where, *problem)


def _scalar(value: object) -> tuple[str, str] | None:
    match value:
        case None | bool():
            return None
        case int():
            beyond = not INT64_MIN <= value <= UINT64_MAX
            return ("big-integer", "is an integer beyond 64 bits: send it as a string") if beyond else None
        case float():
            return None if math.isfinite(value) else ("range", "must be a finite number")
        case str():
            try:
                value.encode()
            except UnicodeEncodeError:
                return "type", "is no Unicode text: it has half of a surrogate pair"
            return None
    return "type", f"cannot be written as JSON: a {type(value).__name__}; pass a string, number, list or mapping"


def _error(where: str, kind: str, message: str) -> FieldError:
    return FieldError(where, kind, message, where.removeprefix("/"))
