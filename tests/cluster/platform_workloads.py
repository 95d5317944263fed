"""The platform in a whole cluster, as it is before the mesh: its namespaces, workloads and services."""

from functools import partial
from typing import Any

from carbon_stream.bootstrap.mesh.model import Mesh
from tests.cluster.players import make_workload
from tests.cluster.whole import WholeCluster


def install(cluster: WholeCluster, mesh: Mesh) -> None:
    """All of it, with every pod running."""
    for name in (*mesh.namespaces, mesh.prometheus.namespace):
        cluster.plane.make("/api/v1/namespaces", {"metadata": {"name": name}})
        cluster.wait(f"{name} gets no account", partial(_has_account, cluster, name))
    for name, workload in mesh.workloads.items():
        make_workload(cluster.plane, mesh, name, workload)
    for name in mesh.services:
        _make_service(cluster, mesh, name, {"app": name}, {"http": 8080})
    for plain in mesh.plain.values():
        _make_service(cluster, mesh, plain.service, dict(plain.selector), {f"tcp-{port}": port for port in plain.ports})
    expected = sum(workload.pods for workload in mesh.workloads.values())
    cluster.wait("the pods do not run", lambda: len(running_pods(cluster, mesh)) == expected)


def running_pods(cluster: WholeCluster, mesh: Mesh) -> list[dict[str, Any]]:
    """Pods that run and are not on their way out."""
    return [
        pod
        for name in mesh.namespaces
        for pod in cluster.plane.call("GET", f"/api/v1/namespaces/{name}/pods")[1]["items"]
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    ]


def _has_account(cluster: WholeCluster, namespace: str) -> bool:
    return cluster.plane.call("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/default")[0] == 200


def _make_service(
    cluster: WholeCluster, mesh: Mesh, name: str, selector: dict[str, str], ports: dict[str, int]
) -> None:
    spec = {"selector": selector, "ports": [{"name": name, "port": port} for name, port in ports.items()]}
    path = f"/api/v1/namespaces/{mesh.namespace}/services"
    cluster.plane.make(path, {"metadata": {"name": name}, "spec": spec})
