"""Reading what the cluster has, and what it would make of what is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from carbon_stream.bootstrap.mesh.cluster import Absent, Cluster, Conflict
from carbon_stream.bootstrap.mesh.manifests import Facts
from carbon_stream.bootstrap.mesh.mesh_config import config_key, provider_step
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import KINDS, MANAGED, Key, Object, key_of
from carbon_stream.bootstrap.mesh.plan import Found
from carbon_stream.bootstrap.mesh.workloads import Running, running
from carbon_stream.bootstrap.overlays import merged
from carbon_stream.errors import OperatorError

__all__ = ["PHASES", "phases_key", "read_facts", "read_found", "read_running"]

PHASES = "strictThrough"
"""The key, in the ConfigMap of `phases_key`, of how many phases are STRICT."""
_ZONE = "topology.kubernetes.io/zone"
_AT_ONCE = 8


def phases_key(mesh: Mesh) -> Key:
    """Where it is kept how many phases are STRICT, so that an apply leaves them so."""
    return Key("ConfigMap", mesh.namespace, "carbon-stream-mesh")


async def read_facts(cluster: Cluster, mesh: Mesh) -> Facts:
    """What the wanted objects depend on. OperatorError where the cluster has no such namespaces."""
    for name in mesh.namespaces:
        if await cluster.find(Key("Namespace", "", name)) is None:
            raise OperatorError(
                f"there is no namespace {name}: create it, or take it and what is in it out of the mesh in an overlay"
            )
    zones: set[str] = set()
    if mesh.locality_failover == "auto":
        nodes = await cluster.all("Node")
        zones = {zone for node in nodes if (zone := (node["metadata"].get("labels") or {}).get(_ZONE))}
    kept = await cluster.find(phases_key(mesh))
    text = ((kept or {}).get("data") or {}).get(PHASES, "0")
    if not text.isdigit() or int(text) > len(mesh.phases):
        raise OperatorError(f"{phases_key(mesh)}: {PHASES} is {text!r}, and there are {len(mesh.phases)} phases")
    return Facts(strict_through=int(text), zones=len(zones) > 1)


async def read_found(cluster: Cluster, mesh: Mesh, wanted: Sequence[Object], *, dry_run: bool = True) -> Found:
    """What is there, and what a server-side apply would make of it.

    The server is asked, and changes nothing. Without `dry_run` it is not asked, since that takes the right to change:
    an apply is taken to merge mappings and to replace all else, which is what the kinds that we make do.
    """
    objects = await _managed(cluster, mesh)
    for each in wanted:
        if each["kind"] == "Namespace" and (there := await cluster.find(key_of(each))) is not None:
            objects[key_of(each)] = there
    limit = asyncio.Semaphore(_AT_ONCE)
    results: list[tuple[dict[str, Any], Mapping[str, str]]]
    if dry_run:
        results = await asyncio.gather(*(_would_be(cluster, each, limit) for each in wanted))
    else:
        results = [(merged(objects.get(key_of(each), {}), each), {}) for each in wanted]
    would_be = {key_of(each): result for each, (result, _) in zip(wanted, results, strict=True)}
    holders = {key_of(each): who for each, (_, who) in zip(wanted, results, strict=True) if who}
    provider, note = provider_step(mesh, await cluster.find(config_key(mesh)))
    return Found(objects, would_be, holders, await read_running(cluster, mesh), provider, (note,) if note else ())


async def read_running(cluster: Cluster, mesh: Mesh) -> tuple[Running, ...]:
    """The listed workloads with their pods."""
    controllers: dict[Key, Object] = {}
    pods: dict[str, list[dict[str, Any]]] = {}
    for namespace in dict.fromkeys(mesh.at(workload) for workload in mesh.workloads.values()):
        pods[namespace] = await cluster.all("Pod", namespace)
        for kind in ("Deployment", "StatefulSet"):
            controllers |= {key_of(each): each for each in await cluster.all(kind, namespace)}
    return running(mesh, controllers, pods)


async def _managed(cluster: Cluster, mesh: Mesh) -> dict[Key, Object]:
    found: dict[Key, Object] = {}
    for kind in MANAGED:
        for namespace in mesh.namespaces:
            try:
                found |= {key_of(each): each for each in await cluster.all(kind.name, namespace)}
            except Absent:
                raise OperatorError(
                    f"the cluster knows no {kind.name} of {KINDS[kind.name].api}: install Istio 1.20 or later first"
                ) from None
    return found


async def _would_be(
    cluster: Cluster, wanted: Object, limit: asyncio.Semaphore
) -> tuple[dict[str, Any], Mapping[str, str]]:
    async with limit:
        try:
            return await cluster.apply(wanted, dry_run=True, force=False), {}
        except Conflict as conflict:
            return await cluster.apply(wanted, dry_run=True), conflict.holders
