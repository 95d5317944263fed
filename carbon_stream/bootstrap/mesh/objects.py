"""Kubernetes objects as bootstrap sees them: which kinds, where they are in the API, and how one is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["FIELD_MANAGER", "KINDS", "MANAGED", "MANAGED_BY", "Key", "Kind", "Object", "key_of", "manifest"]

Object = Mapping[str, Any]
"""An object as JSON has it."""

FIELD_MANAGER: Final = "carbon-stream-bootstrap"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind of object is in the API."""

    name: str
    api: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str = "", name: str = "") -> str:
        """The path of a collection, or of one object in it."""
        root = f"/api/{self.api}" if "/" not in self.api else f"/apis/{self.api}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{name}" if name else "")


_NETWORKING, _SECURITY = "networking.istio.io/v1beta1", "security.istio.io/v1beta1"

MANAGED: Final = (
    Kind("DestinationRule", _NETWORKING, "destinationrules"),
    Kind("VirtualService", _NETWORKING, "virtualservices"),
    Kind("Telemetry", "telemetry.istio.io/v1alpha1", "telemetries"),
    Kind("PeerAuthentication", _SECURITY, "peerauthentications"),
    Kind("AuthorizationPolicy", _SECURITY, "authorizationpolicies"),
)
"""What is made, changed and pruned, in the order in which it is applied. The versions are those of Istio 1.20."""

KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        *MANAGED,
        Kind("Namespace", "v1", "namespaces", namespaced=False),
        Kind("Node", "v1", "nodes", namespaced=False),
        Kind("Pod", "v1", "pods"),
        Kind("ConfigMap", "v1", "configmaps"),
        Kind("Deployment", "apps/v1", "deployments"),
        Kind("StatefulSet", "apps/v1", "statefulsets"),
        Kind("Lease", "coordination.k8s.io/v1", "leases"),
        Kind("Role", "rbac.authorization.k8s.io/v1", "roles"),
        Kind("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings"),
        Kind("ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles", namespaced=False),
        Kind("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", "clusterrolebindings", namespaced=False),
    )
}


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which object; `namespace` is empty for what has none."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def path(self) -> str:
        """Where it is in the API."""
        return KINDS[self.kind].path(self.namespace, self.name)


def key_of(object: Object) -> Key:
    """The key of an object."""
    metadata = object["metadata"]
    return Key(object["kind"], metadata.get("namespace", ""), metadata["name"])


def manifest(kind: str, namespace: str, name: str, label: str, spec: Object) -> dict[str, Any]:
    """An object of a kind that we manage, with our label."""
    return {
        "apiVersion": KINDS[kind].api,
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {MANAGED_BY: label, "app.kubernetes.io/part-of": "carbon-stream"},
        },
        "spec": dict(spec),
    }
