"""How secure the platform is, scored to 100: pure. Each point that is lost is named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carbon_stream.bootstrap.mesh.objects import Object
from carbon_stream.bootstrap.verify.secrets import looks_secret

__all__ = ["Part", "authentication", "mtls", "pod_security", "rbac", "secrets"]


@dataclass(frozen=True, slots=True)
class Part:
    """One subject. `points` of `most`; None where it could not be found out, which counts as none. `lost` says why."""

    name: str
    most: int
    points: float | None
    lost: tuple[str, ...]


def mtls(modes: Mapping[str, str]) -> Part:
    """30: 20 by the share of workloads that are STRICT, 10 when none is DISABLE."""
    lax = sorted(name for name, mode in modes.items() if mode != "STRICT")
    off = sorted(name for name in lax if modes[name] == "DISABLE")
    points = 20 * (1 - len(lax) / len(modes)) + (0 if off else 10)
    lost = [f"plain text is taken by {', '.join(lax)}"] if lax else []
    lost += [f"mTLS is off at {', '.join(off)}"] if off else []
    return Part("mTLS", 30, points, tuple(lost))


def authentication(services: Mapping[str, bool], *, kafka_protocol: str, admin_tls: bool) -> Part:
    """20: 12 by the share of the gateway's services that ask who calls, 5 for brokers that do, 3 for a verified
    connection to the Admin API.
    """
    open_ = sorted(name for name, asks in services.items() if not asks)
    share = 1 - len(open_) / len(services) if services else 0.0
    points = 12 * share
    lost = [f"no authentication at the gateway for {', '.join(open_)}"] if open_ or not services else []
    points += {"SASL_SSL": 5, "SSL": 5, "SASL_PLAINTEXT": 2}.get(kafka_protocol, 0)
    if kafka_protocol not in ("SASL_SSL", "SSL"):
        lost.append(f"Kafka is spoken to by {kafka_protocol}")
    points += 3 if admin_tls else 0
    if not admin_tls:
        lost.append("the gateway's Admin API is spoken to without TLS")
    return Part("authentication", 20, points, tuple(lost))


def rbac(
    bindings: Iterable[Object], roles: Mapping[str, Object], pods: Sequence[Object], spaces: frozenset[str]
) -> Part:
    """15: 10 when no service account of these namespaces may do everything, 5 by the share of pods that carry no token
    of the default account.
    """
    mighty = sorted(
        {f"{who} ({role})" for who, role in _accounts(bindings, spaces) if _may_do_everything(roles.get(role))}
    )
    default = [pod for pod in pods if _default_token(pod)]
    points = (0 if mighty else 10) + 5 * (1 - len(default) / len(pods) if pods else 1)
    lost = [f"may do everything: {', '.join(mighty)}"] if mighty else []
    lost += [f"run with the default account's token: {_names(default)}"] if default else []
    return Part("RBAC", 15, points, tuple(lost))


def secrets(pods: Sequence[Object]) -> Part:
    """15: by the share of pods in whose definition no secret stands as text."""
    bad = {_name(pod): names for pod in pods if (names := sorted(_literal_secrets(pod)))}
    lost = [f"{pod} has {', '.join(names)} as text: refer to a Secret" for pod, names in bad.items()]
    return Part("secrets", 15, 15 * (1 - len(bad) / len(pods) if pods else 1), tuple(lost))


def pod_security(pods: Sequence[Object], namespaces: Mapping[str, Object]) -> Part:
    """20: 8 by the namespaces that enforce a standard (restricted whole, baseline half), 12 by the share of pods that
    meet the restricted one (Kubernetes' Pod Security Standards: no privileges, no root, no capabilities).
    """
    worth = {"restricted": 1.0, "baseline": 0.5}
    levels = {name: _enforced(each) for name, each in namespaces.items()}
    points = 8 * sum(worth.get(level, 0.0) for level in levels.values()) / len(levels) if levels else 0.0
    lax = [f"{name} enforces {level or 'nothing'}" for name, level in levels.items() if level != "restricted"]
    bad = [pod for pod in pods if not _restricted(pod)]
    points += 12 * (1 - len(bad) / len(pods) if pods else 1)
    lost = [*lax, *([f"not as the restricted standard has it: {_names(bad)}"] if bad else [])]
    return Part("pod security", 20, points, tuple(lost))


def _accounts(bindings: Iterable[Object], spaces: frozenset[str]) -> Iterable[tuple[str, str]]:
    for binding in bindings:
        role = binding["roleRef"]["name"]
        if binding["roleRef"]["kind"] != "ClusterRole":
            role = f"{binding['metadata'].get('namespace')}/{role}"
        for subject in binding.get("subjects") or ():
            place = subject.get("namespace") or binding["metadata"].get("namespace")
            if subject["kind"] == "ServiceAccount" and place in spaces:
                yield f"{place}/{subject['name']}", role
            elif subject["kind"] == "Group" and subject["name"] in {
                f"system:serviceaccounts:{space}" for space in spaces
            }:
                yield f"every account of {subject['name'].rpartition(':')[2]}", role


def _may_do_everything(role: Object | None) -> bool:
    rules = (role or {}).get("rules") or ()
    return any("*" in rule.get("verbs", ()) and "*" in rule.get("resources", ()) for rule in rules)


def _default_token(pod: Object) -> bool:
    spec = pod["spec"]
    mounted: bool = spec.get("automountServiceAccountToken", True)
    return mounted and spec.get("serviceAccountName", "default") == "default"


def _literal_secrets(pod: Object) -> Iterable[str]:
    for container in _containers(pod):
        for entry in container.get("env") or ():
            if entry.get("value") and looks_secret(entry["name"], entry["value"]):
                yield entry["name"]


def _restricted(pod: Object) -> bool:
    spec = pod["spec"]
    whole = spec.get("securityContext") or {}
    if any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
        return False
    if any("hostPath" in volume for volume in spec.get("volumes") or ()):
        return False
    return all(_restricted_container(each.get("securityContext") or {}, whole) for each in _containers(pod))


def _restricted_container(own: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    capabilities = own.get("capabilities") or {}
    seccomp = (own.get("seccompProfile") or whole.get("seccompProfile") or {}).get("type")
    return (
        not own.get("privileged")
        and own.get("allowPrivilegeEscalation") is False
        and own.get("runAsNonRoot", whole.get("runAsNonRoot")) is True
        and own.get("runAsUser", whole.get("runAsUser")) != 0
        and "ALL" in (capabilities.get("drop") or ())
        and set(capabilities.get("add") or ()) <= {"NET_BIND_SERVICE"}
        and seccomp in ("RuntimeDefault", "Localhost")
    )


def _containers(pod: Object) -> list[Any]:
    """The pod's own containers; Istio's are Istio's to judge."""
    spec = pod["spec"]
    found = [*spec["containers"], *(spec.get("initContainers") or ())]
    return [each for each in found if each["name"] not in ("istio-proxy", "istio-init", "istio-validation")]


def _enforced(namespace: Object) -> str:
    return str((namespace["metadata"].get("labels") or {}).get("pod-security.kubernetes.io/enforce", ""))


def _name(pod: Object) -> str:
    return f"{pod['metadata'].get('namespace')}/{pod['metadata']['name']}"


def _names(pods: Sequence[Object]) -> str:
    shown = [_name(pod) for pod in pods[:10]]
    return ", ".join(shown) + (f" and {len(pods) - 10} more" if len(pods) > 10 else "")
