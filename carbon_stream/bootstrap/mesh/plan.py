"""From what was found to what is wanted: pure. A plan is steps in the order in which they are taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import MANAGED, MANAGED_BY, Key, Object, key_of
from carbon_stream.bootstrap.mesh.workloads import Running

__all__ = ["Difference", "Found", "Plan", "Step", "differences", "make_plan"]

_SERVERS_OWN = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
_REMOVAL_ORDER = [kind.name for kind in reversed(MANAGED)]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field whose value changes; None where it is absent. `holder` had set it: somebody else's field manager."""

    field: str
    before: Any
    after: Any
    holder: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What the cluster has. `objects`: wanted ones that exist, and all others of the kinds that we manage.

    `would_be`: each wanted object as a server-side apply would leave it. `holders`: by object, whose field managers
    hold which fields that we would take over. `mesh_config` is None where the provider is as it should be, or not
    asked for; else the step that makes it so.
    """

    objects: Mapping[Key, Object]
    would_be: Mapping[Key, Object]
    holders: Mapping[Key, Mapping[str, str]] = field(default_factory=dict)
    running: tuple[Running, ...] = ()
    provider: Step | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One request, or one restart that is waited for. `body` is what is sent.

    `uid` and `resource_version` are those of the object that the plan was made on.
    """

    verb: Literal["create", "change", "delete", "restart"]
    key: Key
    changes: tuple[Difference, ...] = ()
    body: Object | None = None
    uid: str = ""
    resource_version: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`left` is as it should be, `stale` is ours and no longer wanted (`--prune` deletes it), `foreign` is not ours."""

    steps: tuple[Step, ...]
    left: tuple[Key, ...]
    stale: tuple[Key, ...]
    foreign: tuple[Key, ...]
    notes: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps


def make_plan(
    mesh: Mesh, wanted: Sequence[Object], found: Found, *, prune: bool = False, allow_downtime: bool = False
) -> Plan:
    """The plan for `wanted`."""
    steps: list[Step] = []
    left: list[Key] = []
    for each in wanted:
        key = key_of(each)
        step = _step(each, found, key)
        if step is None:
            left.append(key)
        else:
            steps.append(step)
    if found.provider is not None:
        steps.append(found.provider)
    keys = {key_of(each) for each in wanted}
    spare = {key: there for key, there in found.objects.items() if key not in keys}
    ours = {key: there for key, there in spare.items() if _label(there) == mesh.label}
    foreign = sorted(key for key in spare if key not in ours)
    stale = sorted(ours, key=lambda key: (_REMOVAL_ORDER.index(key.kind), key))
    if prune:
        steps += [Step("delete", key, uid=ours[key]["metadata"]["uid"]) for key in stale]
    restarts, notes = _restarts(found.running, allow_downtime)
    notes = [*found.notes, *_contested(mesh, wanted, {key: spare[key] for key in foreign}), *notes]
    return Plan((*steps, *restarts), tuple(left), () if prune else tuple(stale), tuple(foreign), tuple(notes))


def _step(wanted: Object, found: Found, key: Key) -> Step | None:
    there = found.objects.get(key)
    if there is None:
        return Step("create", key, body=wanted)
    holders = found.holders.get(key, {})
    changes = tuple(differences(there, found.would_be[key], holders))
    if not changes:
        return None
    metadata = there["metadata"]
    return Step("change", key, changes, wanted, metadata["uid"], metadata["resourceVersion"])


def differences(before: Object, after: Object, holders: Mapping[str, str]) -> Iterator[Difference]:
    """Fields that differ, but for those that the server keeps for itself."""
    for name in sorted({*before, *after} - {"status", "apiVersion", "kind"}):
        one, other = before.get(name), after.get(name)
        if name == "metadata":
            one = {key: value for key, value in (one or {}).items() if key not in _SERVERS_OWN}
            other = {key: value for key, value in (other or {}).items() if key not in _SERVERS_OWN}
        yield from _between(name, one, other, holders)


def _between(path: str, one: Any, other: Any, holders: Mapping[str, str]) -> Iterator[Difference]:
    if one == other:
        return
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in sorted({*one, *other}):
            yield from _between(f"{path}.{name}", one.get(name), other.get(name), holders)
        return
    holder = next(
        (who for held, who in holders.items() if f"{path}.".startswith(f"{held}.") or held.startswith(f"{path}.")), ""
    )
    yield Difference(path, one, other, holder)


def _label(there: Object) -> str | None:
    labels = there["metadata"].get("labels") or {}
    value = labels.get(MANAGED_BY)
    return value if isinstance(value, str) else None


def _contested(mesh: Mesh, wanted: Sequence[Object], foreign: Mapping[Key, Object]) -> Iterator[str]:
    """Rules of others for hosts that have ours: Istio takes one of the two, and which is not said."""
    hosts = {(each["kind"], host): key_of(each) for each in wanted for host in _hosts(each)}
    for key, there in foreign.items():
        for host in _hosts(there):
            full = host if "." in host else mesh.host(host, key.namespace)
            ours = hosts.get((key.kind, full))
            if ours is not None:
                yield f"{key} is not ours, and is for {full} as {ours} is: remove one of them"
        if key.kind in ("PeerAuthentication", "Telemetry") and "selector" not in there.get("spec", {}):
            yield f"{key} is not ours, and is for its whole namespace as ours is: remove it"


def _hosts(each: Object) -> list[str]:
    spec = each.get("spec") or {}
    match each["kind"]:
        case "DestinationRule":
            return [spec["host"]] if spec.get("host") else []
        case "VirtualService":
            return [] if spec.get("gateways") else list(spec.get("hosts") or ())
        case _:
            return []


def _restarts(running: Sequence[Running], allow_downtime: bool) -> tuple[list[Step], list[str]]:
    steps, notes = [], []
    for each in running:
        if each.missing:
            notes.append(f"{each.key} does not exist: it is listed in the mesh's workloads")
        elif each.without_sidecar:
            why = f"{each.without_sidecar} of {each.pods} pods have no sidecar"
            if each.downtime and not allow_downtime:
                notes.append(
                    f"{each.key}: {why}, and a restart would take it away for a moment ({each.downtime}): "
                    "--allow-downtime restarts it"
                )
            else:
                steps.append(Step("restart", each.key, why=why))
    return steps, notes
