"""Where the gateway's Admin API is, for the bootstrap job."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from carbon_stream.settings.base import Part
from carbon_stream.settings.kinds import AdminUrl


class GatewaySettings(Part):
    """The gateway."""

    kong_admin_url: AdminUrl = Field(
        "http://kong-admin.kong.svc.cluster.local:8001", description="the gateway's Admin API; may have a path"
    )
    kong_admin_token: SecretStr | None = Field(None, description="RBAC token of the Admin API")
    kong_admin_token_file: Path | None = Field(None, description="file with that token, in place of the variable")
    kong_admin_ca: Path | None = Field(
        None, description="PEM file with the authorities that sign the Admin API's certificate; unset: the system's"
    )
    kong_admin_verify: bool = Field(True, description="whether the Admin API's certificate is checked")
    kong_secrets_dir: Path = Field(
        Path("/etc/carbon-stream/secrets"), description="where Secrets with the gateway's credentials are mounted"
    )
