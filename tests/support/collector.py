"""Takes spans as a collector does: OTLP over HTTP in protobuf, decoded by OpenTelemetry's own messages."""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Taken:
    """One span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    service: str
    attributes: dict[str, Any]
    start: int
    end: int


class Collector:
    """A real OTLP receiver on 127.0.0.1."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.spans: list[Taken] = []
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for scope in resource.scope_spans:
                self.spans += [_taken(span, service) for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")

    async def until(self, *names: str, trace_id: str, seconds: float = 60.0) -> dict[str, Taken]:
        """Until the trace has spans of these names."""
        async with asyncio.timeout(seconds):
            while True:
                found = {span.name: span for span in self.spans if span.trace_id == trace_id}
                if set(names) <= found.keys():
                    return found
                await asyncio.sleep(0.05)


def _taken(span: Any, service: str) -> Taken:
    attributes = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Taken(span.name, *ids, span.kind, service, attributes, span.start_time_unix_nano, span.end_time_unix_nano)
