"""Destination rules and virtual services: pools, circuit breakers, balancing, failover, retries, timeouts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from carbon_stream.bootstrap.mesh.model import Limits, Mesh, Plain, Retries, Service
from carbon_stream.bootstrap.mesh.objects import manifest

__all__ = ["destination_rules", "virtual_services"]

READS: Final = "GET|HEAD|OPTIONS"
RETRY_READS_ON: Final = "gateway-error,reset,connect-failure,refused-stream,unavailable,cancelled"
"""Envoy's words: 502, 503 and 504, a host that goes away in the middle, and one that is not there."""
RETRY_OTHERS_ON: Final = "connect-failure,refused-stream,reset-before-request"
"""The request cannot have been received: sending it again cannot do a thing twice."""
_FAILOVER: Final = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"]


def destination_rules(mesh: Mesh, *, zones: bool) -> Iterator[dict[str, Any]]:
    """One rule for each namespace's every host, and one for each host that differs (Istio takes the nearest, whole)."""
    for namespace in mesh.namespaces:
        policy = _policy(mesh.limits, zones)
        yield _rule(mesh, namespace, f"{mesh.namespace}-default", mesh.host("*", namespace), policy)
    for name, service in mesh.services.items():
        if service.limits is not None:
            host = mesh.host(name, mesh.at(service))
            yield _rule(mesh, mesh.at(service), name, host, _policy(service.limits, zones))
    for name, plain in mesh.plain.items():
        yield _rule(mesh, mesh.at(plain), f"plain-{name}", mesh.host(plain.service, mesh.at(plain)), _plain(plain))


def virtual_services(mesh: Mesh) -> Iterator[dict[str, Any]]:
    """Retries and timeouts of each service that is listed."""
    for name, service in mesh.services.items():
        host = mesh.host(name, mesh.at(service))
        spec = {"hosts": [host], "http": list(_routes(mesh, service, host))}
        yield manifest("VirtualService", mesh.at(service), name, mesh.label, spec)


def _rule(mesh: Mesh, namespace: str, name: str, host: str, policy: dict[str, Any]) -> dict[str, Any]:
    return manifest("DestinationRule", namespace, name, mesh.label, {"host": host, "trafficPolicy": policy})


def _policy(limits: Limits, zones: bool) -> dict[str, Any]:
    balancer: dict[str, Any] = {"simple": limits.balancer}
    if zones:
        balancer["localityLbSetting"] = {"enabled": True, "failoverPriority": list(_FAILOVER)}
    return {
        "loadBalancer": balancer,
        "connectionPool": {
            "tcp": {"maxConnections": limits.max_connections},
            "http": {
                "http1MaxPendingRequests": limits.http1_max_pending,
                "http2MaxRequests": limits.http2_max_requests,
                "maxRetries": limits.max_retries,
            },
        },
        "outlierDetection": {
            "consecutive5xxErrors": limits.eject_after_5xx,
            "interval": f"{limits.check_every_s}s",
            "baseEjectionTime": f"{limits.eject_for_s}s",
            "maxEjectionPercent": limits.max_ejected_percent,
        },
    }


def _plain(plain: Plain) -> dict[str, Any]:
    pool = {"tcp": {"maxConnections": plain.max_connections}}
    return {
        "connectionPool": pool,
        # A port's settings replace those above as a whole.
        "portLevelSettings": [
            {"port": {"number": port}, "tls": {"mode": "DISABLE"}, "connectionPool": pool} for port in plain.ports
        ],
    }


def _routes(mesh: Mesh, service: Service, host: str) -> Iterator[dict[str, Any]]:
    destination = [{"destination": {"host": host}}]
    for number, rule in enumerate(service.exceptions, 1):
        paths = [{"uri": {"prefix": path}} for path in rule.paths]
        if rule.retries.attempts:
            reads = [{**path, "method": {"regex": READS}} for path in paths]
            yield {
                "name": f"exception-{number}-reads",
                "match": reads,
                "route": destination,
                **_tries(rule.retries, RETRY_READS_ON),
            }
        yield {
            "name": f"exception-{number}",
            "match": paths,
            "route": destination,
            **_tries(rule.retries, RETRY_OTHERS_ON),
        }
    retries = service.retries or mesh.retries
    if retries.attempts:
        reads = [{"method": {"regex": READS}}]
        yield {"name": "reads", "match": reads, "route": destination, **_tries(retries, RETRY_READS_ON)}
    yield {"name": "others", "route": destination, **_tries(retries, RETRY_OTHERS_ON)}


def _tries(retries: Retries, on: str) -> dict[str, Any]:
    tries: dict[str, Any] = {"attempts": retries.attempts}
    if retries.attempts:
        tries["retryOn"] = on
        if retries.per_try_timeout_s is not None:
            tries["perTryTimeout"] = f"{retries.per_try_timeout_s}s"
    return {"timeout": f"{retries.timeout_s}s", "retries": tries}
