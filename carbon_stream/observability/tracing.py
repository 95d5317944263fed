"""Spans, where an exporter is configured; without one OpenTelemetry is not even imported (`otel` does that).

One trace goes from the gateway's request through ingest, Kafka and the agent to the view that shows the event:
the request's span is the child of its `traceparent`, and goes to Kafka as the records' `traceparent`; an agent makes a
span for each trace in a unit of work (some at most), as that one's child; the changelog's records carry those to the
views. Only sampled traces are looked at: what the gateway has not sampled costs nothing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Final, Protocol

from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.tracing import Headers

__all__ = ["NoSpans", "RequestSpan", "Spans", "spans_of"]


class RequestSpan(Protocol):
    """The span of a request, while it lasts."""

    traceparent: str | None
    """What the request's events are children of; None where their trace goes on as it came, or there is none."""

    def answered(self, route: str | None, status: int) -> None:
        """The request was answered."""


class Spans(Protocol):
    """Makes spans; also a stage's `streaming.tracing.Tracing`."""

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[RequestSpan]:
        """Around a request."""

    def unit(self, stage: str, batches: Sequence[Batch]) -> AbstractContextManager[Headers]:
        """Around a unit of work; gives the headers that lead from its rows to its spans."""

    def shown(self, table: str, traces: bytes, committed_ms: int) -> None:
        """Rows that were made in these traces are in the views now."""


class _NoRequest:
    traceparent: str | None = None

    def answered(self, route: str | None, status: int) -> None:
        """Nothing."""


class NoSpans:
    """No exporter is configured."""

    _request: Final[AbstractContextManager[RequestSpan]] = nullcontext(_NoRequest())
    _unit: Final[AbstractContextManager[Headers]] = nullcontext([])

    def request(self, method: str, headers: Mapping[str, str]) -> AbstractContextManager[RequestSpan]:
        """No span."""
        return self._request

    def unit(self, stage: str, batches: Sequence[Batch]) -> AbstractContextManager[Headers]:
        """No spans."""
        return self._unit

    def shown(self, table: str, traces: bytes, committed_ms: int) -> None:
        """No spans."""


def spans_of(settings: Settings) -> Spans:
    """This process's spans, the same at each call. OperatorError where they are wanted and cannot be made."""
    if settings.otel_endpoint is None:
        return NoSpans()
    return _spans(settings.otel_endpoint, settings.otel_service_name, settings.trace_ratio)


@cache
def _spans(endpoint: str, service: str, ratio: float) -> Spans:
    try:
        from carbon_stream.observability.otel import OtelSpans
    except ImportError as error:
        raise OperatorError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and OpenTelemetry is not there ({error.name}):"
            " install carbon-stream[otel], or unset it"
        ) from None
    return OtelSpans(endpoint, service, ratio)
