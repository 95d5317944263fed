"""STRICT in phases and back: refused where a client would be cut off, rolled back where something fails."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from carbon_stream.bootstrap.mesh.apply import Rules, apply, read_plan
from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.evidence import Evidence
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import KINDS
from carbon_stream.bootstrap.mesh.strict import RolledBack, Watch, go_back, go_strict
from carbon_stream.errors import OperatorError
from tests.cluster.control_plane import ControlPlane
from tests.cluster.mesh_doubles import MeshDouble, mesh_double
from tests.cluster.players import Deployments

WATCH = Watch(before_s=60, after_s=0.5, every_s=0.1)
NOWHERE = "http://127.0.0.1:9"


def say(line: str) -> None:
    """Nobody listens."""


@pytest.fixture
async def double(
    plane: ControlPlane, mesh: Mesh, cluster: Cluster, deployments: Deployments, tmp_path: Path
) -> AsyncIterator[MeshDouble]:
    await apply(cluster, mesh, Rules(allow_downtime=True, rollout_timeout_s=60, poll_s=0.05))
    async with mesh_double(plane, mesh, tmp_path) as running:
        yield running


@pytest.fixture
def evidence(double: MeshDouble, cluster: Cluster, mesh: Mesh) -> Evidence:
    return Evidence(cluster, mesh, istiod_url=double.url, prometheus_url=double.prometheus_url)


async def strict(cluster: Cluster, mesh: Mesh) -> set[str]:
    found = [each for name in mesh.namespaces for each in await cluster.all("PeerAuthentication", name)]
    return {each["metadata"]["name"] for each in found if each["spec"]["mtls"]["mode"] == "STRICT"}


async def test_all_phases_one_after_the_other_and_all_the_way_back(
    cluster: Cluster, mesh: Mesh, evidence: Evidence, double: MeshDouble
) -> None:
    double.traffic("superset-web")
    await double.scraped()
    for number, name in enumerate(mesh.phases, 1):
        await go_strict(cluster, mesh, evidence, number, WATCH, say=say)
        expected = {f"strict-{w}" for w, each in mesh.workloads.items() if each.phase in mesh.phases[:number]}
        assert await strict(cluster, mesh) == expected, name
        assert (await read_plan(cluster, mesh)).clean, "an apply leaves a phase as it is"
        assert not (await read_plan(cluster, mesh)).stale
    assert len(await strict(cluster, mesh)) == len(mesh.workloads)
    await go_back(cluster, mesh, 3, say=say)
    assert len(await strict(cluster, mesh)) == len(mesh.in_phase(1)) + len(mesh.in_phase(2))
    await go_back(cluster, mesh, 1, say=say)
    assert await strict(cluster, mesh) == set()
    assert (await read_plan(cluster, mesh)).clean


async def test_a_phase_waits_for_the_one_before(cluster: Cluster, mesh: Mesh, evidence: Evidence) -> None:
    with pytest.raises(OperatorError, match="phase 1 \\(stateless\\) comes first"):
        await go_strict(cluster, mesh, evidence, 2, WATCH, say=say)
    with pytest.raises(OperatorError, match="there is no phase 6: there are 1 stateless, 2 datahub"):
        await go_strict(cluster, mesh, evidence, 6, WATCH, say=say)


async def test_a_client_that_speaks_plain_text_keeps_its_server_out(
    cluster: Cluster, mesh: Mesh, evidence: Evidence, double: MeshDouble
) -> None:
    double.traffic("portal", 7, policy="none", client="unknown")
    await double.scraped()
    with pytest.raises(OperatorError, match="portal is spoken to in plain text by somebody outside the mesh"):
        await go_strict(cluster, mesh, evidence, 1, WATCH, say=say)
    assert await strict(cluster, mesh) == set()


async def test_a_proxy_that_lags_or_a_pod_without_one_keeps_it_out(
    cluster: Cluster, mesh: Mesh, evidence: Evidence, double: MeshDouble, plane: ControlPlane
) -> None:
    double.behind = {"superset-beat"}
    with pytest.raises(OperatorError, match=r"superset-beat-\d+ has RDS STALE"):
        await go_strict(cluster, mesh, evidence, 1, WATCH, say=say)
    double.behind = set()
    bare = {
        "metadata": {"name": "bare", "labels": {"app": "portal"}},
        "spec": {"containers": [{"name": "a", "image": "b"}]},
    }
    plane.make(KINDS["Pod"].path(mesh.namespace), bare)
    with pytest.raises(OperatorError, match="portal: 1 of 3 pods have no sidecar"):
        await go_strict(cluster, mesh, evidence, 1, WATCH, say=say)
    assert await strict(cluster, mesh) == set()


async def test_what_is_not_known_is_no_yes(cluster: Cluster, mesh: Mesh, double: MeshDouble) -> None:
    blind = Evidence(cluster, mesh, istiod_url=double.url, prometheus_url=NOWHERE)
    with pytest.raises(OperatorError, match="is not known; nothing was changed"):
        await go_strict(cluster, mesh, blind, 1, WATCH, say=say)
    blind = Evidence(cluster, mesh, istiod_url=NOWHERE, prometheus_url=double.prometheus_url)
    with pytest.raises(OperatorError, match="istiod does not answer"):
        await go_strict(cluster, mesh, blind, 1, WATCH, say=say)
    through_the_api = Evidence(cluster, mesh)
    with pytest.raises(OperatorError, match="no pod labelled app=istiod"):
        await go_strict(cluster, mesh, through_the_api, 1, WATCH, say=say)
    double.unscraped = {"portal"}
    await double.scraped()
    half_blind = Evidence(cluster, mesh, istiod_url=double.url, prometheus_url=double.prometheus_url)
    end = asyncio.get_running_loop().time() + 60
    while len(await half_blind.query("istio_build")) > 21:
        assert asyncio.get_running_loop().time() < end
        await asyncio.sleep(0.2)
    with pytest.raises(OperatorError, match="nothing of the proxies of portal-"):
        await go_strict(cluster, mesh, half_blind, 1, WATCH, say=say)
    assert await strict(cluster, mesh) == set()
    lines: list[str] = []
    await go_strict(cluster, mesh, through_the_api, 1, replace(WATCH, accept_unknown=True), say=lines.append)
    assert any("not known, and accepted" in line for line in lines)
    assert len(await strict(cluster, mesh)) == 5


async def test_requests_that_begin_to_fail_roll_the_phase_back(
    cluster: Cluster, mesh: Mesh, evidence: Evidence, double: MeshDouble
) -> None:
    await go_strict(cluster, mesh, evidence, 1, WATCH, say=say)
    before = await strict(cluster, mesh)

    def fail(line: str) -> None:
        if "is STRICT" in line:
            double.traffic("datahub-gms", 50, code=503)

    with pytest.raises(RolledBack, match=r"rolled back, all is as before: .* requests failed"):
        await go_strict(cluster, mesh, evidence, 2, replace(WATCH, after_s=30), say=fail)
    assert await strict(cluster, mesh) == before
    assert (await read_plan(cluster, mesh)).clean


async def test_a_pod_that_is_not_ready_any_more_rolls_the_phase_back(
    cluster: Cluster, mesh: Mesh, evidence: Evidence, plane: ControlPlane, deployments: Deployments
) -> None:
    (pod,) = deployments.pods("superset-web")

    def fail(line: str) -> None:
        if "strict-superset-web" in line and "is STRICT" in line:
            path = KINDS["Pod"].path(mesh.namespace, pod["metadata"]["name"])
            status = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
            plane.call("PATCH", f"{path}/status", status, "application/merge-patch+json")

    with pytest.raises(RolledBack, match="superset-web: 1 of 1 pods are not ready"):
        await go_strict(cluster, mesh, evidence, 1, WATCH, say=fail)
    assert await strict(cluster, mesh) == set()
