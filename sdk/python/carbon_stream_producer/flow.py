"""What an event belongs to: correlation, causation and trace, taken from the caller's context.

Context variables follow a request through threads of `contextvars.copy_context` and through asyncio tasks, so that a
web framework's middleware sets them once.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from carbon_stream_producer.errors import ConfigurationError

__all__ = ["Flow", "caused_by", "current_flow", "flow", "trace_id_of"]

# https://www.w3.org/TR/trace-context/#traceparent-header-field-values; version ff and ids of zeros are invalid.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Flow(NamedTuple):
    """What events made now belong to."""

    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    trace_id: str | None = None
    """The trace id in `traceparent`."""


_NONE = Flow()
_current: ContextVar[Flow] = ContextVar("carbon_stream_flow", default=_NONE)


def current_flow() -> Flow:
    """The flow of the calling context."""
    return _current.get()


@contextmanager
def flow(
    *, correlation_id: str | None = None, causation_id: str | None = None, traceparent: str | None = None
) -> Iterator[Flow]:
    """Events made inside belong to this flow; what is not given stays as it is around it.

    `traceparent` is a request's header as it came; one that is not valid is passed over, as W3C Trace Context says.
    """
    outer = _current.get()
    trace_id = None if traceparent is None else trace_id_of(traceparent)
    version_00 = None if trace_id is None or traceparent is None else _as_version_00(traceparent)
    inner = Flow(
        correlation_id if correlation_id is not None else outer.correlation_id,
        causation_id if causation_id is not None else outer.causation_id,
        version_00 or outer.traceparent,
        trace_id or outer.trace_id,
    )
    token = _current.set(inner)
    try:
        yield inner
    finally:
        _current.reset(token)


@contextmanager
def caused_by(event: Mapping[str, Any]) -> Iterator[Flow]:
    """Events made inside were caused by this one (JSON names, as it was read), and belong to its flow."""
    event_id = event.get("eventId")
    if not isinstance(event_id, str):
        raise ConfigurationError("caused_by needs an event with an eventId, as it was read from its topic")
    correlation_id = event.get("correlationId")
    with flow(
        correlation_id=correlation_id if isinstance(correlation_id, str) else event_id, causation_id=event_id
    ) as inner:
        yield inner


def trace_id_of(traceparent: str) -> str | None:
    """The trace id of a valid W3C traceparent, else None."""
    found = _TRACEPARENT.fullmatch(traceparent.strip())
    return None if found is None or (found[1] == "00" and found[5]) else found[2]


def _as_version_00(traceparent: str) -> str:
    """What is sent on: the parts that this version knows."""
    return f"00-{traceparent.strip()[3:55]}"
