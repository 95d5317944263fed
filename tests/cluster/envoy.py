"""A real Envoy with the settings that Istio derives from a destination rule and a virtual service.

The derivation is ours and follows istiod's: thresholds, outlier detection without panic routing, retries that go to
another host first. What a rule does not say is left out. Timeouts can be divided, so that a test can wait for them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from carbon_stream.local.ports import free_ports
from tests.cluster import parts

_BALANCERS = {"LEAST_REQUEST": "LEAST_REQUEST", "ROUND_ROBIN": "ROUND_ROBIN", "RANDOM": "RANDOM"}


class Envoy:
    def __init__(self, port: int, admin_port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._admin = f"http://127.0.0.1:{admin_port}"

    async def ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self._admin}/ready") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def stat(self, name: str) -> int:
        """A statistic of the destination's cluster."""
        query = {"format": "json", "filter": f"^cluster\\.destination\\.{name}$"}
        async with aiohttp.ClientSession() as session, session.get(f"{self._admin}/stats", params=query) as answer:
            (found,) = (await answer.json(content_type=None))["stats"]
            return int(found["value"])


@asynccontextmanager
async def envoy(
    rule: Mapping[str, Any], service: Mapping[str, Any], ports: Sequence[int], folder: Path, *, faster: int = 1
) -> AsyncIterator[Envoy]:
    """A proxy before the hosts on these ports, by the specs of a DestinationRule and a VirtualService."""
    port, admin_port = free_ports(2)
    config = folder / "envoy.json"
    config.write_text(json.dumps(_bootstrap(rule["trafficPolicy"], service["http"], ports, port, admin_port, faster)))
    with (folder / "envoy.log").open("wb") as log:
        command = [
            str(parts.envoy()),
            "-c",
            str(config),
            "--concurrency",
            "1",
            "--use-dynamic-base-id",
            "-l",
            "warning",
        ]
        process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    try:
        proxy, end = Envoy(port, admin_port), asyncio.get_running_loop().time() + 60
        while not await proxy.ready():
            assert process.returncode is None, (folder / "envoy.log").read_text()
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.05)
        yield proxy
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _bootstrap(
    policy: Mapping[str, Any],
    routes: Sequence[Mapping[str, Any]],
    ports: Sequence[int],
    port: int,
    admin: int,
    faster: int,
) -> dict[str, Any]:
    manager = {
        "@type": "type.googleapis.com/"
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [_route(each, faster) for each in routes]}]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "name": "in",
        "address": _address(port),
        "filter_chains": [
            {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        ],
    }
    return {
        "admin": {"address": _address(admin)},
        "static_resources": {"listeners": [listener], "clusters": [_cluster(policy, ports)]},
    }


def _cluster(policy: Mapping[str, Any], ports: Sequence[int]) -> dict[str, Any]:
    pool, breaker = policy["connectionPool"], policy["outlierDetection"]
    return {
        "name": "destination",
        "type": "STATIC",
        "connect_timeout": "10s",
        "lb_policy": _BALANCERS[policy["loadBalancer"]["simple"]],
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "load_assignment": {
            "cluster_name": "destination",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(each)}} for each in ports]}],
        },
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": pool["tcp"]["maxConnections"],
                    "max_pending_requests": pool["http"]["http1MaxPendingRequests"],
                    "max_requests": pool["http"]["http2MaxRequests"],
                    "max_retries": pool["http"]["maxRetries"],
                }
            ]
        },
        "outlier_detection": {
            "consecutive_5xx": breaker["consecutive5xxErrors"],
            "enforcing_consecutive_5xx": 100,
            "enforcing_success_rate": 0,
            "interval": breaker["interval"],
            "base_ejection_time": breaker["baseEjectionTime"],
            "max_ejection_percent": breaker["maxEjectionPercent"],
        },
    }


def _route(route: Mapping[str, Any], faster: int) -> dict[str, Any]:
    match, *more = route.get("match", [{}])
    assert not more, "one match a route is all that these tests need"
    chosen: dict[str, Any] = {"prefix": match.get("uri", {}).get("prefix", "/")}
    if method := match.get("method"):
        chosen["headers"] = [{"name": ":method", "string_match": {"safe_regex": {"regex": method["regex"]}}}]
    action: dict[str, Any] = {"cluster": "destination", "timeout": f"{int(route['timeout'][:-1]) / faster}s"}
    if route["retries"]["attempts"]:
        action["retry_policy"] = {
            "num_retries": route["retries"]["attempts"],
            "retry_on": route["retries"]["retryOn"],
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": "type.googleapis.com/"
                        "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
            "host_selection_retry_max_attempts": 5,
        }
    return {"match": chosen, "route": action}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
