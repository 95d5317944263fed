"""The mesh: its policies, sidecars, proxies, mTLS modes, and pods that fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from carbon_stream.bootstrap.mesh.apply import read_plan
from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.evidence import Evidence, Unknown
from carbon_stream.bootstrap.mesh.manifests import Facts
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import Object
from carbon_stream.bootstrap.mesh.plan import Plan
from carbon_stream.bootstrap.mesh.read import read_facts, read_running
from carbon_stream.bootstrap.mesh.show import describe, told
from carbon_stream.bootstrap.mesh.strictness import not_synced
from carbon_stream.bootstrap.mesh.workloads import Running, is_ready
from carbon_stream.bootstrap.verify.check import Check, judged, unknown
from carbon_stream.errors import OperatorError

__all__ = ["check_mesh", "failing_pods", "judge_modes", "judge_running", "judge_syncs", "mesh_unknown", "mtls_mode"]

_AREA = "mesh"
_LOOK = "carbon-stream bootstrap plan mesh"
_WAITING = ("CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError")


async def check_mesh(cluster: Cluster, mesh: Mesh, evidence: Evidence) -> list[Check]:
    """Asks the Kubernetes API and istiod. Each check stands for itself: one that cannot be made leaves the others."""
    checks = []
    try:
        checks.append(_judge_policies(await read_plan(cluster, mesh, dry_run=False)))
    except OperatorError as error:
        checks.append(unknown(_AREA, "policies", "as they should be", _LOOK, str(error)))
    try:
        running = await read_running(cluster, mesh)
        pods = [pod for name in mesh.namespaces for pod in await cluster.all("Pod", name)]
    except OperatorError as error:
        return [*checks, *mesh_unknown(mesh, str(error))[1:]]
    checks.append(judge_running(mesh, running))
    try:
        checks.append(judge_syncs(mesh, running, await evidence.syncs()))
    except Unknown as error:
        checks.append(unknown(_AREA, "proxies in step", _in_step(mesh), "istioctl proxy-status", str(error)))
    bad = failing_pods(pods)
    look = "kubectl get pods -A --field-selector=status.phase!=Succeeded"
    checks.append(judged(_AREA, "failing pods", "none", f"{len(bad)} of {len(pods)}", look, bad))
    try:
        facts = await read_facts(cluster, mesh)
        spaces = dict.fromkeys((*mesh.namespaces, mesh.istio_namespace))
        found = [each for name in spaces for each in await cluster.all("PeerAuthentication", name)]
        checks.append(judge_modes(mesh, facts, found))
    except OperatorError as error:
        checks.append(unknown(_AREA, "mTLS modes", "by phase", "kubectl get peerauthentication -A", str(error)))
    return checks


def mesh_unknown(mesh: Mesh, why: str) -> list[Check]:
    """All checks, when the cluster cannot be asked."""
    return [
        unknown(_AREA, "policies", "as they should be", _LOOK, why),
        unknown(_AREA, "pods with a ready sidecar", str(_pods(mesh)), "kubectl get pods -A", why),
        unknown(_AREA, "proxies in step", _in_step(mesh), "istioctl proxy-status", why),
        unknown(_AREA, "failing pods", "none", "kubectl get pods -A", why),
        unknown(_AREA, "mTLS modes", "by phase", "kubectl get peerauthentication -A", why),
    ]


def judge_running(mesh: Mesh, running: Sequence[Running]) -> Check:
    """Every expected pod is there, with a sidecar, and ready."""
    details = []
    good = 0
    for each in running:
        if each.missing:
            details.append(f"{each.key} does not exist")
            continue
        bad = max(each.without_sidecar, each.not_ready)
        good += min(each.pods - bad, each.expected)
        if each.without_sidecar:
            details.append(f"{each.key}: {each.without_sidecar} of {each.pods} pods have no sidecar")
        if each.not_ready:
            details.append(f"{each.key}: {each.not_ready} of {each.pods} pods are not ready")
        if each.pods < each.expected:
            details.append(f"{each.key}: {each.pods} pods, {each.expected} expected")
    expected = _pods(mesh)
    seen = f"{good} of {expected}"
    return judged(_AREA, "pods with a ready sidecar", str(expected), seen, "kubectl get pods -A", details)


def judge_syncs(mesh: Mesh, running: Sequence[Running], syncs: Mapping[str, Mapping[str, str]]) -> Check:
    """Every pod's proxy is SYNCED in CDS, LDS, EDS and RDS."""
    behind = [line for each in running for line in not_synced(each, syncs)]
    names = sum(len(each.names) for each in running)
    expected = _pods(mesh)
    few = [f"{names} pods, {expected} expected"] if names < expected else []
    seen = f"{names - len(behind)} of {expected}"
    return judged(_AREA, "proxies in step", _in_step(mesh), seen, "istioctl proxy-status", [*behind, *few])


