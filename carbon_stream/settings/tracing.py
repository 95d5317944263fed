"""Whether spans are exported, and how many traces begin here. The names are OpenTelemetry's own."""

from __future__ import annotations

from pydantic import Field

from carbon_stream.settings.base import Part


class TracingSettings(Part):
    """Tracing. Further variables of OpenTelemetry (headers, certificates, timeouts) are read by its exporter."""

    otel_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        pattern=r"^https?://[^\s@]+$",
        description="where spans go (OTLP over HTTP), such as http://collector:4318; unset: there are none",
    )
    otel_service_name: str = Field(
        "carbon-stream", validation_alias="OTEL_SERVICE_NAME", min_length=1, description="what spans call the service"
    )
    trace_ratio: float = Field(
        0.1, ge=0, le=1, description="share of requests without a trace of their own for which one begins, 0 to 1"
    )
