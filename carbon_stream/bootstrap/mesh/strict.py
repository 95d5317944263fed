"""Taking a phase to STRICT and back: looks first, changes, looks again, and goes back when something fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from carbon_stream.bootstrap.mesh.apply import Say
from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.evidence import DISCOVERY, Evidence, Unknown
from carbon_stream.bootstrap.mesh.lease import holding
from carbon_stream.bootstrap.mesh.manifests import Facts, manifests
from carbon_stream.bootstrap.mesh.model import Mesh, Workload
from carbon_stream.bootstrap.mesh.objects import KINDS, MANAGED_BY, Key, Object, key_of
from carbon_stream.bootstrap.mesh.read import PHASES, phases_key, read_facts, read_running
from carbon_stream.bootstrap.mesh.strictness import (
    Failures,
    failure_query,
    not_synced,
    objections,
    plain_query,
    seen_query,
    unseen,
    worse,
)
from carbon_stream.errors import OperatorError

__all__ = ["RolledBack", "Watch", "go_back", "go_strict"]

_T = TypeVar("_T")
_IN_STEP = dict.fromkeys(DISCOVERY, "SYNCED")


@dataclass(frozen=True, slots=True)
class Watch:
    """How far back to look before, how long to look after, how often, seconds; and whether unknowns are accepted."""

    before_s: int = 3_600
    after_s: float = 120.0
    every_s: float = 10.0
    accept_unknown: bool = False


class RolledBack(OperatorError):
    """The phase is as it was before."""


async def go_strict(cluster: Cluster, mesh: Mesh, evidence: Evidence, number: int, watch: Watch, *, say: Say) -> None:
    """Takes one phase to STRICT. OperatorError where it may not go; RolledBack where it could not stay."""
    _phase(mesh, number)
    async with holding(cluster, mesh.namespace) as held:
        facts = await read_facts(cluster, mesh)
        if number <= facts.strict_through:
            say(f"phase {number} ({mesh.phases[number - 1]}) is STRICT already")
            return
        if number > facts.strict_through + 1:
            missing = facts.strict_through + 1
            raise OperatorError(
                f"phase {missing} ({mesh.phases[missing - 1]}) comes first: take it with --phase {missing}"
            )
        workloads = mesh.in_phase(number)
        before = await _look_before(cluster, mesh, evidence, workloads, watch, say)
        held.check()
        await _move(cluster, mesh, facts.strict_through, number, say)
        try:
            await _look_after(cluster, mesh, evidence, workloads, watch, before, say)
            held.check()
            await _keep(cluster, mesh, number)
        except BaseException as error:
            # Also when interrupted: a phase that was not seen to work is not left behind.
            await asyncio.shield(_move(cluster, mesh, number, facts.strict_through, say))
            if isinstance(error, OperatorError):
                raise RolledBack(f"phase {number} was rolled back, all is as before: {error}") from error
            raise
    say(f"phase {number} ({mesh.phases[number - 1]}) is STRICT: {', '.join(workloads)}")


async def go_back(cluster: Cluster, mesh: Mesh, number: int, *, say: Say) -> None:
    """Takes a phase, and those after it, back to what the file says. Plain text is taken again at once."""
    _phase(mesh, number)
    async with holding(cluster, mesh.namespace) as held:
        facts = await read_facts(cluster, mesh)
        if number > facts.strict_through:
            say(f"phase {number} ({mesh.phases[number - 1]}) is not STRICT")
            return
        held.check()
        # First what an apply goes by, then the policies: in between, an apply does the rest.
        await _keep(cluster, mesh, number - 1)
        await _move(cluster, mesh, facts.strict_through, number - 1, say)
    say(f"phases from {number} ({mesh.phases[number - 1]}) on are {mesh.mode} again")


def _phase(mesh: Mesh, number: int) -> None:
    if not 1 <= number <= len(mesh.phases):
        shown = ", ".join(f"{place} {name}" for place, name in enumerate(mesh.phases, 1))
        raise OperatorError(f"there is no phase {number}: there are {shown}")


async def _look_before(
    cluster: Cluster, mesh: Mesh, evidence: Evidence, workloads: Mapping[str, Workload], watch: Watch, say: Say
) -> Failures:
    running = await read_running(cluster, mesh)
    unknown: list[str] = []

    async def ask(work: Awaitable[_T], otherwise: _T) -> _T:
        try:
            return await work
        except Unknown as error:
            unknown.append(str(error))
            return otherwise

    chosen = [each for each in running if each.key.name in workloads]
    assumed = {f"{name}.{each.key.namespace}": _IN_STEP for each in chosen for name in each.names}
    syncs = await ask(evidence.syncs(), assumed)
    plain = await ask(evidence.query(plain_query(mesh, workloads, watch.before_s)), [])
    seen = await ask(evidence.query(seen_query(mesh, workloads)), [])
    before = await ask(_failures(mesh, evidence, workloads, watch.before_s), Failures(0, 0))
    if (missing := unseen(chosen, seen)) and not unknown:
        unknown.append(f"Prometheus has nothing of the proxies of {', '.join(missing)}: their clients are not known")
    told = objections(workloads, chosen, syncs, plain)
    if told:
        raise OperatorError("the phase cannot go STRICT; nothing was changed:\n  " + "\n  ".join(told))
    if unknown and not watch.accept_unknown:
        raise OperatorError(
            "whether the phase can go STRICT is not known; nothing was changed (--accept-unknown goes on):\n  "
            + "\n  ".join(unknown)
        )
    for line in unknown:
        say(f"not known, and accepted: {line}")
    say(f"before: {len(chosen)} workloads are ready, and every client that was seen speaks mTLS")
    return before


async def _look_after(
    cluster: Cluster,
    mesh: Mesh,
    evidence: Evidence,
    workloads: Mapping[str, Workload],
    watch: Watch,
    before: Failures,
    say: Say,
) -> None:
    """Looks until the time is over. OperatorError as soon as something fails."""
    loop = asyncio.get_running_loop()
    start, behind = loop.time(), ["not looked at yet"]
    while True:
        passed = loop.time() - start
        chosen = [each for each in await read_running(cluster, mesh) if each.key.name in workloads]
        failing = [
            f"{each.key}: {each.not_ready} of {each.pods} pods are not ready" for each in chosen if each.not_ready
        ]
        if failing:
            raise OperatorError("; ".join(failing))
        try:
            syncs = await evidence.syncs()
            behind = [line for each in chosen for line in not_synced(each, syncs)]
            after = await _failures(mesh, evidence, workloads, max(int(passed), 60))
            if told := worse(before, after):
                raise OperatorError(told)
        except Unknown:
            if not watch.accept_unknown:
                raise
            behind = []
        if passed >= watch.after_s:
            break
        await asyncio.sleep(min(watch.every_s, max(watch.after_s - passed, 0.01)))
    if behind:
        raise OperatorError(f"after {watch.after_s:g} s proxies are behind: {'; '.join(behind)}")
    say(f"after: nothing failed in {watch.after_s:g} s")


async def _failures(mesh: Mesh, evidence: Evidence, workloads: Mapping[str, Workload], window_s: int) -> Failures:
    samples = await evidence.query(failure_query(mesh, workloads, window_s))
    values = {sample.labels.get("what"): sample.value for sample in samples}
    return Failures(values.get("failed", 0.0), values.get("total", 0.0))


async def _move(cluster: Cluster, mesh: Mesh, before: int, after: int, say: Say) -> None:
    """Makes the policies of so many phases STRICT those of the cluster."""
    old, new = _policies(mesh, before), _policies(mesh, after)
    for key, each in new.items():
        if key not in old or old[key] != each:
            await cluster.apply(each)
            say(f"  {key} is {each['spec']['mtls']['mode']}")
    for key in old.keys() - new.keys():
        there = await cluster.find(key)
        if there is not None and (there["metadata"].get("labels") or {}).get(MANAGED_BY) == mesh.label:
            await cluster.delete(key, there["metadata"]["uid"])
            say(f"  {key} is gone")


def _policies(mesh: Mesh, strict_through: int) -> dict[Key, Object]:
    objects = manifests(mesh, Facts(strict_through=strict_through))
    return {key_of(each): each for each in objects if each["kind"] == "PeerAuthentication"}


async def _keep(cluster: Cluster, mesh: Mesh, number: int) -> None:
    key = phases_key(mesh)
    metadata = {"name": key.name, "namespace": key.namespace, "labels": {MANAGED_BY: mesh.label}}
    await cluster.apply(
        {"apiVersion": KINDS["ConfigMap"].api, "kind": "ConfigMap", "metadata": metadata, "data": {PHASES: str(number)}}
    )
