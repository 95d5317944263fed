"""The security score: what earns points, what loses them, and that each lost point is named."""

from __future__ import annotations

from typing import Any

import pytest

from carbon_stream.bootstrap.verify import score
from carbon_stream.bootstrap.verify.check import exit_status
from carbon_stream.bootstrap.verify.score import Part
from carbon_stream.bootstrap.verify.secrets import looks_secret
from carbon_stream.bootstrap.verify.security import Score, check_security

GOOD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
GOOD_CONTAINER: dict[str, Any] = {"name": "main", "securityContext": GOOD}


def pod(container: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    inside = {"serviceAccountName": "own", "containers": [container or GOOD_CONTAINER], **spec}
    return {"metadata": {"name": "p", "namespace": "data-platform"}, "spec": inside}


def namespace(level: str | None) -> dict[str, Any]:
    labels = {"pod-security.kubernetes.io/enforce": level} if level else {}
    return {"metadata": {"name": "data-platform", "labels": labels}}


def test_mtls_counts_workloads_that_are_strict() -> None:
    assert score.mtls({"a": "STRICT", "b": "STRICT"}).points == 30
    half = score.mtls({"a": "STRICT", "b": "PERMISSIVE"})
    assert (half.points, half.lost) == (20, ("plain text is taken by b",))
    off = score.mtls({"a": "DISABLE", "b": "DISABLE"})
    assert off.points == 0
    assert "mTLS is off at a, b" in off.lost


def test_authentication_is_asked_for_at_the_gateway_the_brokers_and_the_admin_api() -> None:
    all_ = score.authentication({"a": True}, kafka_protocol="SASL_SSL", admin_tls=True)
    assert (all_.points, all_.lost) == (20, ())
    none = score.authentication({"a": False}, kafka_protocol="PLAINTEXT", admin_tls=False)
    assert (none.points, len(none.lost)) == (0, 3)
    assert score.authentication({}, kafka_protocol="SSL", admin_tls=True).points == 8


def test_rbac_finds_accounts_that_may_do_everything_and_default_tokens() -> None:
    admin = {"rules": [{"verbs": ["*"], "resources": ["*"], "apiGroups": ["*"]}]}
    reader = {"rules": [{"verbs": ["get"], "resources": ["*"]}]}
    roles = {"cluster-admin": admin, "reader": reader}
    spaces = frozenset({"data-platform"})

    def binding(role: str, **subject: str) -> dict[str, Any]:
        return {"metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": role}, "subjects": [subject]}

    account = {"kind": "ServiceAccount", "name": "loader", "namespace": "data-platform"}
    assert score.rbac([binding("reader", **account)], roles, [pod()], spaces).points == 15
    mighty = score.rbac([binding("cluster-admin", **account)], roles, [pod()], spaces)
    assert (mighty.points, mighty.lost) == (5, ("may do everything: data-platform/loader (cluster-admin)",))
    elsewhere = {**account, "namespace": "kube-system"}
    assert score.rbac([binding("cluster-admin", **elsewhere)], roles, [pod()], spaces).points == 15
    everyone = {"kind": "Group", "name": "system:serviceaccounts:data-platform"}
    assert score.rbac([binding("cluster-admin", **everyone)], roles, [pod()], spaces).points == 5
    default = [pod(), pod(serviceAccountName="default")]
    assert score.rbac([], roles, default, spaces).points == 12.5
    assert (
        score.rbac([], roles, [pod(serviceAccountName="default", automountServiceAccountToken=False)], spaces).points
        == 15
    )


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("DB_PASSWORD", "hunter2", True),
        ("KAFKA_SASL_PASSWORD", "$(OTHER)", False),
        ("API_KEY", "abc", True),
        ("TOKEN_FILE", "/run/token", False),
        ("PASSWORD", "/run/secret", False),
        ("TOKEN_TTL", "3600", False),
        ("SECRET_NAME", "of-a-secret", False),
        ("MONKEY", "abc", False),
    ],
)
def test_what_looks_like_a_secret(name: str, value: str, secret: bool) -> None:
    assert looks_secret(name, value) is secret


def test_secrets_as_text_are_named_and_their_values_are_not() -> None:
    bad = pod({**GOOD_CONTAINER, "env": [{"name": "DB_PASSWORD", "value": "hunter2"}]})
    by_reference = pod({**GOOD_CONTAINER, "env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {}}}]})
    part = score.secrets([bad, by_reference])
    assert part.points == 7.5
    assert "DB_PASSWORD" in part.lost[0]
    assert "hunter2" not in str(part)


@pytest.mark.parametrize(
    "worse",
    [
        {"securityContext": {**GOOD, "privileged": True}},
        {"securityContext": {**GOOD, "allowPrivilegeEscalation": True}},
        {"securityContext": {**GOOD, "runAsNonRoot": None}},
        {"securityContext": {**GOOD, "capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}},
        {"securityContext": {**GOOD, "seccompProfile": None}},
        {"securityContext": None},
    ],
    ids=["privileged", "escalation", "root", "capability", "seccomp", "nothing said"],
)
def test_a_container_that_may_more_loses_points(worse: dict[str, Any]) -> None:
    whole = score.pod_security([pod()], {"data-platform": namespace("restricted")})
    assert (whole.points, whole.lost) == (20, ())
    assert (
        score.pod_security([pod({**GOOD_CONTAINER, **worse})], {"data-platform": namespace("restricted")}).points == 8
    )
    assert score.pod_security([pod(hostNetwork=True)], {"data-platform": namespace("baseline")}).points == 4
    assert score.pod_security([pod()], {"data-platform": namespace(None)}).points == 12


def test_sidecars_are_not_held_against_a_pod() -> None:
    with_sidecar = pod()
    with_sidecar["spec"]["containers"] = [GOOD_CONTAINER, {"name": "istio-proxy"}]
    assert score.pod_security([with_sidecar], {"data-platform": namespace("restricted")}).points == 20


def test_all_there_is_to_have_is_a_hundred_and_what_is_not_known_is_nothing() -> None:
    parts = (
        score.mtls({"a": "STRICT"}),
        score.authentication({"a": True}, kafka_protocol="SSL", admin_tls=True),
        score.rbac([], {}, [pod()], frozenset()),
        score.secrets([pod()]),
        score.pod_security([pod()], {"data-platform": namespace("restricted")}),
    )
    assert sum(part.most for part in parts) == Score(parts).points == 100
    half = Score((*parts[:4], Part("pod security", 20, None, ("not known: forbidden",))))
    assert (half.points, half.known) == (80, False)
    assert [check.status for check in check_security(half, least=80)] == ["passed"]
    assert [check.status for check in check_security(half, least=90)] == ["unknown"]
    assert [check.status for check in check_security(Score(parts[:1]), least=90)] == ["failed"]
    assert exit_status(check_security(half, least=90)) == 3
