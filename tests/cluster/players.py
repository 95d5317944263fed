"""A double of the controllers, the kubelet and Istio's injector: real objects in a real API, played by a thread.

The real ones are in `whole.WholeCluster`, where all goes well. This stays for what they cannot be made to do at a word:
pods that never become ready, an injector that is away, one workload's pod lost at the very step of a run; and for the
runs that need some cluster and not the whole of it, which would take minutes more.

It makes each listed workload and its pods, replaces the pods when the template changes (with a sidecar where the
namespace is labelled), and writes the statuses that Kubernetes' own controllers would. No container runs.
"""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from carbon_stream.bootstrap.mesh.model import Mesh, Workload
from carbon_stream.bootstrap.mesh.objects import KINDS, Key
from tests.cluster.control_plane import ControlPlane

_STATUS = "application/merge-patch+json"


def make_workload(plane: ControlPlane, mesh: Mesh, name: str, workload: Workload) -> None:
    """The Deployment or StatefulSet of a listed workload, as a chart would make it before there was a mesh."""
    kind = KINDS[workload.kind]
    labels = dict(workload.selector)
    body: dict[str, Any] = {
        "apiVersion": kind.api,
        "kind": kind.name,
        "metadata": {"name": name, "namespace": mesh.at(workload)},
        "spec": {
            "replicas": workload.pods,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": "example"}]},
            },
        },
    }
    if workload.kind == "StatefulSet":
        body["spec"]["serviceName"] = name
    plane.make(kind.path(mesh.at(workload)), body)


class Deployments:
    def __init__(self, plane: ControlPlane, mesh: Mesh) -> None:
        self._plane = plane
        self._mesh = mesh
        self._seen: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._number = 0
        self.broken: set[str] = set()
        """Workloads whose new pods never become ready."""
        self.without_injector = False
        self.least_available: dict[str, int] = {}
        self.restarts: list[str] = []

    def __enter__(self) -> Self:
        for name, workload in self._mesh.workloads.items():
            self._make(name, workload)
        self._step()
        self.restarts.clear()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def pods(self, name: str) -> list[dict[str, Any]]:
        workload = self._mesh.workloads[name]
        chosen = ",".join(f"{key}%3D{value}".replace("/", "%2F") for key, value in workload.selector.items())
        path = f"{KINDS['Pod'].path(self._mesh.at(workload))}?labelSelector={chosen}"
        return list(self._plane.call("GET", path)[1]["items"])

    def _make(self, name: str, workload: Workload) -> None:
        make_workload(self._plane, self._mesh, name, workload)

    def _play(self) -> None:
        while not self._stop.wait(0.05):
            try:
                self._step()
            except OSError:  # the API server is away: so would the controllers be
                continue

    def _step(self) -> None:
        for name, workload in self._mesh.workloads.items():
            key = Key(workload.kind, self._mesh.at(workload), name)
            status, there = self._plane.call("GET", key.path)
            if status != 200:
                continue
            stamp = str(there["spec"]["template"]["metadata"].get("annotations"))
            if self._seen.get(name) != stamp:
                self.restarts.append(name)
                self._roll(key, there, workload, name)
                self._seen[name] = stamp

    def _roll(self, key: Key, there: Mapping[str, Any], workload: Workload, name: str) -> None:
        namespace = self._plane.call("GET", f"/api/v1/namespaces/{key.namespace}")[1]
        labelled = namespace["metadata"].get("labels", {}).get("istio-injection") == "enabled"
        sidecar = labelled and not self.without_injector
        replicas = there["spec"]["replicas"]
        ready = 0 if name in self.broken else replicas
        old = self.pods(name)
        self._status(key, there, updated=0, available=len(old), replicas=replicas)
        for _ in range(replicas):
            self._pod(key, workload, sidecar=sidecar, ready=bool(ready))
        if ready:
            for pod in old:
                where = KINDS["Pod"].path(key.namespace, pod["metadata"]["name"])
                self._plane.call("DELETE", where, {"gracePeriodSeconds": 0})
        self._status(key, there, updated=replicas, available=ready or len(old), replicas=replicas + (0 if ready else 1))

    def _pod(self, key: Key, workload: Workload, *, sidecar: bool, ready: bool) -> None:
        self._number += 1
        containers = [{"name": "main", "image": "example"}]
        containers += [{"name": "istio-proxy", "image": "proxyv2"}] if sidecar else []
        path = KINDS["Pod"].path(key.namespace)
        metadata = {"name": f"{key.name}-{self._number}", "labels": dict(workload.selector)}
        self._plane.make(path, {"metadata": metadata, "spec": {"containers": containers}})
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        status = {"status": {"phase": "Running", "conditions": [condition]}}
        self._plane.call("PATCH", f"{path}/{metadata['name']}/status", status, _STATUS)

    def _status(self, key: Key, there: Mapping[str, Any], *, updated: int, available: int, replicas: int) -> None:
        status = {
            "observedGeneration": there["metadata"]["generation"],
            "replicas": replicas,
            "updatedReplicas": updated,
            "availableReplicas": available,
            "readyReplicas": available,
        }
        if key.kind == "StatefulSet":
            status |= {"currentRevision": "1", "updateRevision": "1"}
        self._plane.call("PATCH", f"{key.path}/status", {"status": status}, _STATUS)
