"""The accounts that are shipped: their rights are enough for what they are for, and each one is used by it.

What is used is read from the API server's audit log. A right to create is asked for inside an apply, which the log
calls a patch: that it is needed is shown by taking it away.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from carbon_stream.bootstrap.gateway.values import load_gateway
from carbon_stream.bootstrap.mesh.apply import Rules, Stopped, apply
from carbon_stream.bootstrap.mesh.cluster import Cluster, Patience, connected
from carbon_stream.bootstrap.mesh.evidence import Evidence
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import KINDS, manifest
from carbon_stream.bootstrap.mesh.strict import Watch, go_back, go_strict
from carbon_stream.bootstrap.mesh.values import load_mesh
from carbon_stream.bootstrap.verify.mesh import check_mesh
from carbon_stream.bootstrap.verify.security import read_score
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings
from tests.cluster.control_plane import ControlPlane
from tests.cluster.players import Deployments
from tests.cluster.shipped import make_namespaces, may, rights, token

Right = tuple[str, str, str, str]
"""Namespace (empty for the whole cluster), API group, resource, verb."""
RULES = Rules(prune=True, allow_downtime=True, rollout_timeout_s=60, poll_s=0.05)


@pytest.fixture
def shipped(plane: ControlPlane) -> Iterator[Mesh]:
    """The platform's own namespaces and values, the shipped rights, and the workloads."""
    make_namespaces(plane)
    rights(plane)
    configuration = {"metadata": {"name": "istio"}, "data": {"mesh": ""}}
    plane.call("POST", "/api/v1/namespaces/istio-system/configmaps", configuration)
    pod = {
        "metadata": {"name": "istiod", "labels": {"app": "istiod"}},
        "spec": {"containers": [{"name": "a", "image": "b"}]},
    }
    plane.call("POST", "/api/v1/namespaces/istio-system/pods", pod)
    mesh = load_mesh()
    yield mesh
    for name in mesh.namespaces:
        labels = {"metadata": {"labels": {"istio-injection": None}}}
        plane.call("PATCH", f"/api/v1/namespaces/{name}", labels, "application/merge-patch+json")
        for kind in (
            "Deployment",
            "StatefulSet",
            "Pod",
            *(each for each in KINDS if KINDS[each].api.endswith("beta1")),
        ):
            plane.call("DELETE", KINDS[kind].path(name), {"gracePeriodSeconds": 0})
        plane.call("DELETE", f"/apis/telemetry.istio.io/v1alpha1/namespaces/{name}/telemetries")
    plane.call("DELETE", "/api/v1/namespaces/data-platform/configmaps/carbon-stream-mesh")
    plane.call("DELETE", "/apis/coordination.k8s.io/v1/namespaces/data-platform/leases/carbon-stream-bootstrap")


@asynccontextmanager
async def as_account(plane: ControlPlane, account: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig(token(plane, account))))
    async with connected(patience=Patience(tries=2, first_wait_s=0.05)) as cluster:
        yield cluster


