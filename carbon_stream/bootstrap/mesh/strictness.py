"""Whether a phase may go STRICT, and whether it may stay so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from carbon_stream.bootstrap.mesh.evidence import DISCOVERY, Sample
from carbon_stream.bootstrap.mesh.model import Mesh, Workload
from carbon_stream.bootstrap.mesh.workloads import Running

__all__ = ["Failures", "failure_query", "not_synced", "objections", "plain_query", "seen_query", "unseen", "worse"]

_LEAST_FAILURES = 5
_WORSE_BY = 0.01


@dataclass(frozen=True, slots=True)
class Failures:
    """Requests to the workloads of a phase, as their clients' proxies saw them."""

    failed: float
    total: float

    @property
    def share(self) -> float:
        return self.failed / self.total if self.total else 0.0


def plain_query(mesh: Mesh, workloads: Mapping[str, Workload], window_s: int) -> str:
    """Who spoke plain text to these workloads, requests and connections, by client and workload."""
    chosen = f'reporter="destination",connection_security_policy!="mutual_tls",{_destinations(mesh, workloads)}'
    by = "source_workload, source_workload_namespace, destination_workload, destination_workload_namespace"
    requests = f"sum by ({by}) (increase(istio_requests_total{{{chosen}}}[{window_s}s])) > 0"
    connections = f"sum by ({by}) (increase(istio_tcp_connections_opened_total{{{chosen}}}[{window_s}s])) > 0"
    return f"({requests}) or ({connections})"


def seen_query(mesh: Mesh, workloads: Mapping[str, Workload]) -> str:
    """The pods whose proxies are scraped at all (each has `istio_build`): of others, clients cannot be known."""
    return f'count by (namespace, pod) (istio_build{{namespace=~"{_namespaces(mesh, workloads)}"}})'


def unseen(running: Iterable[Running], seen: Iterable[Sample]) -> list[str]:
    """Pods whose proxies are not scraped."""
    scraped = {(sample.labels.get("namespace"), sample.labels.get("pod")) for sample in seen}
    return [name for each in running for name in each.names if (each.key.namespace, name) not in scraped]


def failure_query(mesh: Mesh, workloads: Mapping[str, Workload], window_s: int) -> str:
    """Requests to these workloads, as clients' proxies count them, those that failed (5xx, or none at all) apart."""
    chosen = f'reporter="source",{_destinations(mesh, workloads)}'
    failed = f'sum(increase(istio_requests_total{{{chosen},response_code=~"5..|0"}}[{window_s}s]))'
    total = f"sum(increase(istio_requests_total{{{chosen}}}[{window_s}s]))"
    return f'label_replace({failed}, "what", "failed", "", "") or label_replace({total}, "what", "total", "", "")'


def objections(
    workloads: Mapping[str, Workload],
    running: Iterable[Running],
    syncs: Mapping[str, Mapping[str, str]],
    plain: Sequence[Sample],
) -> list[str]:
    """What keeps these workloads from going STRICT; empty where nothing does."""
    told = []
    for each in running:
        if each.missing:
            told.append(f"{each.key} does not exist")
        elif each.without_sidecar:
            told.append(f"{each.key}: {each.without_sidecar} of {each.pods} pods have no sidecar")
        elif each.not_ready:
            told.append(f"{each.key}: {each.not_ready} of {each.pods} pods are not ready")
        told += not_synced(each, syncs)
    for sample in plain:
        name = sample.labels.get("destination_workload", "")
        workload = workloads.get(name)
        if workload is None or workload.open_ports:
            continue
        namespace, client = (sample.labels.get(key) for key in ("source_workload_namespace", "source_workload"))
        who = "somebody outside the mesh" if client in (None, "", "unknown") else f"{namespace}/{client}"
        told.append(f"{name} is spoken to in plain text by {who} ({sample.value:.0f} times)")
    return told


def not_synced(workload: Running, syncs: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The workload's proxies that istiod does not know, or that lag behind it."""
    told = []
    for name in workload.names:
        states = syncs.get(f"{name}.{workload.key.namespace}")
        if states is None:
            told.append(f"{workload.key}: istiod knows no proxy {name}")
            continue
        behind = [f"{service} {states[service]}" for service in DISCOVERY if states[service] != "SYNCED"]
        if behind:
            told.append(f"{workload.key}: {name} has {', '.join(behind)}")
    return told


def worse(before: Failures, after: Failures) -> str:
    """Why requests fail more than before; empty where they do not. Fewer than five failures say nothing."""
    if after.failed < _LEAST_FAILURES or after.share <= before.share + _WORSE_BY:
        return ""
    return f"{after.share:.1%} of {after.total:.0f} requests failed, {before.share:.1%} before"


def _destinations(mesh: Mesh, workloads: Mapping[str, Workload]) -> str:
    names = "|".join(sorted(workloads))
    return f'destination_workload=~"{names}",destination_workload_namespace=~"{_namespaces(mesh, workloads)}"'


def _namespaces(mesh: Mesh, workloads: Mapping[str, Workload]) -> str:
    return "|".join(sorted({mesh.at(each) for each in workloads.values()}))
