"""From what a caller says to a record that may be sent: the envelope filled in, the contract checked, JSON made."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carbon_stream_producer.contract import EventType
from carbon_stream_producer.encoding import encode
from carbon_stream_producer.errors import FieldError, InvalidEvent
from carbon_stream_producer.flow import current_flow, trace_id_of
from carbon_stream_producer.generated.tables import BY_EVENT_TYPE, BY_TOPIC, DEFAULT_VERSION, ENVELOPE, never
from carbon_stream_producer.record import Record, key_of, record_of
from carbon_stream_producer.validation import check

if TYPE_CHECKING:
    from carbon_stream_producer.generated.events import Event

__all__ = ["Envelope", "Preparer", "as_json", "envelope_and_payload", "new_event_id"]

Envelope = tuple[str | None, int | datetime | None, str | None, str | None, str | None, Mapping[str, Any] | None]
"""event_id, timestamp, version, correlation_id, causation_id, extra: as the methods' arguments."""


class Preparer:
    """Makes the records of one service's events.

    `traceparent` gives the trace of the calling context where `flow` has not been told one, such as from a tracing
    library.
    """

    def __init__(self, source: str, traceparent: Callable[[], str | None] | None = None) -> None:
        self.source = source
        self._traceparent = traceparent

    def typed(self, kind: EventType, payload: dict[str, Any], envelope: Envelope) -> Record:
        """The record of an event of the catalog; None in the payload is absent. InvalidEvent names what is wrong."""
        event_id, timestamp, version, correlation_id, causation_id, extra = envelope
        flow = current_flow()
        traceparent, trace_id = flow.traceparent, flow.trace_id
        if traceparent is None and self._traceparent is not None:
            traceparent, trace_id = self._from_provider()
        if event_id is None:
            event_id = new_event_id()
        event: dict[str, Any] = {
            "eventId": event_id,
            "eventType": kind.name,
            "timestamp": time.time_ns() // 1_000_000 if timestamp is None else _milliseconds(kind.name, timestamp),
            "source": self.source,
        }
        if kind.version_of_its_own:
            version = payload.get("version")
        if version is not None:
            event["version"] = version
        elif not kind.version_of_its_own:
            event["version"] = DEFAULT_VERSION
        if correlation_id is None:
            correlation_id = flow.correlation_id or trace_id or event_id
        event["correlationId"] = correlation_id
        caused_by = flow.causation_id if causation_id is None else causation_id
        if caused_by is not None:
            event["causationId"] = caused_by
        event |= {name: value for name, value in payload.items() if value is not None}
        if extra is not None:
            _add(kind, event, extra)
        return self._checked(kind, event, traceparent)

    def custom(self, topic: str, given: Mapping[str, Any], key: str | None) -> Record:
        """The record of an event given by its JSON names.

        On one of the twelve topics it has to be that topic's type, keeps the contract and is keyed by the catalog; on
        any other topic only the envelope is checked, and the key is the caller's.
        """
        event = dict(given)
        kind = BY_TOPIC.get(topic)
        name = event.setdefault("eventType", kind.name if kind else None)
        known = BY_EVENT_TYPE.get(name) if isinstance(name, str) else None
        if known is not kind:
            where = known.topic if known else "a topic that is none of the catalog's"
            raise _refused(str(name), "/eventType", "wrong-topic", f"belongs on {where}, this is {topic}")
        if kind is not None and key is not None and key != key_of(kind.key_fields, event):
            told = f"the key of {kind.name} is {' or else '.join(kind.key_fields)}: leave `key` out"
            raise _refused(kind.name, "", "key", told)
        traceparent = self._fill(kind, event)
        if kind is not None:
            return self._checked(kind, event, traceparent)
        check(EventType(str(name), topic, (), ENVELOPE, never, version_of_its_own=False), event)
        return record_of(str(name), topic, key or None, event, encode(str(name), event), traceparent)

    def _fill(self, kind: EventType | None, event: dict[str, Any]) -> str | None:
        """Fills in what is missing of the envelope, as ingest does, and gives the traceparent."""
        flow = current_flow()
        traceparent, trace_id = flow.traceparent, flow.trace_id
        if traceparent is None and self._traceparent is not None:
            traceparent, trace_id = self._from_provider()
        missing: dict[str, Callable[[], Any]] = {
            "eventId": new_event_id,
            "timestamp": lambda: time.time_ns() // 1_000_000,
            "source": lambda: self.source,
            "version": lambda: DEFAULT_VERSION,
            "correlationId": lambda: flow.correlation_id or trace_id or event["eventId"],
            "causationId": lambda: flow.causation_id,
        }
        for name, make in missing.items():
            own_version = name == "version" and kind is not None and kind.version_of_its_own
            if not own_version and event.get(name) is None and (name not in event or name != "source"):
                value = make()
                if value is not None:
                    event[name] = value
        if isinstance(event["timestamp"], datetime):
            event["timestamp"] = _milliseconds(str(event["eventType"]), event["timestamp"])
        return traceparent

    def _from_provider(self) -> tuple[str | None, str | None]:
        assert self._traceparent is not None
        traceparent = self._traceparent()
        trace_id = None if traceparent is None else trace_id_of(traceparent)
        return (traceparent if trace_id else None), trace_id

    def _checked(self, kind: EventType, event: dict[str, Any], traceparent: str | None) -> Record:
        check(kind, event)
        value = encode(kind.name, event)
        return record_of(kind.name, kind.topic, key_of(kind.key_fields, event), event, value, traceparent)


