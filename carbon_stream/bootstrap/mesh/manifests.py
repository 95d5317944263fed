"""The desired state as Kubernetes objects, in the order in which they are applied. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import KINDS, manifest
from carbon_stream.bootstrap.mesh.security import authorization_policies, peer_authentications
from carbon_stream.bootstrap.mesh.traffic import destination_rules, virtual_services

__all__ = ["Facts", "manifests", "provider"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What objects depend on beside the file: how many phases are STRICT, and whether nodes are in several zones."""

    strict_through: int = 0
    zones: bool = False


def manifests(mesh: Mesh, facts: Facts) -> list[dict[str, Any]]:
    """All objects. Destinations come before what refers to them; what refuses requests comes last."""
    zones = mesh.locality_failover == "on" or (mesh.locality_failover == "auto" and facts.zones)
    return [
        *(_namespace(mesh, name) for name in mesh.namespaces),
        *destination_rules(mesh, zones=zones),
        *virtual_services(mesh),
        *(_telemetry(mesh, name) for name in mesh.namespaces),
        *peer_authentications(mesh, strict_through=facts.strict_through),
        *authorization_policies(mesh),
    ]


def _namespace(mesh: Mesh, name: str) -> dict[str, Any]:
    """Only the label that is ours to say; the namespace itself is not, and carries no mark by which it could go."""
    labels = {"istio.io/rev": mesh.revision} if mesh.revision else {"istio-injection": "enabled"}
    return {"apiVersion": KINDS["Namespace"].api, "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _telemetry(mesh: Mesh, namespace: str) -> dict[str, Any]:
    spec = {
        "metrics": [{"providers": [{"name": "prometheus"}]}],
        "tracing": [
            {"providers": [{"name": mesh.tracing.provider}], "randomSamplingPercentage": _number(mesh.tracing.percent)}
        ],
        "accessLogging": [
            {
                "providers": [{"name": "envoy"}],
                "filter": {"expression": f"response.code >= {mesh.access_log_from_status}"},
            }
        ],
    }
    return manifest("Telemetry", namespace, f"{mesh.namespace}-default", mesh.label, spec)


def provider(mesh: Mesh) -> dict[str, Any]:
    """The tracing provider as an entry of the mesh configuration's extensionProviders; Jaeger takes Zipkin's spans."""
    tracing = mesh.tracing
    return {"name": tracing.provider, "zipkin": {"service": tracing.service, "port": tracing.port}}


def _number(value: float) -> int | float:
    """Whole where it is whole: the API server would show it so, and a plan would see a difference."""
    return int(value) if value == int(value) else value