def granted(roles: list[dict[str, Any]], account: str) -> set[Right]:
    return {
        (role["metadata"].get("namespace", ""), group, resource, verb)
        for role in roles
        if role["metadata"]["name"] == account
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def used(plane: ControlPlane, account: str, cluster_wide: set[str]) -> set[Right]:
    """From the audit log, after it has been written."""
    time.sleep(1)
    found = set()
    for line in plane.audit.read_text().splitlines():
        event = json.loads(line)
        if event["user"]["username"] != f"system:serviceaccount:data-platform:{account}":
            continue
        target = event["objectRef"]
        resource = "/".join(filter(None, (target["resource"], target.get("subresource"))))
        namespace = "" if resource in cluster_wide else target.get("namespace", "")
        found.add((namespace, target.get("apiGroup", ""), resource, event["verb"]))
    return found


def wait_until_denied(plane: ControlPlane, namespace: str, resource: str, verb: str) -> None:
    groups = {"destinationrules": "networking.istio.io", "deployments": "apps", "leases": "coordination.k8s.io"}
    end = time.monotonic() + 60
    while may(plane, "carbon-stream-bootstrap", namespace, groups.get(resource, ""), resource, verb):
        assert time.monotonic() < end
        time.sleep(0.05)


async def test_the_jobs_account_may_do_all_that_it_does_and_no_more(
    plane: ControlPlane, shipped: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = "carbon-stream-bootstrap"
    smaller = shipped.model_copy(update={"services": {}, "plain": {}, "endpoints": {}})
    with Deployments(plane, shipped):
        async with as_account(plane, account, monkeypatch) as cluster:
            await apply(cluster, shipped, RULES)
            evidence = Evidence(cluster, shipped)
            watch = Watch(after_s=0.2, every_s=0.1, accept_unknown=True)
            for number in range(1, 6):
                await go_strict(cluster, shipped, evidence, number, watch, say=lambda line: None)
            await go_back(cluster, shipped, 1, say=lambda line: None)
            old = manifest("Telemetry", "data-platform", "of-an-older-release", shipped.label, {})
            plane.make(KINDS["Telemetry"].path("data-platform"), old)
            await apply(cluster, smaller, RULES)
    allowed = granted(rights(plane), account)
    does = used(plane, account, {"namespaces", "nodes"})
    assert does <= allowed, "what the log has and the rules have not was refused"
    unused = {right for right in allowed - does if right[3] != "create"}
    # What is in Kong's namespace by default has no rule of these kinds: an operator's values may bring one.
    expected = {
        (ns, group, resource, verb)
        for ns, group, resource, verb in unused
        if ns == "kong" and verb in ("patch", "delete", "get")
    }
    assert unused == expected, unused - expected


async def test_verify_reads_all_that_it_needs_and_writes_nothing(
    plane: ControlPlane, shipped: Mesh, monkeypatch: pytest.MonkeyPatch, cluster: Cluster
) -> None:
    account = "carbon-stream-verify"
    with Deployments(plane, shipped):
        await apply(cluster, shipped, RULES)
        async with as_account(plane, account, monkeypatch) as own:
            checks = {
                check.name: check
                for check in await check_mesh(own, shipped, Evidence(own, shipped, istiod_url="http://127.0.0.1:9"))
            }
            settings = Settings(kong_admin_url="http://127.0.0.1:9")
            score = await read_score(settings, load_gateway(), shipped, own)
    assert {name: check.status for name, check in checks.items()} == {
        "policies": "passed",
        "pods with a ready sidecar": "passed",
        "proxies in step": "unknown",
        "failing pods": "passed",
        "mTLS modes": "passed",
    }
    assert [part.name for part in score.parts if part.points is None] == ["authentication"], score
    allowed = granted(rights(plane), account)
    does = used(plane, account, {"namespaces", "nodes", "clusterroles", "clusterrolebindings"})
    assert does <= allowed
    assert allowed - does == set()


@pytest.mark.parametrize(
    ("namespace", "resource", "verb", "said"),
    [
        ("data-platform", "destinationrules", "create", "cannot create resource .*(destinationrules|virtualservices)"),
        ("data-platform", "deployments", "patch", "cannot patch resource .*(deployments|statefulsets)"),
        ("data-platform", "leases", "create", "cannot create resource .*leases"),
        ("kong", "pods", "list", "cannot list resource .*pods"),
    ],
)
async def test_without_one_right_it_says_which_and_stops(
    plane: ControlPlane,
    shipped: Mesh,
    monkeypatch: pytest.MonkeyPatch,
    namespace: str,
    resource: str,
    verb: str,
    said: str,
) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/carbon-stream-bootstrap"
    role = plane.call("GET", path)[1]
    for rule in role["rules"]:
        if resource in rule["resources"]:
            rule["verbs"] = [each for each in rule["verbs"] if each != verb] or ["watch"]
    assert plane.call("PUT", path, role)[0] == 200
    await asyncio.to_thread(wait_until_denied, plane, namespace, resource, verb)
    with Deployments(plane, shipped):
        async with as_account(plane, "carbon-stream-bootstrap", monkeypatch) as cluster:
            with pytest.raises(OperatorError, match=said) as refused:
                await apply(cluster, shipped, RULES)
    assert "docs/service-mesh.md" in str(refused.value)
    if isinstance(refused.value, Stopped):
        assert refused.value.undone, "and what was not done is told"
    rights(plane)
