"""The desired state as resources for Kong's ingress controller.

Each upstream gets an ExternalName service of ours, since timeouts, retries and plugins are annotations of a service,
and the upstreams' own services belong to others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml
from pydantic import SecretStr

from carbon_stream.bootstrap.gateway.desired import upstream_host, wanted_entities
from carbon_stream.bootstrap.gateway.entities import Wanted
from carbon_stream.bootstrap.gateway.model import Consumer, Gateway, Service
from carbon_stream.bootstrap.gateway.secrets import masked_references

__all__ = ["kubernetes_resources", "kubernetes_text"]

_CLASS = "kong"
_HEAD = """\
# For Kong's ingress controller: kubectl apply -f. Made by `carbon-stream bootstrap export gateway --format kubernetes`;
# do not edit. A Secret that a KongConsumer names is yours to make, with the label konghq.com/credential (jwt, key-auth,
# oauth2) and the fields that the controller wants: for jwt `key`, `algorithm` and `rsa_public_key`.
"""


def kubernetes_resources(gateway: Gateway) -> list[dict[str, Any]]:
    """Plugins first, then consumers, services, and the ingresses that send requests to them."""
    plugins = [
        each for each in wanted_entities(gateway, masked_references) if each.key.kind == "plugins" and each.enabled
    ]
    resources = [_plugin(gateway, plugin) for plugin in plugins]
    resources += [
        made
        for wanted in wanted_entities(gateway, masked_references)
        if wanted.key.kind == "consumers"
        for made in [_consumer(gateway, wanted.key.name, gateway.consumers[wanted.key.name], plugins)]
    ]
    for name, service in gateway.services.items():
        resources.append(_service(gateway, name, service, plugins))
    for name, service in gateway.services.items():
        resources += _ingress(gateway, name, service)
    return resources


def kubernetes_text(gateway: Gateway) -> str:
    """The resources as one file."""
    return _HEAD + yaml.safe_dump_all(kubernetes_resources(gateway), sort_keys=False, width=120, explicit_start=True)


def _metadata(gateway: Gateway, name: str, annotations: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": f"gateway-{_label(name)}",
        "namespace": gateway.namespace,
        "labels": {"app.kubernetes.io/managed-by": _label(gateway.tag)},
        "annotations": dict(annotations),
    }


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _plugin_name(plugin: Wanted) -> str:
    return f"{plugin.refs['service']}-{plugin.key.name}" if plugin.refs else plugin.key.name


def _plugin(gateway: Gateway, plugin: Wanted) -> dict[str, Any]:
    metadata = _metadata(gateway, _plugin_name(plugin), {"kubernetes.io/ingress.class": _CLASS})
    if not plugin.refs:
        del metadata["namespace"]
        metadata["labels"]["global"] = "true"
    config, patches = _without_secrets(plugin.body["config"])
    if not plugin.refs:
        for patch in patches:
            patch["valueFrom"]["secretKeyRef"]["namespace"] = gateway.namespace
    return {
        "apiVersion": "configuration.konghq.com/v1",
        "kind": "KongPlugin" if plugin.refs else "KongClusterPlugin",
        "metadata": metadata,
        "plugin": plugin.key.name,
        "protocols": list(plugin.body["protocols"]),
        "config": config,
        **({"configPatches": patches} if patches else {}),
    }


def _without_secrets(config: Mapping[str, Any], path: str = "") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Settings without their secrets, and patches by which the controller puts them in (3.1 and later)."""
    plain: dict[str, Any] = {}
    patches: list[dict[str, Any]] = []
    for name, value in config.items():
        if isinstance(value, SecretStr):
            secret, key = value.get_secret_value().split("/", 1)
            patches.append({"path": f"{path}/{name}", "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
        elif isinstance(value, Mapping):
            plain[name], below = _without_secrets(value, f"{path}/{name}")
            patches += below
        else:
            plain[name] = value
    return plain, patches


def _consumer(gateway: Gateway, name: str, consumer: Consumer, plugins: Sequence[Wanted]) -> dict[str, Any]:
    on = {plugin.key.name for plugin in plugins}
    secrets = [key.public_key.secret for key in consumer.jwt.values() if "jwt" in on]
    secrets += [ref.secret for ref in consumer.key_auth.values() if "key-auth" in on]
    secrets += [application.client_id.secret for application in consumer.oauth2.values() if "oauth2" in on]
    return {
        "apiVersion": "configuration.konghq.com/v1",
        "kind": "KongConsumer",
        "metadata": _metadata(gateway, name, {"kubernetes.io/ingress.class": _CLASS}),
        "username": name,
        **({"custom_id": consumer.custom_id} if consumer.custom_id else {}),
        "credentials": list(dict.fromkeys(secrets)),
    }


def _service(gateway: Gateway, name: str, service: Service, plugins: Sequence[Wanted]) -> dict[str, Any]:
    annotations = {
        "konghq.com/protocol": service.upstream.protocol,
        "konghq.com/connect-timeout": str(service.connect_timeout_ms),
        "konghq.com/read-timeout": str(service.read_timeout_ms),
        "konghq.com/write-timeout": str(service.write_timeout_ms),
        "konghq.com/retries": str(service.retries),
        "konghq.com/tags": service.group,
    }
    if service.upstream.path:
        annotations["konghq.com/path"] = service.upstream.path
    if on := [f"gateway-{_label(_plugin_name(each))}" for each in plugins if each.refs.get("service") == name]:
        annotations["konghq.com/plugins"] = ",".join(on)
    port = {"name": service.upstream.protocol, "port": service.upstream.port, "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(gateway, name, annotations),
        "spec": {"type": "ExternalName", "externalName": upstream_host(gateway, service), "ports": [port]},
    }


def _ingress(gateway: Gateway, name: str, service: Service) -> Iterator[dict[str, Any]]:
    route = service.route
    if route is None:
        return
    annotations = {
        "konghq.com/strip-path": str(route.strip_path).lower(),
        "konghq.com/preserve-host": str(route.preserve_host).lower(),
        "konghq.com/protocols": ",".join(route.protocols),
    }
    if route.methods:
        annotations["konghq.com/methods"] = ",".join(route.methods)
    backend = {"service": {"name": f"gateway-{_label(name)}", "port": {"number": service.upstream.port}}}
    # ImplementationSpecific: a plain prefix, as Kong's own routes have it.
    paths = [{"path": path, "pathType": "ImplementationSpecific", "backend": backend} for path in route.paths]
    rules = [{**({"host": host} if host else {}), "http": {"paths": paths}} for host in route.hosts or ("",)]
    yield {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": _metadata(gateway, name, annotations),
        "spec": {"ingressClassName": _CLASS, "rules": rules},
    }
