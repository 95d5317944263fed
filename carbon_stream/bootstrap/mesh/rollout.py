"""Restarting one workload, and waiting until it is whole again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import Key, Object
from carbon_stream.bootstrap.mesh.read import read_running
from carbon_stream.bootstrap.mesh.workloads import settled
from carbon_stream.errors import OperatorError

__all__ = ["restart"]

_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
"""What `kubectl rollout restart` sets, so that `kubectl rollout history` shows ours like any other."""


async def restart(cluster: Cluster, mesh: Mesh, key: Key, *, timeout_s: float, poll_s: float = 1.0) -> None:
    """Restarts pods without a sidecar. OperatorError when the workload is not whole, before or after, or got none."""
    before = await _settle(cluster, key, timeout_s, poll_s)
    if before is None:
        raise OperatorError(f"{key} has not all its pods available: it was not restarted. {_look(key)}")
    change = {"metadata": {"annotations": {_RESTARTED_AT: datetime.now(UTC).isoformat(timespec="seconds")}}}
    await cluster.patch(key, {"spec": {"template": change}})
    if await _settle(cluster, key, timeout_s, poll_s) is None:
        undo = f"kubectl -n {key.namespace} rollout undo {key.kind.lower()}/{key.name}"
        raise OperatorError(
            f"{key} was restarted, and not all its pods are available after {timeout_s:g} s; nothing else was"
            f" restarted. {_look(key)}; back: {undo}"
        )
    (after,) = (each for each in await read_running(cluster, mesh) if each.key == key)
    if after.without_sidecar:
        raise OperatorError(
            f"{key} was restarted, and {after.without_sidecar} of {after.pods} pods still have no sidecar: is istiod"
            f" running, does the label of the namespace match its revision, and do the pods not opt out?"
        )


async def _settle(cluster: Cluster, key: Key, timeout_s: float, poll_s: float) -> Object | None:
    """The workload once it is whole; None where it does not become so in time."""
    end = asyncio.get_running_loop().time() + timeout_s
    while True:
        there = await cluster.find(key)
        if there is None:
            raise OperatorError(f"{key} is gone")
        if settled(there):
            return there
        if asyncio.get_running_loop().time() > end:
            return None
        await asyncio.sleep(poll_s)


def _look(key: Key) -> str:
    return (
        f"Look: kubectl -n {key.namespace} get pods; kubectl -n {key.namespace} describe {key.kind.lower()} {key.name}"
    )