def envelope_and_payload(event: "Event") -> tuple[dict[str, Any], Envelope]:
    """What an event class holds, as `typed` takes it."""
    payload = {
        field.name: as_json(getattr(event, field.attribute)) if field.kind in ("array", "object") else value
        for field in event.KIND.fields
        if field.attribute not in _ENVELOPE_ATTRIBUTES and (value := getattr(event, field.attribute, None)) is not None
    }
    version = None if event.KIND.version_of_its_own else payload.pop("version", None)
    return payload, (event.event_id, event.timestamp, version, event.correlation_id, event.causation_id, event.extra)


_ENVELOPE_ATTRIBUTES = frozenset({"event_id", "timestamp", "correlation_id", "causation_id", "source", "event_type"})


def new_event_id() -> str:
    """A random UUID (RFC 9562, version 4) as text; made by hand, since `uuid.uuid4` takes three times as long."""
    digits = os.urandom(16).hex()
    return (
        f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{'89ab'[int(digits[16], 16) & 3]}{digits[17:20]}-{digits[20:]}"
    )


def as_json(value: Any) -> Any:
    """A list of the contract's objects, or a mapping, as JSON values; anything else as it is, to be judged later."""
    if isinstance(value, Mapping):
        return value if type(value) is dict else dict(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_object(item) for item in value]
    return value


def _object(item: Any) -> Any:
    if is_dataclass(item) and not isinstance(item, type):
        named = {field.metadata.get("json", field.name): getattr(item, field.name) for field in fields(item)}
        return {name: value for name, value in named.items() if value is not None}
    return dict(item) if isinstance(item, Mapping) else item


def _milliseconds(event_type: str, timestamp: Any) -> Any:
    if not isinstance(timestamp, datetime):
        return timestamp
    if timestamp.tzinfo is None:
        told = "must have a time zone: datetime.now(UTC), or pass milliseconds since the epoch"
        raise _refused(event_type, "/timestamp", "type", told, "timestamp")
    return round(timestamp.timestamp() * 1000)


def _add(kind: EventType, event: dict[str, Any], extra: Mapping[str, Any]) -> None:
    names = {field.name: field.attribute for field in kind.fields}
    for name, value in extra.items():
        if name in names:
            told = f"is a field of the contract: pass it as {names[name]}=, not in extra"
            raise _refused(kind.name, f"/{name}", "extra", told, "extra")
        event[name] = value


def _refused(event_type: str, pointer: str, kind: str, told: str, field: str = "") -> InvalidEvent:
    return InvalidEvent(event_type, (FieldError(pointer, kind, told, field or pointer.removeprefix("/")),))
