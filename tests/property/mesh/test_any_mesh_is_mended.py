"""From any state of the mesh: the plan's steps lead to what is wanted, a second plan is empty, others' objects stay.

The server here is a simulation: an apply merges mappings and replaces all else. `make test-cluster` has the real one.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carbon_stream.bootstrap.mesh.manifests import Facts, manifests
from carbon_stream.bootstrap.mesh.objects import MANAGED_BY, Key, Object, key_of
from carbon_stream.bootstrap.mesh.plan import Found, Plan, make_plan
from carbon_stream.bootstrap.mesh.values import load_mesh
from carbon_stream.bootstrap.mesh.workloads import Running

MESH = load_mesh()
KEYS = [key_of(each) for each in manifests(MESH, Facts(strict_through=5))]
State = dict[Key, dict[str, Any]]


def merged(there: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(there)
    for name, value in over.items():
        below = result.get(name)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        result[name] = merged(below, value) if both else copy.deepcopy(value)  # type: ignore[arg-type]
    return result


def stored(each: Object, version: str = "1") -> dict[str, Any]:
    metadata = {**each["metadata"], "uid": f"uid of {key_of(each)}", "resourceVersion": version}
    return copy.deepcopy({**each, "metadata": metadata})


def found(state: State, wanted: Iterable[Object], running: tuple[Running, ...]) -> Found:
    would_be = {key_of(each): merged(state.get(key_of(each), {}), each) for each in wanted}
    return Found(dict(state), would_be, running=running)


def taken(plan: Plan, state: State) -> State:
    after = copy.deepcopy(state)
    for step in plan.steps:
        match step.verb:
            case "create" | "change":
                assert step.body is not None
                assert (step.key in after) == (step.verb == "change")
                after[step.key] = stored(merged(after.get(step.key, {}), step.body), "2")
            case "delete":
                assert after.pop(step.key)["metadata"]["uid"] == step.uid
            case "restart":
                pass
    return after


@st.composite
def states(draw: st.DrawFn) -> State:
    """Any of the wanted objects may be there, as wanted or with something else in it; and objects of others."""
    state: State = {}
    for each in manifests(MESH, Facts(strict_through=draw(st.integers(0, 5)), zones=draw(st.booleans()))):
        how = draw(st.sampled_from(["absent", "as wanted", "drifted", "unlabelled", "more"]))
        if each["kind"] == "Namespace" and how == "absent":
            how = "unlabelled"
        if how == "absent":
            continue
        there = stored(each)
        if how == "unlabelled":
            there["metadata"]["labels"] = {"app": "of somebody"}
        if how == "more":
            there["metadata"]["annotations"] = {"note": "by hand"}
        if how == "drifted" and "spec" in there:
            field = draw(st.sampled_from(sorted(there["spec"])))
            there["spec"][field] = draw(st.sampled_from([None, {}, [], "else", {"mode": "DISABLE"}]))
        state[key_of(each)] = there
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["VirtualService", "DestinationRule", "AuthorizationPolicy"]))
        labels = draw(st.sampled_from([{}, {MANAGED_BY: MESH.label}, {MANAGED_BY: "Helm"}]))
        metadata = {"name": f"other-{number}", "namespace": draw(st.sampled_from(MESH.namespaces)), "labels": labels}
        other = stored({"kind": kind, "metadata": metadata, "spec": {"host": "elsewhere", "hosts": ["elsewhere"]}})
        state[key_of(other)] = other
    return state


RUNNING = st.lists(
    st.builds(
        Running,
        key=st.sampled_from([Key("Deployment", "data-platform", name) for name in MESH.workloads]),
        missing=st.booleans(),
        pods=st.integers(0, 3),
        without_sidecar=st.integers(0, 3),
        downtime=st.sampled_from(["", "a StatefulSet of one pod"]),
    ),
    max_size=4,
).map(tuple)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(states(), RUNNING, st.booleans(), st.integers(0, 5))
def test_any_state_is_mended_and_a_second_plan_is_empty(
    state: State, running: tuple[Running, ...], prune: bool, strict_through: int
) -> None:
    wanted = manifests(MESH, Facts(strict_through=strict_through))
    plan = make_plan(MESH, wanted, found(state, wanted, running), prune=prune)
    after = taken(plan, state)
    for each in wanted:
        there = after[key_of(each)]
        assert merged(there, each) == there, "all that is wanted is there"
    again = make_plan(MESH, wanted, found(after, wanted, ()), prune=prune)
    assert again.clean
    keys = {key_of(each) for each in wanted}
    for key, there in state.items():
        ours = (there["metadata"].get("labels") or {}).get(MANAGED_BY) == MESH.label
        if key not in keys and not (ours and prune):
            assert after[key] == there, "what is not ours, or not to be pruned, stays as it is"
    if prune:
        assert not again.stale
        assert all(
            key in keys or (there["metadata"].get("labels") or {}).get(MANAGED_BY) != MESH.label
            for key, there in after.items()
        )
    restarted = [step.key for step in plan.steps if step.verb == "restart"]
    assert restarted == [
        each.key for each in running if each.without_sidecar and not each.missing and not each.downtime
    ]


def test_namespaces_are_never_deleted() -> None:
    state = {key_of(each): stored(each) for each in manifests(MESH, Facts())}
    plan = make_plan(MESH, [], found(state, [], ()), prune=True)
    assert {step.key.kind for step in plan.steps if step.verb == "delete"} >= {"PeerAuthentication", "VirtualService"}
    assert not [step for step in plan.steps if step.key.kind == "Namespace"]
