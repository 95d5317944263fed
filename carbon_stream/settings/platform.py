"""Where the parts of the platform are that `verify` and the mesh's phases look at."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from carbon_stream.settings.base import Part
from carbon_stream.settings.kinds import AdminUrl


class PlatformSettings(Part):
    """The platform around the service."""

    istiod_url: AdminUrl | None = Field(
        None, description="istiod's debug port (15014); unset: each istiod pod, by way of the Kubernetes API"
    )
    istiod_token_file: Path | None = Field(
        None, description="file with a service account's token for istiod (audience istio-ca), read anew each time"
    )
    prometheus_url: AdminUrl | None = Field(
        None, description="the mesh's Prometheus; unset: the mesh's values name it, by way of the Kubernetes API"
    )
    gateway_url: AdminUrl | None = Field(
        None, description="our ingest through the gateway, such as https://gateway.example.org/api/carbon-stream"
    )
    query_url: AdminUrl | None = Field(None, description="the query service, where `verify` looks for its own event")
    verify_key: SecretStr | None = Field(None, description="API key with which `verify` sends and looks for its event")
