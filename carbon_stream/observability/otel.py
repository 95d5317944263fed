"""Spans by OpenTelemetry's SDK, exported as OTLP over HTTP by a thread of its own, with a bounded queue.

Imported only where an exporter is configured; needs the extra `otel`.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from carbon_stream.streaming.batch import Batch, Record
from carbon_stream.streaming.tracing import TRACES, Headers

__all__ = ["OtelSpans"]

UNIT_SPANS_MAX = 16
"""Spans of one unit of work: of more traces than that, the further ones end at Kafka."""
EXPORT_S_MAX = 5
_SAMPLED = b"-01"


class OtelSpans:
    """Implements `tracing.Spans`. `ratio` is the share of requests without a trace for which one begins, unless
    OTEL_TRACES_SAMPLER says otherwise; whoever comes with a trace is traced if that one is.
    """

    def __init__(self, endpoint: str, service: str, ratio: float) -> None:
        resource = Resource.create({"service.name": service, "service.version": version("carbon-stream")})
        sampler = None if "OTEL_TRACES_SAMPLER" in os.environ else ParentBased(TraceIdRatioBased(ratio))
        provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        traces = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or endpoint.rstrip("/") + "/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=traces, timeout=EXPORT_S_MAX)))
        atexit.register(provider.shutdown)  # exports what is left
        self._provider = provider
        self._tracer = provider.get_tracer("carbon_stream", version("carbon-stream"))
        self._propagator = TraceContextTextMapPropagator()

    def flush(self) -> None:
        """Export what there is now."""
        self._provider.force_flush(5_000)

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[_RequestSpan]:
        """Around a request."""
        span = self._tracer.start_span(
            method, self._propagator.extract(headers), SpanKind.SERVER, {"http.request.method": method}
        )
        try:
            yield _RequestSpan(span, method)
        finally:
            span.end()

    @contextmanager
    def unit(self, stage: str, batches: Sequence[Batch]) -> Iterator[Headers]:
        """Around a unit of work."""
        found = _traces(batches)
        spans = [self._unit_span(stage, traceparent, records) for traceparent, records in found.items()]
        try:
            yield [(TRACES, b",".join(map(_traceparent, spans)))] if spans else []
        except BaseException as error:
            for span in spans:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            for span in spans:
                span.end()

    def _unit_span(self, stage: str, traceparent: bytes, records: Sequence[Record]) -> Span:
        first = records[0]
        return self._tracer.start_span(
            f"{stage} process",
            self._parent(traceparent),
            SpanKind.CONSUMER,
            {
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.destination.name": first.topic,
                "messaging.destination.partition.id": str(first.partition),
                "messaging.kafka.offset": first.offset,
                "messaging.batch.message_count": len(records),
                "carbon_stream.stage": stage,
            },
        )

    def shown(self, table: str, traces: bytes, committed_ms: int) -> None:
        """From the commit of rows to their being shown."""
        now = time.time_ns()
        for traceparent in traces.split(b",")[:UNIT_SPANS_MAX]:
            span = self._tracer.start_span(
                f"{table} show",
                self._parent(traceparent),
                SpanKind.INTERNAL,
                {"carbon_stream.table": table},
                start_time=min(committed_ms * 1_000_000, now),
            )
            span.end(now)

    def _parent(self, traceparent: bytes) -> Context:
        return self._propagator.extract({"traceparent": traceparent.decode("ascii", "replace")})


class _RequestSpan:
    def __init__(self, span: Span, method: str) -> None:
        self._span, self._method = span, method
        self.traceparent = _traceparent(span).decode() if span.is_recording() else None

    def answered(self, route: str | None, status: int) -> None:
        """Name the span by its route, and say how it ended."""
        if route is not None:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(Status(StatusCode.ERROR))


def _traces(batches: Sequence[Batch]) -> dict[bytes, list[Record]]:
    """Sampled traces among these records, with their records; some at most."""
    found: dict[bytes, list[Record]] = {}
    for batch in batches:
        for record in batch:
            for name, value in record.headers or ():
                if name == "traceparent" and value.endswith(_SAMPLED):
                    if value in found:
                        found[value].append(record)
                    elif len(found) < UNIT_SPANS_MAX:
                        found[value] = [record]
    return found


def _traceparent(span: Span) -> bytes:
    context: Any = span.get_span_context()
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)
