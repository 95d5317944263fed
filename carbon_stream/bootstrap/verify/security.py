"""Reading what the security score is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from carbon_stream.bootstrap.gateway.admin import connected
from carbon_stream.bootstrap.gateway.entities import GUARDS
from carbon_stream.bootstrap.gateway.model import CREDENTIAL_PLUGINS, Gateway
from carbon_stream.bootstrap.gateway.read import read_state
from carbon_stream.bootstrap.gateway.secrets import Redactor
from carbon_stream.bootstrap.mesh.cluster import Cluster
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import Object
from carbon_stream.bootstrap.verify import score
from carbon_stream.bootstrap.verify.check import Check, Status
from carbon_stream.bootstrap.verify.mesh import mtls_mode
from carbon_stream.bootstrap.verify.score import Part
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["Score", "check_security", "read_score"]

_ASKS_WHO = frozenset({*CREDENTIAL_PLUGINS, "openid-connect", "basic-auth", "hmac-auth", "ldap-auth", "mtls-auth"})
assert CREDENTIAL_PLUGINS.keys() <= GUARDS


@dataclass(frozen=True, slots=True)
class Score:
    """All parts. What could not be found out has no points."""

    parts: tuple[Part, ...]

    @property
    def points(self) -> int:
        """Of 100, rounded down: a point is had when it is had whole."""
        return int(sum(part.points or 0.0 for part in self.parts) + 1e-9)

    @property
    def known(self) -> bool:
        """Whether every part could be found out."""
        return all(part.points is not None for part in self.parts)


async def read_score(settings: Settings, gateway: Gateway, mesh: Mesh, cluster: Cluster) -> Score:
    """Asks the Kubernetes API and the gateway."""
    pods: list[Object] = []

    async def of_pods(judge: Callable[[list[Object]], Part]) -> Part:
        if not pods:
            pods.extend([pod for name in mesh.namespaces for pod in await cluster.all("Pod", name)])
        return judge(pods)

    async def of_namespaces() -> Part:
        found = {each["metadata"]["name"]: each for each in await cluster.all("Namespace")}
        return await of_pods(
            lambda each: score.pod_security(each, {n: found[n] for n in mesh.namespaces if n in found})
        )

    return Score(
        (
            await _part("mTLS", 30, _mtls(mesh, cluster)),
            await _part("authentication", 20, _authentication(settings, gateway)),
            await _part("RBAC", 15, _rbac(mesh, cluster)),
            await _part("secrets", 15, of_pods(score.secrets)),
            await _part("pod security", 20, of_namespaces()),
        )
    )


def check_security(result: Score, *, least: int) -> list[Check]:
    """The score as one check: whether it is at least so many points."""
    look = "carbon-stream verify security"
    lost = tuple(line for part in result.parts for line in part.lost)
    if result.points < least and not result.known:
        return [Check("security", "score", f"at least {least} of 100", f"{result.points}", "unknown", look, lost)]
    status: Status = "passed" if result.points >= least else "failed"
    return [Check("security", "score", f"at least {least} of 100", f"{result.points}", status, look, lost)]


async def _part(name: str, most: int, work: Awaitable[Part]) -> Part:
    try:
        return await work
    except OperatorError as error:
        return Part(name, most, None, (f"not known: {error}",))


async def _mtls(mesh: Mesh, cluster: Cluster) -> Part:
    spaces = dict.fromkeys((*mesh.namespaces, mesh.istio_namespace))
    found = [each for name in spaces for each in await cluster.all("PeerAuthentication", name)]
    return score.mtls(
        {name: mtls_mode(mesh, found, mesh.at(each), each.selector) for name, each in mesh.workloads.items()}
    )


async def _authentication(settings: Settings, gateway: Gateway) -> Part:
    async with connected(settings, Redactor()) as admin:
        state = await read_state(admin, (), gateway.tag)
    asking = [
        each
        for each in state.found
        if each.key.kind == "plugins" and each.body.get("name") in _ASKS_WHO and each.body.get("enabled") is not False
    ]
    everywhere = any(not each.refs for each in asking)
    asked = {each.refs["service"] for each in asking if "service" in each.refs}
    return score.authentication(
        {name: everywhere or name in asked for name in gateway.services},
        kafka_protocol=settings.kafka_security_protocol,
        admin_tls=settings.kong_admin_url.startswith("https:") and settings.kong_admin_verify,
    )


async def _rbac(mesh: Mesh, cluster: Cluster) -> Part:
    spaces = frozenset(mesh.namespaces)
    bindings = await cluster.all("ClusterRoleBinding")
    roles = {each["metadata"]["name"]: each for each in await cluster.all("ClusterRole")}
    pods = []
    for name in mesh.namespaces:
        bindings += await cluster.all("RoleBinding", name)
        roles |= {f"{name}/{each['metadata']['name']}": each for each in await cluster.all("Role", name)}
        pods += await cluster.all("Pod", name)
    return score.rbac(bindings, roles, pods, spaces)
