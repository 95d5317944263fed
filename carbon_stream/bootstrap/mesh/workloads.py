"""The listed workloads as they run: their pods, sidecars, and whether a restart takes them away. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import Key, Object

__all__ = ["Running", "has_sidecar", "is_ready", "restart_costs", "running", "settled"]

SIDECAR = "istio-proxy"


@dataclass(frozen=True, slots=True)
class Running:
    """One workload. `pods` counts those that are not on their way out; `downtime` says why a restart is felt."""

    key: Key
    missing: bool = False
    pods: int = 0
    expected: int = 0
    without_sidecar: int = 0
    not_ready: int = 0
    downtime: str = ""
    names: tuple[str, ...] = ()


def running(mesh: Mesh, controllers: Mapping[Key, Object], pods: Mapping[str, Iterable[Object]]) -> tuple[Running, ...]:
    """Every listed workload, in the order of the file. `pods` is by namespace."""
    result = []
    for name, workload in mesh.workloads.items():
        namespace = mesh.at(workload)
        key = Key(workload.kind, namespace, name)
        its = [pod for pod in pods.get(namespace, ()) if _matches(pod, workload.selector) and not _leaving(pod)]
        controller = controllers.get(key)
        if controller is None:
            result.append(Running(key, missing=True, expected=workload.pods, pods=len(its)))
            continue
        result.append(
            Running(
                key,
                pods=len(its),
                expected=workload.pods,
                without_sidecar=sum(not has_sidecar(pod) for pod in its),
                not_ready=sum(not is_ready(pod) for pod in its),
                downtime=restart_costs(controller),
                names=tuple(sorted(pod["metadata"]["name"] for pod in its)),
            )
        )
    return tuple(result)


def restart_costs(controller: Object) -> str:
    """Why a rolling restart would leave nothing running for a moment; empty where it would not."""
    spec = controller["spec"]
    replicas = spec.get("replicas", 1)
    if replicas == 0:
        return ""
    if controller["kind"] == "StatefulSet":
        if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
            return "its update strategy is OnDelete"
        return "" if replicas > 1 else "a StatefulSet of one pod"
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return "its strategy is Recreate"
    unavailable = _count((strategy.get("rollingUpdate") or {}).get("maxUnavailable", "25%"), replicas)
    return "" if unavailable < replicas else f"its strategy lets {unavailable} of {replicas} pods be unavailable"


def settled(controller: Object) -> bool:
    """Whether a rollout has come to its end: every pod is of the newest template, and available."""
    spec, status = controller["spec"], controller.get("status") or {}
    replicas = spec.get("replicas", 1)
    if status.get("observedGeneration", 0) < controller["metadata"].get("generation", 0):
        return False
    if controller["kind"] == "StatefulSet" and status.get("currentRevision") != status.get("updateRevision"):
        return False
    counts = (status.get(name) or 0 for name in ("updatedReplicas", "availableReplicas", "replicas"))
    return all(count == replicas for count in counts)


def has_sidecar(pod: Object) -> bool:
    """Whether the proxy is among its containers (or its init containers, as a native sidecar)."""
    spec = pod["spec"]
    return any(each["name"] == SIDECAR for each in [*spec.get("containers", ()), *(spec.get("initContainers") or ())])


def is_ready(pod: Object) -> bool:
    """Whether all its containers are ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _leaving(pod: Object) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return "deletionTimestamp" in pod["metadata"] or phase in ("Succeeded", "Failed")


def _matches(pod: Object, selector: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels") or {}
    return selector.items() <= labels.items()


def _count(value: Any, replicas: int) -> int:
    """A maxUnavailable in pods: a percentage is rounded down (Kubernetes' rule)."""
    text = str(value)
    return int(text[:-1]) * replicas // 100 if text.endswith("%") else int(text)
