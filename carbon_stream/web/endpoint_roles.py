"""The role that each endpoint needs, and which reads are written down. One that is not here needs `operator`."""

from typing import Final, Literal

from carbon_stream.access.roles import Role

__all__ = ["ENDPOINT_ROLES", "PUBLIC", "RECORDED_READS", "role_of"]

PUBLIC: Final = "public"
"""Needs no role: probes, metrics (no event is in them, and no person unless CARBON_STREAM_METRICS_NAMES says so),
descriptions of the interface itself, and the console's files, which have no data in them."""

ENDPOINT_ROLES: Final[dict[tuple[str, str], Role | Literal["public"]]] = {
    ("GET", "/"): PUBLIC,
    ("GET", "/console/{file}"): PUBLIC,
    ("GET", "/healthz"): PUBLIC,
    ("GET", "/readyz"): PUBLIC,
    ("GET", "/metrics"): PUBLIC,
    ("GET", "/openapi.json"): PUBLIC,
    ("GET", "/asyncapi.json"): PUBLIC,
    ("GET", "/v1/types"): PUBLIC,
    ("GET", "/v1/types/{eventType}"): PUBLIC,
    ("POST", "/v1/events"): "sender",
    ("POST", "/api/v1/lineage"): "sender",
    ("POST", "/api/v1/lineage/batch"): "sender",
    ("POST", "/v1/sources/kong"): "gateway",
    ("GET", "/v1/topics"): "reader",
    ("GET", "/v1/health/services"): "reader",
    ("GET", "/v1/health/services/{namespace}/{service}"): "reader",
    ("GET", "/v1/health/namespaces"): "reader",
    ("GET", "/v1/lineage"): "reader",
    ("GET", "/v1/datasets"): "reader",
    ("GET", "/v1/datasets/{name}"): "reader",
    ("GET", "/v1/flow"): "reader",
    ("GET", "/v1/audit/summary"): "auditor",
    ("GET", "/v1/audit/events"): "auditor",
    ("GET", "/v1/events/stream"): "auditor",
    ("GET", "/v1/events/story"): "auditor",
    ("GET", "/v1/dead-letters"): "auditor",
    ("POST", "/v1/dead-letters/replay"): "operator",
    ("GET", "/v1/log-level"): "operator",
    ("PUT", "/v1/log-level"): "operator",
}

RECORDED_READS: Final[dict[str, str]] = {
    "/v1/audit/events": "carbon-stream/audit-events",
    "/v1/events/stream": "carbon-stream/events",
    "/v1/events/story": "carbon-stream/events",
    "/v1/dead-letters": "carbon-stream/dead-letters",
}
"""Reads of what people did, each an AuditDataAccessEvent itself, by path: the dataset that it is a read of."""


def role_of(method: str, path: str) -> Role | Literal["public"]:
    """The role that a route needs; HEAD is as GET."""
    return ENDPOINT_ROLES.get(("GET" if method == "HEAD" else method, path), "operator")
