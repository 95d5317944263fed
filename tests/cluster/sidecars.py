"""The proxies of pods: a real Envoy for each, which asks istiod for everything as a sidecar does.

What a sidecar's agent would do is left out: no certificates come, so nothing connects by mTLS, and no traffic is led to
it. It takes its configuration and says so, or refuses it: that is what istiod knows of a proxy.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from carbon_stream.local.ports import free_ports
from tests.cluster import parts
from tests.support.processes import stop_all

_HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_NOBODY = 9
_ADS = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}


@contextmanager
def sidecars(
    pods: Iterable[Mapping[str, Any]], xds_port: int, folder: Path
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A running proxy by the pod's name."""
    proxies: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for pod in pods:
            name = pod["metadata"]["name"]
            config = folder / f"{name}.json"
            config.write_text(json.dumps(_bootstrap(pod, xds_port)))
            command = [str(parts.envoy()), "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id"]
            with (folder / f"{name}.log").open("wb") as log:
                proxies[name] = subprocess.Popen([*command, "-l", "warning"], stdout=log, stderr=log, cwd=folder)
        yield proxies
    finally:
        stop_all(proxies.values(), 20)


def _bootstrap(pod: Mapping[str, Any], xds_port: int) -> dict[str, Any]:
    name, namespace, address = pod["metadata"]["name"], pod["metadata"]["namespace"], pod["status"]["podIP"]
    (admin,) = free_ports(1)
    metadata = {
        "NAME": name,
        "NAMESPACE": namespace,
        "LABELS": pod["metadata"]["labels"],
        "INSTANCE_IPS": address,
        "CLUSTER_ID": "Kubernetes",
        "SERVICE_ACCOUNT": "default",
    }
    return {
        "node": {
            "id": f"sidecar~{address}~{name}.{namespace}~{namespace}.svc.cluster.local",
            "cluster": name,
            "metadata": metadata,
        },
        "admin": {"address": _address(admin)},
        "dynamic_resources": {
            "lds_config": _ADS,
            "cds_config": _ADS,
            "ads_config": {
                "api_type": "GRPC",
                "transport_api_version": "V3",
                "grpc_services": [{"envoy_grpc": {"cluster_name": "xds-grpc"}}],
            },
        },
        "static_resources": {"clusters": [_cluster("xds-grpc", xds_port), _cluster("sds-grpc", _NOBODY)]},
    }


def _cluster(name: str, port: int) -> dict[str, Any]:
    http2 = {"@type": f"type.googleapis.com/{_HTTP}", "explicit_http_config": {"http2_protocol_options": {}}}
    hosts = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {
        "name": name,
        "type": "STATIC",
        "typed_extension_protocol_options": {_HTTP: http2},
        "load_assignment": {"cluster_name": name, "endpoints": hosts},
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
