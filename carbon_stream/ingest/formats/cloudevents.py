"""CloudEvents 1.0 as they arrive over HTTP: the event of the contract, its trace, and what goes beside it. Pure.

What becomes of attributes and data is in `contracts.cloudevents`. Beside that, `traceparent` is the event's trace, and
subject, dataschema and extensions become headers of the record too (Kafka protocol binding 1.0.2).
"""

from collections.abc import Mapping
from typing import Any

from carbon_stream.contracts.cloudevents import CORE, Errors, composed, refuse
from carbon_stream.contracts.invalid import FieldError
from carbon_stream.enrichment import TraceParent
from carbon_stream.ingest.formats.reading import Arrival
from carbon_stream.ingest.origin import carried_tracestate, parse_traceparent

__all__ = ["event_of"]


def event_of(attributes: Mapping[str, Any], payload: Mapping[str, Any], at: str) -> Arrival:
    """The event of attributes (core and extensions, nulls left out) and a payload.

    `at` is the pointer to the payload in what the sender wrote. Raises Refused with a pointer to each attribute that
    is wrong.
    """
    errors: Errors = []
    data = composed(attributes, payload, errors)
    trace = _trace(attributes, errors)
    if errors:
        raise refuse(attributes, errors)
    headers = _headers(attributes) + (_tracestate(attributes) if trace is not None else ())
    return Arrival(data, trace, headers, _Relocation(attributes, at))


def _headers(attributes: Mapping[str, Any]) -> tuple[tuple[str, bytes], ...]:
    names = [name for name in attributes if name in ("subject", "dataschema") or name not in CORE]
    return tuple((f"ce_{name}", _text(attributes[name]).encode(errors="replace")) for name in names)


def _tracestate(attributes: Mapping[str, Any]) -> tuple[tuple[str, bytes], ...]:
    """The trace's state, where it comes with one (the CloudEvents extension Distributed Tracing)."""
    given = attributes.get("tracestate")
    carried = carried_tracestate(given) if isinstance(given, str) else None
    return () if carried is None else (("tracestate", carried.encode()),)


def _text(value: str | bool | int) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _trace(attributes: Mapping[str, Any], errors: Errors) -> TraceParent | None:
    given = attributes.get("traceparent")
    if given is None:
        return None
    trace = parse_traceparent(given) if isinstance(given, str) else None
    if trace is None:
        errors.append(FieldError("/traceparent", "traceparent", "is no traceparent as W3C Trace Context has it"))
    return trace


class _Relocation:
    """From a pointer into the event to one into what the sender wrote."""

    def __init__(self, attributes: Mapping[str, Any], at: str) -> None:
        self._at = at
        self._envelope = {"/eventId": "/id", "/source": "/source", "/eventType": "/type"}
        if "time" in attributes:
            self._envelope["/timestamp"] = "/time"

    def __call__(self, pointer: str) -> str:
        return self._envelope.get(pointer) or (self._at + pointer if pointer else "")