def failing_pods(pods: Iterable[Object]) -> list[str]:
    """Pods that failed, wait for what does not come, or run and are not ready."""
    told = []
    for pod in pods:
        metadata, status = pod["metadata"], pod.get("status") or {}
        phase = status.get("phase", "Pending")
        if phase == "Succeeded" or "deletionTimestamp" in metadata:
            continue
        waiting = [
            reason
            for each in [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
            if (reason := ((each.get("state") or {}).get("waiting") or {}).get("reason")) in _WAITING
        ]
        why = ", ".join(dict.fromkeys(waiting)) or ("not ready" if phase == "Running" and not is_ready(pod) else "")
        if why or phase != "Running":
            told.append(f"{metadata.get('namespace')}/{metadata['name']}: {why or phase}")
    return told


def judge_modes(mesh: Mesh, facts: Facts, found: Sequence[Object]) -> Check:
    """Each workload's mTLS mode is what its phase says."""
    details, counts = [], dict.fromkeys(("STRICT", "PERMISSIVE", "DISABLE"), 0)
    for name, workload in mesh.workloads.items():
        mode = mtls_mode(mesh, found, mesh.at(workload), workload.selector)
        wanted = "STRICT" if mesh.strict(workload, facts.strict_through) else "PERMISSIVE"
        counts[mode] = counts.get(mode, 0) + 1
        if mode != wanted:
            details.append(f"{name} is {mode}, and should be {wanted}")
    seen = ", ".join(f"{count} {mode}" for mode, count in counts.items() if count)
    phases = f"{facts.strict_through} of {len(mesh.phases)} phases STRICT"
    return judged(_AREA, "mTLS modes", phases, seen, "kubectl get peerauthentication -A", details)


def mtls_mode(mesh: Mesh, found: Iterable[Object], namespace: str, labels: Mapping[str, str]) -> str:
    """The mode that Istio applies to pods with these labels: the nearest policy that says one."""
    own = rest = whole = None
    for each in found:
        spec, place = each.get("spec") or {}, each["metadata"]["namespace"]
        mode = (spec.get("mtls") or {}).get("mode", "UNSET")
        selector = (spec.get("selector") or {}).get("matchLabels")
        if mode == "UNSET":
            continue
        if selector and place == namespace and selector.items() <= labels.items():
            own = mode
        elif not selector and place == namespace:
            rest = mode
        elif not selector and place == mesh.istio_namespace:
            whole = mode
    return own or rest or whole or "PERMISSIVE"


def _judge_policies(plan: Plan) -> Check:
    steps = [step for step in plan.steps if step.verb != "restart"]
    details = [line for step in steps for line in (describe(step), *told(step)[:5])] if steps else []
    seen = f"{len(plan.left)} as they should be, {len(steps)} not"
    return judged(_AREA, "policies", "as they should be", seen, _LOOK, details)


def _pods(mesh: Mesh) -> int:
    return sum(workload.pods for workload in mesh.workloads.values())


def _in_step(mesh: Mesh) -> str:
    return f"{_pods(mesh)} SYNCED in CDS, LDS, EDS, RDS"
