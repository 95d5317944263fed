"""Who must speak mTLS, and who may call our own endpoints. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from carbon_stream.bootstrap.mesh.model import Allow, Mesh
from carbon_stream.bootstrap.mesh.objects import manifest

__all__ = ["authorization_policies", "peer_authentications"]


def peer_authentications(mesh: Mesh, *, strict_through: int) -> Iterator[dict[str, Any]]:
    """The namespaces' own, those with ports of another mode, and one for each workload whose phase is STRICT.

    Istio takes modes of single ports only together with a selector.
    """
    for namespace in mesh.namespaces:
        yield manifest("PeerAuthentication", namespace, "default", mesh.label, {"mtls": {"mode": mesh.mode}})
    for name, plain in mesh.plain.items():
        spec = {
            "selector": {"matchLabels": dict(plain.selector)},
            "mtls": {"mode": mesh.mode},
            "portLevelMtls": {str(port): {"mode": "DISABLE"} for port in plain.ports},
        }
        yield manifest("PeerAuthentication", mesh.at(plain), f"plain-{name}", mesh.label, spec)
    for name, workload in mesh.workloads.items():
        if mesh.strict(workload, strict_through):
            spec = {"selector": {"matchLabels": dict(workload.selector)}, "mtls": {"mode": "STRICT"}}
            if workload.open_ports:
                spec["portLevelMtls"] = {str(port): {"mode": "PERMISSIVE"} for port in workload.open_ports}
            yield manifest("PeerAuthentication", mesh.at(workload), f"strict-{name}", mesh.label, spec)


def authorization_policies(mesh: Mesh) -> Iterator[dict[str, Any]]:
    """What may be asked of our endpoints; once a policy allows something to a pod, all else is refused."""
    for name, endpoint in mesh.endpoints.items():
        rules = [_rule(allow, endpoint.check_namespaces) for allow in endpoint.allow]
        spec = {"selector": {"matchLabels": dict(endpoint.selector)}, "action": "ALLOW", "rules": rules}
        yield manifest("AuthorizationPolicy", mesh.at(endpoint), name, mesh.label, spec)


def _rule(allow: Allow, check_namespaces: bool) -> dict[str, Any]:
    rule: dict[str, Any] = {"to": [{"operation": {"methods": list(allow.methods), "paths": list(allow.paths)}}]}
    if check_namespaces and allow.namespaces:
        rule["from"] = [{"source": {"namespaces": list(allow.namespaces)}}]
    return rule
