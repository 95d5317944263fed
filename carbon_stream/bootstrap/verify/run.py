"""All checks of the areas that are asked for, as a library function; and the metric that they feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.mesh.cluster import Cluster, Patience, connected
from carbon_stream.bootstrap.mesh.evidence import evidence_of
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.verify.check import Check
from carbon_stream.bootstrap.verify.flow import check_flow
from carbon_stream.bootstrap.verify.gateway import check_gateway
from carbon_stream.bootstrap.verify.mesh import check_mesh, mesh_unknown
from carbon_stream.bootstrap.verify.security import Score, check_security, read_score
from carbon_stream.bootstrap.verify.topics import check_topics
from carbon_stream.errors import OperatorError
from carbon_stream.observability.counting import show_platform_checks
from carbon_stream.settings import Settings

__all__ = ["AREAS", "Target", "score", "verify"]

AREAS = ("topics", "gateway", "mesh", "flow", "security")
_PATIENCE = Patience(tries=3, timeout_s=15.0)


@dataclass(frozen=True, slots=True)
class Target:
    """What is verified: the desired states, a context of the kubeconfig, and the least score of security."""

    gateway: Gateway
    mesh: Mesh
    context: str | None = None
    least_score: int = 60


async def verify(settings: Settings, target: Target, areas: Sequence[str] = AREAS) -> list[Check]:
    """Makes the checks and sets `carbon_stream_platform_check` by them. What cannot be reached is unknown."""
    checks: list[Check] = []
    if "topics" in areas:
        checks += await check_topics(settings)
    if "gateway" in areas:
        checks += await check_gateway(settings, target.gateway)
    async with AsyncExitStack() as stack:
        cluster = await _cluster(stack, target) if {"mesh", "security"} & set(areas) else OperatorError()
        if "mesh" in areas:
            checks += await _mesh(settings, target, cluster)
        if "flow" in areas:
            checks += await check_flow(settings)
        if "security" in areas:
            checks += await _security(settings, target, cluster)
    show_platform_checks(_values(checks))
    return checks


async def score(settings: Settings, target: Target) -> Score:
    """The security score alone. OperatorError where there is no access to a cluster."""
    async with connected(target.context, _PATIENCE) as cluster:
        return await read_score(settings, target.gateway, target.mesh, cluster)


async def _cluster(stack: AsyncExitStack, target: Target) -> Cluster | OperatorError:
    try:
        return await stack.enter_async_context(connected(target.context, _PATIENCE))
    except OperatorError as error:
        return error


async def _mesh(settings: Settings, target: Target, cluster: Cluster | OperatorError) -> list[Check]:
    if isinstance(cluster, OperatorError):
        return mesh_unknown(target.mesh, str(cluster))
    return await check_mesh(cluster, target.mesh, evidence_of(settings, cluster, target.mesh))


async def _security(settings: Settings, target: Target, cluster: Cluster | OperatorError) -> list[Check]:
    if isinstance(cluster, OperatorError):
        look = "carbon-stream verify security"
        expected = f"at least {target.least_score} of 100"
        return [Check("security", "score", expected, "unknown", "unknown", look, (str(cluster),))]
    result = await read_score(settings, target.gateway, target.mesh, cluster)
    return check_security(result, least=target.least_score)


def _values(checks: Iterable[Check]) -> dict[tuple[str, str], float]:
    worth = {"passed": 1.0, "failed": 0.0, "unknown": -1.0}
    return {(check.area, check.name): worth[check.status] for check in checks}
