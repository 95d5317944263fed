"""Who may call: the ways to show who one is, and what is needed to judge them."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self, cast
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, model_validator

from carbon_stream.settings.base import Part
from carbon_stream.settings.kinds import Words

_WAYS = ("off", "keys", "gateway", "mesh", "jwt")


def _ways(values: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [value for value in values if value not in _WAYS]
    if unknown:
        raise ValueError(f"there is no way {unknown[0]!r}; give one or several of keys, gateway, mesh, jwt, or off")
    if "off" in values and len(values) > 1:
        raise ValueError("off stands alone")
    return values


def _identities(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not value.startswith("spiffe://") or not value.isascii():
            raise ValueError("give SPIFFE IDs such as spiffe://cluster.local/ns/kong/sa/kong")
    return values


def _key_set(value: str) -> str:
    """A path, or a URL that nobody on the way can change."""
    if "://" not in value:
        return value
    url = urlsplit(value)
    if url.username is not None or url.password is not None:
        raise ValueError("give no user and password in the address: it is shown")
    host = url.hostname or ""
    if url.scheme == "https" and host:
        return value
    if url.scheme != "http" or not (_is_loopback(host) or host.endswith((".svc", ".svc.cluster.local"))):
        raise ValueError("give a path, or an https:// address (http:// on this machine or to a service of the mesh)")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class AccessSettings(Part):
    """Access over HTTP. Brokers have access rules of their own."""

    access: Annotated[Words, AfterValidator(_ways)] = Field(
        (),
        description="how callers show who they are: keys, gateway, mesh, jwt (several, comma-separated), or off; unset"
        " means off on 127.0.0.1, and has to be set elsewhere",
    )
    access_file: Path | None = Field(
        None, description="YAML file with keys, consumers and workloads, and their roles; read anew when it changes"
    )
    peer_identity: Literal["address", "mesh"] = Field(
        "address",
        description="what tells the gateway from others: its address (trusted_proxies), or in a mesh its identity,"
        " which our sidecar puts into X-Forwarded-Client-Cert",
    )
    gateway_identities: Annotated[Words, AfterValidator(_identities)] = Field(
        (), description="SPIFFE IDs of the gateway's workloads, comma-separated, where peer_identity is mesh"
    )
    jwt_jwks: Annotated[str, AfterValidator(_key_set)] | None = Field(
        None, description="key set of the tokens' issuer (JWKS): a path or a URL"
    )
    jwt_jwks_ca: Path | None = Field(
        None, description="PEM file with the authorities that sign that URL's certificate; unset: the system's"
    )
    jwt_audience: Words = Field((), description="what tokens must be meant for (aud), one of these")
    jwt_issuer: str | None = Field(
        None, description="who must have issued tokens (iss); unset: whoever signs with the set"
    )
    jwt_lifetime_max_s: int = Field(
        86_400, ge=60, le=31_536_000, description="longest that a token may be good, seconds"
    )
    jwt_roles_claim: str = Field("roles", min_length=1, max_length=200, description="claim with a token's roles")
    api_key_hash_secret: SecretStr | None = Field(
        None,
        min_length=32,
        description="secret that apiKey in audit events is hashed with, the same for all processes; unset: made once"
        " and kept in the data directory",
    )
    token: SecretStr | None = Field(
        None, description="credential that our own clients show (demo, tail): a key or a token"
    )

    @model_validator(mode="after")
    def _access_is_whole(self) -> Self:
        ways = self.access_ways
        if {"keys", "gateway", "mesh"} & ways and self.access_file is None:
            raise ValueError(
                f"CARBON_STREAM_ACCESS={','.join(self.access)} needs CARBON_STREAM_ACCESS_FILE: it says who may do what"
                " (`carbon-stream keys new` makes an entry)"
            )
        if "jwt" in ways and (self.jwt_jwks is None or not self.jwt_audience):
            raise ValueError("CARBON_STREAM_ACCESS=jwt needs CARBON_STREAM_JWT_JWKS and CARBON_STREAM_JWT_AUDIENCE")
        if self.peer_identity == "address" and (self.gateway_identities or "mesh" in ways):
            raise ValueError(
                "CARBON_STREAM_GATEWAY_IDENTITIES and CARBON_STREAM_ACCESS=mesh need CARBON_STREAM_PEER_IDENTITY=mesh"
            )
        if "gateway" in ways and not self._knows_the_gateway:
            raise ValueError(
                "CARBON_STREAM_ACCESS=gateway needs the gateway's networks (CARBON_STREAM_TRUSTED_PROXIES) or, with"
                " CARBON_STREAM_PEER_IDENTITY=mesh, its identities (CARBON_STREAM_GATEWAY_IDENTITIES)"
            )
        return self

    @property
    def access_ways(self) -> frozenset[str]:
        """The ways that are open; none where access control is off."""
        return frozenset(self.access) - {"off"}

    @property
    def _knows_the_gateway(self) -> bool:
        if self.peer_identity == "mesh":
            return bool(self.gateway_identities)
        return bool(cast("tuple[str, ...]", getattr(self, "trusted_proxies", ())))
