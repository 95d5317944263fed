"""`carbon-stream verify` on a real API server: before, after, with something wrong, and without access."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carbon_stream.bootstrap.mesh.apply import Rules, apply
from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.evidence import Evidence
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import KINDS, Key
from carbon_stream.bootstrap.verify.check import Check
from carbon_stream.bootstrap.verify.mesh import check_mesh
from tests.cluster.control_plane import ControlPlane
from tests.cluster.mesh_doubles import mesh_double
from tests.cluster.players import Deployments

ROOT = Path(__file__).parents[2]


def by_name(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


async def test_from_nothing_to_all_passed_and_what_breaks_is_named(
    cluster: Cluster, mesh: Mesh, plane: ControlPlane, deployments: Deployments, overlay: Path, tmp_path: Path
) -> None:
    async with mesh_double(plane, mesh, tmp_path) as double:
        evidence = Evidence(cluster, mesh, istiod_url=double.url, prometheus_url=double.prometheus_url)
        before = by_name(await check_mesh(cluster, mesh, evidence))
        assert before["policies"].status == "failed"
        assert (before["pods with a ready sidecar"].seen, before["failing pods"].status) == ("0 of 23", "passed")
        await apply(cluster, mesh, Rules(allow_downtime=True, rollout_timeout_s=60, poll_s=0.05))
        after = by_name(await check_mesh(cluster, mesh, evidence))
        assert {check.status for check in after.values()} == {"passed"}
        assert (after["pods with a ready sidecar"].seen, after["proxies in step"].seen) == ("23 of 23", "23 of 23")
        document = await asyncio.to_thread(command, plane, overlay, double.url, 0)
        assert {check["name"] for check in document["checks"]} == after.keys()
        double.behind = {"trino-worker"}
        stray = {"spec": {"mtls": {"mode": "DISABLE"}, "selector": {"matchLabels": {"app": "portal"}}}}
        kind = KINDS["PeerAuthentication"]
        body = {"apiVersion": kind.api, "kind": kind.name, "metadata": {"name": "stray"}, **stray}
        plane.make(kind.path(mesh.namespace), body)
        (pod,) = deployments.pods("superset-web")
        path = Key("Pod", mesh.namespace, pod["metadata"]["name"]).path
        plane.call("PATCH", f"{path}/status", {"status": {"phase": "Failed"}}, "application/merge-patch+json")
        broken = by_name(await check_mesh(cluster, mesh, evidence))
        assert {name for name, check in broken.items() if check.status == "failed"} == after.keys() - {"policies"}
        assert broken["mTLS modes"].details == ("portal is DISABLE, and should be PERMISSIVE",)
        document = await asyncio.to_thread(command, plane, overlay, double.url, 2)
        assert document["passed"] is False
    blind = by_name(await check_mesh(cluster, mesh, evidence))
    assert blind["proxies in step"].status == "unknown", "istiod is gone: what is not known has not passed"


def command(plane: ControlPlane, overlay: Path, istiod: str, status: int) -> dict[str, Any]:
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig()), "CARBON_STREAM_ISTIOD_URL": istiod}
    words = ["bootstrap", "verify", "mesh", "--mesh-overlay", str(overlay), "--output", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "carbon_stream.cli", *words], env=environment, cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode == status, done.stderr + done.stdout
    document: dict[str, Any] = json.loads(done.stdout)
    return document


async def test_istiod_and_prometheus_by_way_of_the_api_servers_proxy_are_unknown_where_they_are_not(
    cluster: Cluster, mesh: Mesh, plane: ControlPlane
) -> None:
    pod = {
        "metadata": {"name": "istiod-1", "labels": {"app": "istiod"}},
        "spec": {"containers": [{"name": "a", "image": "b"}]},
    }
    plane.make(KINDS["Pod"].path(mesh.istio_namespace), pod)
    evidence = Evidence(cluster, mesh)
    with pytest.raises(Exception, match=r"istiod .* by way of the Kubernetes API .*CARBON_STREAM_ISTIOD_URL"):
        await evidence.syncs()
    with pytest.raises(Exception, match=r"Prometheus .* by way of the Kubernetes API .*CARBON_STREAM_PROMETHEUS_URL"):
        await evidence.query("up")
