"""Taking the steps of a plan: again and again with the same end, and no further than it is sure.

One run at a time holds the lease. A change names the version of the object that the plan was made on, so the API server
refuses it when somebody else was at work in between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from carbon_stream.bootstrap.mesh.cluster import Cluster, Conflict
from carbon_stream.bootstrap.mesh.lease import Held, holding
from carbon_stream.bootstrap.mesh.manifests import manifests
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.plan import Plan, Step, make_plan
from carbon_stream.bootstrap.mesh.read import read_facts, read_found
from carbon_stream.bootstrap.mesh.rollout import restart
from carbon_stream.bootstrap.mesh.show import WORDS, describe, told
from carbon_stream.errors import OperatorError

__all__ = ["Rules", "Say", "Stopped", "apply", "read_plan"]

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run may do, and how long it waits for each restarted workload, seconds."""

    prune: bool = False
    allow_downtime: bool = False
    rollout_timeout_s: float = 600.0
    poll_s: float = 1.0


class Stopped(OperatorError):
    """The run ended before its end: `plan`, what of it is `done` and `undone`, and `why`.

    A step that was refused changed nothing; a restart that did not come to its end is among the undone.
    """

    def __init__(self, plan: Plan, done: Sequence[Step], undone: Sequence[Step], why: str) -> None:
        self.plan = plan
        self.done = tuple(done)
        self.undone = tuple(undone)
        self.why = why
        super().__init__(WORDS.stopped_text(self.done, self.undone, why))


def _silent(line: str) -> None:
    """Says nothing."""


async def read_plan(cluster: Cluster, mesh: Mesh, rules: Rules | None = None, *, dry_run: bool = True) -> Plan:
    """What would change. The API server is asked by dry runs, and changes nothing; without, reading is enough."""
    rules = rules or Rules()
    wanted = manifests(mesh, await read_facts(cluster, mesh))
    found = await read_found(cluster, mesh, wanted, dry_run=dry_run)
    return make_plan(mesh, wanted, found, prune=rules.prune, allow_downtime=rules.allow_downtime)


async def apply(cluster: Cluster, mesh: Mesh, rules: Rules | None = None, *, say: Say = _silent) -> Plan:
    """Takes all steps, looks again, and returns the plan that was taken. Stopped where it did not come to the end."""
    rules = rules or Rules()
    async with holding(cluster, mesh.namespace) as held:
        return await apply_held(cluster, mesh, rules, held, say)


async def apply_held(cluster: Cluster, mesh: Mesh, rules: Rules, held: Held, say: Say) -> Plan:
    """As `apply`, for a run that has the lease."""
    plan = await read_plan(cluster, mesh, rules)
    for place, step in enumerate(plan.steps):
        try:
            held.check()
            await _take(cluster, mesh, step, rules)
        except OperatorError as error:
            raise Stopped(plan, plan.steps[:place], plan.steps[place:], _why(step, error)) from error
        say(f"[{place + 1}/{len(plan.steps)}] {describe(step)}")
    if plan.clean:
        return plan
    try:
        left = await read_plan(cluster, mesh, rules)
    except OperatorError as error:
        raise Stopped(plan, plan.steps, (), f"all was done, but not looked at again: {error}") from error
    if not left.clean:
        why = "all was done, and yet the mesh differs: somebody else changes it: "
        why += "; ".join(line for step in left.steps[:5] for line in (describe(step), *told(step)))
        raise Stopped(plan, plan.steps, left.steps, why)
    return plan


async def _take(cluster: Cluster, mesh: Mesh, step: Step, rules: Rules) -> None:
    if step.verb == "restart":
        await restart(cluster, mesh, step.key, timeout_s=rules.rollout_timeout_s, poll_s=rules.poll_s)
    elif step.verb == "delete":
        await cluster.delete(step.key, step.uid)
    elif step.key.kind == "ConfigMap":
        await cluster.patch(step.key, step.body or {})
    elif step.verb == "create":
        if await cluster.find(step.key) is not None:
            raise Conflict(409, "it exists", {})
        await cluster.apply(step.body or {})
    else:
        body = step.body or {}
        versioned = {**body["metadata"], "resourceVersion": step.resource_version}
        await cluster.apply({**body, "metadata": versioned})


def _why(step: Step, error: OperatorError) -> str:
    if isinstance(error, Conflict):
        return f"{step.key} was changed by somebody else since the plan was made"
    return str(error)
