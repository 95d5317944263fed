"""Checks from what was read: what passes, what fails, and that nothing unknown passes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from carbon_stream.bootstrap.mesh.evidence import Unknown, sync_states
from carbon_stream.bootstrap.mesh.manifests import Facts, manifests
from carbon_stream.bootstrap.mesh.objects import Key
from carbon_stream.bootstrap.mesh.strictness import Failures, worse
from carbon_stream.bootstrap.mesh.values import load_mesh
from carbon_stream.bootstrap.mesh.workloads import Running
from carbon_stream.bootstrap.topics.desired import wanted_topics
from carbon_stream.bootstrap.topics.found import Cluster, Found
from carbon_stream.bootstrap.topics.plan import make_plan
from carbon_stream.bootstrap.verify.check import Check, exit_status, judged, unknown
from carbon_stream.bootstrap.verify.mesh import failing_pods, judge_modes, judge_running, judge_syncs
from carbon_stream.bootstrap.verify.show import as_json, as_markdown, as_text
from carbon_stream.bootstrap.verify.topics import judge_topics

MESH = load_mesh()
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
IN_STEP = dict.fromkeys(("CDS", "LDS", "EDS", "RDS"), "SYNCED")


def whole() -> list[Running]:
    return [
        Running(
            Key(workload.kind, MESH.at(workload), name),
            pods=workload.pods,
            expected=workload.pods,
            names=tuple(f"{name}-{number}" for number in range(workload.pods)),
        )
        for name, workload in MESH.workloads.items()
    ]


def test_the_exit_status_is_that_of_the_worst() -> None:
    passed, failed = judged("a", "b", "", "", "", []), judged("a", "b", "", "", "", ["wrong"])
    not_known = unknown("a", "b", "", "", "why")
    assert exit_status([passed]) == 0
    assert exit_status([passed, not_known]) == 3
    assert exit_status([passed, not_known, failed]) == 2
    assert exit_status([]) == 3, "no check is no pass"


def test_23_of_23_pods() -> None:
    check = judge_running(MESH, whole())
    assert (check.status, check.expected, check.seen) == ("passed", "23", "23 of 23")
    some = whole()
    some[1] = Running(some[1].key, pods=3, expected=3, without_sidecar=1, not_ready=2)
    some[2] = Running(some[2].key, missing=True, expected=1)
    check = judge_running(MESH, some)
    assert (check.status, check.seen) == ("failed", "20 of 23")
    assert len(check.details) == 3
    scaled = whole()
    scaled[1] = Running(scaled[1].key, pods=2, expected=3)
    assert judge_running(MESH, scaled).status == "failed"


def test_every_proxy_in_step() -> None:
    syncs = {f"{name}.{each.key.namespace}": dict(IN_STEP) for each in whole() for name in each.names}
    assert len(syncs) == 23
    check = judge_syncs(MESH, whole(), syncs)
    assert (check.status, check.seen) == ("passed", "23 of 23")
    syncs["portal-0.data-platform"]["RDS"] = "STALE"
    del syncs["kong-1.kong"]
    check = judge_syncs(MESH, whole(), syncs)
    assert (check.status, check.seen) == ("failed", "21 of 23")
    assert any("portal-0 has RDS STALE" in line for line in check.details)
    assert any("istiod knows no proxy kong-1" in line for line in check.details)
    assert judge_syncs(MESH, whole()[1:], syncs).status == "failed"


def test_istiods_answer_is_read_as_istioctl_reads_it() -> None:
    answer = [
        {
            "proxy": "a.b",
            "cluster_sent": "1",
            "cluster_acked": "1",
            "listener_sent": "2",
            "listener_acked": "1",
            "route_sent": "3",
        }
    ]
    assert sync_states(json.dumps(answer)) == {
        "a.b": {"CDS": "SYNCED", "LDS": "STALE", "EDS": "NOT SENT", "RDS": "STALE"}
    }
    for wrong in ("", "<html>", "{}x", "[1]", '[{"no": "proxy"}]'):
        with pytest.raises(Unknown):
            sync_states(wrong)


def test_pods_that_fail() -> None:
    def pod(name: str, phase: str, *, ready: bool = True, waiting: str = "", **metadata: Any) -> dict[str, Any]:
        status: dict[str, Any] = {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]}
        if waiting:
            status["containerStatuses"] = [{"state": {"waiting": {"reason": waiting}}}]
        return {"metadata": {"name": name, "namespace": "n", **metadata}, "status": status}

    assert failing_pods(
        [
            pod("fine", "Running"),
            pod("done", "Succeeded", ready=False),
            pod("going", "Running", ready=False, deletionTimestamp="now"),
            pod("failed", "Failed", ready=False),
            pod("crashing", "Running", ready=False, waiting="CrashLoopBackOff"),
            pod("no-image", "Pending", ready=False, waiting="ImagePullBackOff"),
            pod("waiting", "Pending", ready=False),
            pod("unready", "Running", ready=False),
        ]
    ) == [
        "n/failed: Failed",
        "n/crashing: CrashLoopBackOff",
        "n/no-image: ImagePullBackOff",
        "n/waiting: Pending",
        "n/unready: not ready",
    ]


@pytest.mark.parametrize("through", range(6))
def test_mtls_modes_by_phase(through: int) -> None:
    found = manifests(MESH, Facts(strict_through=through))
    policies = [each for each in found if each["kind"] == "PeerAuthentication"]
    assert judge_modes(MESH, Facts(strict_through=through), policies).status == "passed"
    if through < 5:
        assert judge_modes(MESH, Facts(strict_through=through + 1), policies).status == "failed"
    whole_mesh = {
        "kind": "PeerAuthentication",
        "metadata": {"namespace": "istio-system"},
        "spec": {"mtls": {"mode": "DISABLE"}},
    }
    assert judge_modes(MESH, Facts(), [whole_mesh]).status == "failed", "the mesh's own, where a namespace says nothing"


def test_topics_and_their_replicas() -> None:
    wanted = wanted_topics()
    settings = {topic.name: {**topic.settings, "min.insync.replicas": "1"} for topic in wanted}
    found = {t.name: Found(t.name, ((0,),) * t.partitions, settings[t.name], settings[t.name]) for t in wanted}
    cluster = Cluster((0,), found)
    checks = judge_topics(wanted, cluster, make_plan(wanted, cluster))
    assert [check.status for check in checks] == ["passed"] * 3
    assert checks[0].expected == "12 with their settings"
    one, other = "data-quality", "audit-api-calls"
    found[one] = Found(one, found[one].replicas, {**settings[one], "retention.ms": "1"}, settings[one])
    found[other] = Found(other, found[other].replicas, settings[other], settings[other], under_replicated=(3, 4))
    del found["data-lineage"]
    checks = judge_topics(wanted, cluster, make_plan(wanted, cluster))
    assert [check.status for check in checks] == ["failed", "passed", "failed"]
    assert checks[0].seen == "11, 2 of them not as they should be"
    assert checks[2].details == ("audit-api-calls: partitions 3, 4",)


def test_failures_are_worse_only_when_they_are_more_and_not_a_few() -> None:
    assert worse(Failures(0, 1_000), Failures(4, 10)) == ""
    assert worse(Failures(50, 1_000), Failures(5, 100)) == ""
    assert "50.0% of 10 requests failed" in worse(Failures(0, 1_000), Failures(5, 10))
    assert worse(Failures(0, 0), Failures(0, 0)) == ""


def test_a_report_for_people_for_programs_and_to_keep() -> None:
    checks = [
        judged("mesh", "pods", "23", "23 of 23", "kubectl get pods", []),
        judged("topics", "event topics", "12", "11", "plan topics", [f"line {number}" for number in range(14)]),
        unknown("gateway", "services", "10", "plan gateway", "no answer"),
        unknown("gateway", "routes", "9", "plan gateway", "no answer"),
    ]
    text = as_text(checks, AT)
    assert text.count("no answer") == 1, "one reason is told once"
    assert "… and 4 more" in text
    assert text.endswith("1 of 4 passed, 1 failed, 2 unknown (2026-11-24T12:00:00+00:00)")
    document = json.loads(as_json(checks, AT))
    assert document["passed"] is False
    assert len(document["checks"][1]["details"]) == 14
    assert [Check(**{**each, "details": tuple(each["details"])}) for each in document["checks"]] == checks
    markdown = as_markdown(checks, AT)
    assert "| FAILED | topics | event topics | 12 | 11 | `plan topics` |" in markdown
    assert "- line 13" in markdown
