"""The mesh's bootstrap on a real API server with Istio's kinds: made, mended, pruned, refused, and done again."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from carbon_stream.bootstrap.mesh.apply import Rules, Stopped, apply, read_plan
from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.lease import holding
from carbon_stream.bootstrap.mesh.manifests import Facts, manifests
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import KINDS, MANAGED_BY, Key, key_of
from carbon_stream.bootstrap.mesh.read import read_running
from carbon_stream.errors import OperatorError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.players import Deployments

RULES = Rules(allow_downtime=True, rollout_timeout_s=60, poll_s=0.05)
MERGE = "application/merge-patch+json"


def edit(plane: ControlPlane, key: Key, change: Mapping[str, Any]) -> None:
    """By hand, as kubectl edit does it."""
    status, document = plane.call("PATCH", f"{key.path}?fieldManager=kubectl-edit", change, MERGE)
    assert status == 200, document


async def test_from_nothing_to_all_and_then_nothing_to_do(
    cluster: Cluster, mesh: Mesh, deployments: Deployments, plane: ControlPlane
) -> None:
    plan = await read_plan(cluster, mesh, RULES)
    verbs = [step.verb for step in plan.steps]
    assert (verbs.count("create"), verbs.count("change"), verbs.count("restart")) == (27, 2, 18)
    again = await read_plan(cluster, mesh, RULES)
    assert again == plan, "a plan changes nothing"
    lines: list[str] = []
    assert await apply(cluster, mesh, RULES, say=lines.append) == plan
    assert len(lines) == len(plan.steps)
    assert deployments.restarts == list(mesh.workloads), "one at a time, in the order of the file"
    running = await read_running(cluster, mesh)
    assert (sum(each.pods for each in running), sum(each.without_sidecar for each in running)) == (23, 0)
    done = await read_plan(cluster, mesh, RULES)
    assert done.clean
    assert not done.stale
    versions = [
        plane.call("GET", key_of(each).path)[1]["metadata"]["resourceVersion"] for each in manifests(mesh, Facts())
    ]
    await apply(cluster, mesh, RULES)
    assert versions == [
        plane.call("GET", key_of(each).path)[1]["metadata"]["resourceVersion"] for each in manifests(mesh, Facts())
    ], "a second apply writes nothing"


async def test_drift_by_hand_is_shown_with_who_did_it_and_mended(
    cluster: Cluster, mesh: Mesh, plane: ControlPlane
) -> None:
    await apply(cluster, mesh)
    key = Key("DestinationRule", mesh.namespace, f"{mesh.namespace}-default")
    edit(plane, key, {"spec": {"trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}})
    gone = Key("VirtualService", mesh.namespace, "portal")
    plane.call("DELETE", gone.path)
    namespace = Key("Namespace", "", mesh.namespaces[1])
    edit(plane, namespace, {"metadata": {"labels": {"istio-injection": "disabled"}}})
    plan = await read_plan(cluster, mesh)
    shown = {step.key: step for step in plan.steps}
    assert set(shown) == {key, gone, namespace}
    (change,) = shown[key].changes
    assert (change.field, change.before, change.after) == (
        "spec.trafficPolicy.loadBalancer.simple",
        "RANDOM",
        "LEAST_REQUEST",
    )
    assert change.holder == "kubectl-edit"
    assert shown[namespace].changes[0].holder == "kubectl-edit"
    await apply(cluster, mesh)
    assert plane.call("GET", key.path)[1]["spec"]["trafficPolicy"]["loadBalancer"]["simple"] == "LEAST_REQUEST"
    assert (await read_plan(cluster, mesh)).clean


async def test_what_others_added_beside_ours_stays(cluster: Cluster, mesh: Mesh, plane: ControlPlane) -> None:
    await apply(cluster, mesh)
    key = Key("DestinationRule", mesh.namespace, f"{mesh.namespace}-default")
    edit(plane, key, {"spec": {"trafficPolicy": {"connectionPool": {"tcp": {"connectTimeout": "5s"}}}}})
    assert (await read_plan(cluster, mesh)).clean
    edit(plane, key, {"spec": {"trafficPolicy": {"outlierDetection": {"interval": "1s"}}}})
    await apply(cluster, mesh)
    policy = plane.call("GET", key.path)[1]["spec"]["trafficPolicy"]
    assert policy["outlierDetection"]["interval"] == "30s"
    assert policy["connectionPool"]["tcp"] == {"connectTimeout": "5s", "maxConnections": 100}


async def test_prune_takes_ours_that_are_no_longer_wanted_and_nothing_of_others(
    cluster: Cluster, mesh: Mesh, plane: ControlPlane
) -> None:
    await apply(cluster, mesh)
    theirs = Key("VirtualService", mesh.namespace, "of-another-team")
    spec = {"hosts": [mesh.host("portal", mesh.namespace)], "http": [{"route": [{"destination": {"host": "portal"}}]}]}
    body = {"apiVersion": KINDS[theirs.kind].api, "kind": theirs.kind, "metadata": {"name": theirs.name}, "spec": spec}
    plane.make(KINDS[theirs.kind].path(mesh.namespace), body)
    smaller = mesh.model_copy(
        update={
            "services": {name: each for name, each in mesh.services.items() if name != "datahub-gms"},
            "plain": {},
        }
    )
    kept = await read_plan(cluster, smaller)
    assert kept.clean
    assert len(kept.stale) == 7, "a virtual service, and a rule and an authentication for each of three"
    assert kept.foreign == (theirs,)
    assert any("of-another-team" in note and "portal" in note for note in kept.notes), "both are for one host"
    await apply(cluster, smaller, Rules(prune=True))
    after = await read_plan(cluster, smaller, Rules(prune=True))
    assert after.clean
    assert after.foreign == (theirs,)
    for name in mesh.namespaces:
        assert plane.call("GET", f"/api/v1/namespaces/{name}")[0] == 200
    assert (await cluster.find(Key("VirtualService", mesh.namespace, "datahub-gms"))) is None


async def test_what_is_there_without_our_label_is_taken_over_openly(
    cluster: Cluster, mesh: Mesh, plane: ControlPlane
) -> None:
    key = Key("PeerAuthentication", mesh.namespace, "default")
    body = {"apiVersion": KINDS[key.kind].api, "kind": key.kind, "metadata": {"name": key.name}}
    plane.make(KINDS[key.kind].path(mesh.namespace), {**body, "spec": {"mtls": {"mode": "DISABLE"}}})
    (step,) = (step for step in (await read_plan(cluster, mesh)).steps if step.key == key)
    assert step.verb == "change"
    changed = {change.field: (change.before, change.after) for change in step.changes}
    assert changed["spec.mtls.mode"] == ("DISABLE", "PERMISSIVE")
    await apply(cluster, mesh)
    assert (await read_plan(cluster, mesh)).clean


async def test_somebody_who_changes_what_the_plan_was_made_on_stops_the_run(
    cluster: Cluster, mesh: Mesh, plane: ControlPlane
) -> None:
    await apply(cluster, mesh)
    first = Key("DestinationRule", mesh.namespace, f"{mesh.namespace}-default")
    second = Key("VirtualService", mesh.namespace, "portal")
    edit(plane, first, {"spec": {"trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}}})
    edit(plane, second, {"spec": {"http": [{"route": [{"destination": {"host": "elsewhere"}}]}]}})

    def meddle(line: str) -> None:
        if str(first) in line:
            edit(plane, second, {"metadata": {"annotations": {"touched": "by hand"}}})

    with pytest.raises(Stopped) as stopped:
        await apply(cluster, mesh, say=meddle)
    assert [step.key for step in stopped.value.done] == [first]
    assert [step.key for step in stopped.value.undone] == [second]
    assert "changed by somebody else" in str(stopped.value)
    await apply(cluster, mesh)
    assert (await read_plan(cluster, mesh)).clean


async def test_a_restart_that_does_not_come_up_stops_before_the_next_workload(
    cluster: Cluster, mesh: Mesh, deployments: Deployments
) -> None:
    deployments.broken = {"superset-web"}
    with pytest.raises(Stopped, match=r"kubectl -n .* rollout undo deployment/superset-web") as stopped:
        await apply(cluster, mesh, Rules(allow_downtime=True, rollout_timeout_s=2, poll_s=0.05))
    restarted = [step.key.name for step in stopped.value.done if step.verb == "restart"]
    assert restarted == list(mesh.workloads)[:4]
    assert deployments.restarts == list(mesh.workloads)[:5]


async def test_without_an_injector_one_workload_is_restarted_and_no_more(
    cluster: Cluster, mesh: Mesh, deployments: Deployments
) -> None:
    deployments.without_injector = True
    with pytest.raises(Stopped, match="is istiod running"):
        await apply(cluster, mesh, RULES)
    assert len(deployments.restarts) == 1


async def test_what_a_restart_would_take_away_is_left_alone_unless_allowed(
    cluster: Cluster, mesh: Mesh, deployments: Deployments
) -> None:
    plan = await read_plan(cluster, mesh)
    restarted = {step.key.name for step in plan.steps if step.verb == "restart"}
    assert restarted == mesh.workloads.keys() - {"dolphinscheduler-master", "dolphinscheduler-worker"}
    assert sum("--allow-downtime" in note for note in plan.notes) == 2


async def test_two_runs_at_once_do_not_mix(cluster: Cluster, mesh: Mesh) -> None:
    async with holding(cluster, mesh.namespace):
        with pytest.raises(OperatorError, match="another run is at work"):
            await apply(cluster, mesh)
        assert not (await read_plan(cluster, mesh)).clean, "nothing was changed"
    results = await asyncio.gather(*(apply(cluster, mesh) for _ in range(3)), return_exceptions=True)
    assert sum(not isinstance(result, BaseException) for result in results) >= 1
    assert all(isinstance(result, OperatorError) for result in results if isinstance(result, BaseException))
    assert (await read_plan(cluster, mesh)).clean


async def test_a_run_that_died_holds_the_lease_for_its_time_only(cluster: Cluster, mesh: Mesh) -> None:
    spec = {
        "holderIdentity": "a-run-that-died",
        "leaseDurationSeconds": 5,
        "renewTime": "2020-01-01T00:00:00.000000Z",
        "acquireTime": "2020-01-01T00:00:00.000000Z",
    }
    metadata = {"name": "carbon-stream-bootstrap", "namespace": mesh.namespace}
    await cluster.create({"apiVersion": KINDS["Lease"].api, "kind": "Lease", "metadata": metadata, "spec": spec})
    await apply(cluster, mesh)
    assert (await read_plan(cluster, mesh)).clean


async def test_the_api_server_gone_in_the_middle_of_a_rollout(
    cluster: Cluster, mesh: Mesh, deployments: Deployments, plane: ControlPlane
) -> None:
    def cut(line: str) -> None:
        if "restart" in line and "datahub-frontend" in line:
            plane.stop_server()

    try:
        with pytest.raises(Stopped) as stopped:
            await apply(cluster, mesh, RULES, say=cut)
    finally:
        plane.start_server()
    assert stopped.value.undone[0].key.name == "datahub-mae-consumer"
    assert "datahub-mae-consumer" in str(stopped.value)
    # The dead run could not give its lease back: the next one says so, until it has run out.
    with pytest.raises(OperatorError, match="another run is at work"):
        await apply(cluster, mesh, RULES)
    lease = Key("Lease", mesh.namespace, "carbon-stream-bootstrap")
    edit(plane, lease, {"spec": {"renewTime": "2020-01-01T00:00:00.000000Z"}})
    await apply(cluster, mesh, RULES)
    assert (await read_plan(cluster, mesh, RULES)).clean


async def test_istio_refuses_what_our_model_lets_through(cluster: Cluster, mesh: Mesh) -> None:
    """The API server's own validation is at work: a wrong enum is refused at the plan, before anything changes."""
    wrong = manifests(mesh, Facts())
    (rule, *_) = (each for each in wrong if each["kind"] == "DestinationRule")
    rule["spec"]["trafficPolicy"]["loadBalancer"]["simple"] = "BEST"
    with pytest.raises(OperatorError, match="Unsupported value"):
        await cluster.apply(rule, dry_run=True)
    rule["spec"]["trafficPolicy"]["loadBalancer"] = {"simpel": "RANDOM"}
    with pytest.raises(OperatorError, match="simpel"):
        await cluster.apply(rule, dry_run=True)
    assert await cluster.find(key_of(rule)) is None


async def test_a_missing_namespace_is_named(cluster: Cluster, mesh: Mesh) -> None:
    elsewhere = mesh.model_copy(update={"namespaces": (*mesh.namespaces, "nowhere")})
    with pytest.raises(OperatorError, match="no namespace nowhere"):
        await apply(cluster, elsewhere)


async def test_failover_between_zones_where_there_are_zones(cluster: Cluster, mesh: Mesh, plane: ControlPlane) -> None:
    on = mesh.model_copy(update={"locality_failover": "on"})
    await apply(cluster, on)
    key = Key("DestinationRule", mesh.namespace, f"{mesh.namespace}-default")
    there = await cluster.find(key)
    assert there is not None
    assert there["spec"]["trafficPolicy"]["loadBalancer"]["localityLbSetting"]["enabled"] is True
    assert there["metadata"]["labels"][MANAGED_BY] == mesh.label
    await apply(cluster, mesh)
    there = await cluster.find(key)
    assert there is not None
    assert "localityLbSetting" not in there["spec"]["trafficPolicy"]["loadBalancer"], "one zone here"
