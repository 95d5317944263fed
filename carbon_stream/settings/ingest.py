"""How events come in over HTTP, and the bounds of that."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

from pydantic import Field

from carbon_stream.settings.base import Part
from carbon_stream.settings.kinds import Network, Networks


class IngestSettings(Part):
    """The way in."""

    trusted_proxies: Networks = Field(
        (), description="the gateway's networks, CIDR, comma-separated: X-Forwarded-For and X-Consumer-… are believed"
    )
    max_event_bytes: int = Field(
        1 << 20, ge=1_024, le=1 << 20, description="largest event taken over HTTP, bytes; the topics hold 1 MiB"
    )
    max_body_bytes: int = Field(64 << 20, ge=1_024, le=1 << 30, description="largest request body, decompressed, bytes")
    max_batch_events: int = Field(100_000, ge=1, le=1_000_000, description="most events in one request")
    max_pending_bytes: int = Field(
        256 << 20, ge=1 << 20, description="request bytes in work at once in one process; beyond it 503 Retry-After"
    )
    request_timeout_s: float = Field(30.0, gt=0, le=600, description="longest time a request may take, seconds")
    publish_timeout_s: float = Field(
        10.0, gt=0, le=300, description="longest time an event waits for Kafka's acknowledgement, seconds; then 503"
    )
    service_catalog: Path | None = Field(
        None,
        description="JSON file with services (name, namespace, group, tier, owner) beside or over the built-in ones",
    )

    processes: int = Field(1, ge=1, le=64, description="processes that `ingest` starts on one port")

    @property
    def trusted_networks(self) -> tuple[Network, ...]:
        """`trusted_proxies` as networks."""
        return tuple(ip_network(value) for value in self.trusted_proxies)
