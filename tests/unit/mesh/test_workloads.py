"""What a workload's objects say: is it whole, has it sidecars, would a restart be felt."""

from __future__ import annotations

from typing import Any

import pytest

from carbon_stream.bootstrap.mesh.lease import held_by_other
from carbon_stream.bootstrap.mesh.objects import Key
from carbon_stream.bootstrap.mesh.values import load_mesh
from carbon_stream.bootstrap.mesh.workloads import restart_costs, running, settled


def controller(kind: str = "Deployment", replicas: int = 2, **spec: Any) -> dict[str, Any]:
    status = {
        "observedGeneration": 3,
        "updatedReplicas": replicas,
        "availableReplicas": replicas,
        "replicas": replicas,
        "currentRevision": "a",
        "updateRevision": "a",
    }
    return {"kind": kind, "metadata": {"generation": 3}, "spec": {"replicas": replicas, **spec}, "status": status}


@pytest.mark.parametrize(
    ("kind", "replicas", "spec", "felt"),
    [
        ("Deployment", 1, {}, False),  # 25 % of one pod, rounded down, is none: a new pod comes first
        ("Deployment", 3, {"strategy": {"rollingUpdate": {"maxUnavailable": 3}}}, True),
        ("Deployment", 3, {"strategy": {"rollingUpdate": {"maxUnavailable": "99%"}}}, False),
        ("Deployment", 2, {"strategy": {"rollingUpdate": {"maxUnavailable": "100%"}}}, True),
        ("Deployment", 3, {"strategy": {"type": "Recreate"}}, True),
        ("Deployment", 0, {"strategy": {"type": "Recreate"}}, False),
        ("StatefulSet", 1, {}, True),
        ("StatefulSet", 2, {}, False),
        ("StatefulSet", 2, {"updateStrategy": {"type": "OnDelete"}}, True),
    ],
)
def test_whether_a_restart_is_felt(kind: str, replicas: int, spec: dict[str, Any], felt: bool) -> None:
    assert bool(restart_costs(controller(kind, replicas, **spec))) is felt


def test_a_rollout_is_at_its_end_when_all_pods_are_new_and_available() -> None:
    for kind in ("Deployment", "StatefulSet"):
        assert settled(controller(kind))
        for field in ("updatedReplicas", "availableReplicas"):
            under_way = controller(kind)
            under_way["status"][field] = 1
            assert not settled(under_way)
        unseen = controller(kind)
        unseen["metadata"]["generation"] = 4
        assert not settled(unseen)
        old_pod_left = controller(kind)
        old_pod_left["status"]["replicas"] = 3
        assert not settled(old_pod_left)
    partly = controller("StatefulSet")
    partly["status"]["updateRevision"] = "b"
    assert not settled(partly)
    assert not settled({**controller(), "status": {}})


def test_pods_are_counted_by_their_labels_and_those_that_leave_are_not() -> None:
    mesh = load_mesh()
    key = Key("Deployment", "data-platform", "portal")

    def pod(name: str, *containers: str, labels: dict[str, str], **metadata: Any) -> dict[str, Any]:
        spec = {"containers": [{"name": each} for each in containers]}
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        return {"metadata": {"name": name, "labels": labels, **metadata}, "spec": spec, "status": status}

    ours = {"app": "portal", "pod-template-hash": "1"}
    native = pod("native", "main", labels=ours)
    native["spec"]["initContainers"] = [{"name": "istio-proxy", "restartPolicy": "Always"}]
    done = pod("done", "main", labels=ours)
    done["status"]["phase"] = "Succeeded"
    unready = pod("unready", "main", labels=ours)
    unready["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    pods = [
        pod("with", "main", "istio-proxy", labels=ours),
        native,
        unready,
        done,
        pod("leaving", "main", labels=ours, deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("other", "main", labels={"app": "portal-services"}),
    ]
    by_name = {each.key.name: each for each in running(mesh, {key: controller()}, {"data-platform": pods})}
    assert len(by_name) == len(mesh.workloads)
    portal = by_name["portal"]
    assert (portal.pods, portal.expected, portal.without_sidecar, portal.not_ready) == (3, 2, 1, 1)
    assert by_name["superset-web"].missing


def test_a_lease_is_held_until_it_runs_out() -> None:
    from datetime import UTC, datetime, timedelta

    then = datetime(2026, 1, 1, tzinfo=UTC)
    spec = {"holderIdentity": "other", "renewTime": "2026-01-01T00:00:00.000000Z", "leaseDurationSeconds": 60}
    assert held_by_other({"spec": spec}, then + timedelta(seconds=59)) == "other"
    assert held_by_other({"spec": spec}, then + timedelta(seconds=60)) == ""
    assert held_by_other({"spec": {**spec, "holderIdentity": ""}}, then) == ""
    assert held_by_other({}, then) == ""
