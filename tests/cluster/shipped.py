"""What deploy/ ships, brought to the control plane of these tests as an operator would: by kubectl."""

import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import parts
from tests.cluster.control_plane import ControlPlane

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
NAMESPACES = ("data-platform", "kong", "istio-system", "monitoring")


def make_namespaces(plane: ControlPlane) -> None:
    for name in NAMESPACES:
        status, document = plane.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        assert status in (201, 409), document


def rendered(overlay: str) -> str:
    command = [str(parts.kubectl()), "kustomize", str(KUBERNETES / "overlays" / overlay)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def kubectl(plane: ControlPlane, *words: str, given: str) -> subprocess.CompletedProcess[str]:
    command = [str(parts.kubectl()), "--kubeconfig", str(plane.kubeconfig()), *words, "-f", "-"]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=120)


def rights(plane: ControlPlane) -> list[dict[str, Any]]:
    """Applies the shipped accounts, roles and bindings; returns the roles."""
    text = (KUBERNETES / "components" / "platform" / "rbac.yaml").read_text()
    done = kubectl(plane, "apply", "--validate=strict", given=text)
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(text) if each["kind"] in ("Role", "ClusterRole")]


def token(plane: ControlPlane, account: str) -> str:
    path = f"/api/v1/namespaces/data-platform/serviceaccounts/{account}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    return str(plane.make(path, body)["status"]["token"])


def may(plane: ControlPlane, account: str, namespace: str, group: str, resource: str, verb: str) -> bool:
    """What the authorizer says now: it learns of a changed role a moment later."""
    attributes = {"namespace": namespace, "group": group, "resource": resource, "verb": verb}
    spec = {"user": f"system:serviceaccount:data-platform:{account}", "resourceAttributes": attributes}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    return bool(plane.make("/apis/authorization.k8s.io/v1/subjectaccessreviews", body)["status"]["allowed"])
