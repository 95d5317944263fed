"""The desired state as Kong's entities. Pure, but for the secrets that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr

from carbon_stream.bootstrap.gateway.entities import Key, Wanted
from carbon_stream.bootstrap.gateway.merging import joined
from carbon_stream.bootstrap.gateway.model import CREDENTIAL_PLUGINS, Consumer, Gateway, Plugin, Service
from carbon_stream.bootstrap.gateway.secrets import Resolve
from carbon_stream.errors import OperatorError

__all__ = ["upstream_host", "wanted_entities"]

_PROTOCOLS = ["grpc", "grpcs", "http", "https"]


def wanted_entities(gateway: Gateway, resolve: Resolve) -> tuple[Wanted, ...]:
    """All entities. OperatorError where a secret cannot be read, or two plugins contradict each other."""
    return (
        *_consumers(gateway, resolve),
        *(entity for name, service in gateway.services.items() for entity in _service(gateway, name, service)),
        *_plugins(gateway, resolve),
    )


def upstream_host(gateway: Gateway, service: Service) -> str:
    """The upstream's host: a Kubernetes service by its full name, since the gateway is in a namespace of its own."""
    upstream = service.upstream
    if upstream.host is not None:
        return upstream.host
    return f"{upstream.service}.{upstream.namespace or gateway.namespace}.svc.{gateway.cluster_domain}"


def _service(gateway: Gateway, name: str, service: Service) -> Iterator[Wanted]:
    tags = [gateway.tag, service.group]
    body = {
        "name": name,
        "protocol": service.upstream.protocol,
        "host": upstream_host(gateway, service),
        "port": service.upstream.port,
        "path": service.upstream.path,
        "connect_timeout": service.connect_timeout_ms,
        "read_timeout": service.read_timeout_ms,
        "write_timeout": service.write_timeout_ms,
        "retries": service.retries,
        "enabled": True,
        "tags": tags,
    }
    yield Wanted(Key("services", name), body)
    if (route := service.route) is None:
        return
    yield Wanted(
        Key("routes", name),
        {
            "name": name,
            "paths": list(route.paths),
            "hosts": list(route.hosts),
            "methods": list(route.methods),
            "protocols": list(route.protocols),
            "strip_path": route.strip_path,
            "preserve_host": route.preserve_host,
            # Kong's defaults, said so that a change by hand is seen.
            "headers": None,
            "snis": None,
            "regex_priority": 0,
            "path_handling": "v0",
            "https_redirect_status_code": 426,
            "request_buffering": True,
            "response_buffering": True,
            "tags": tags,
        },
        {"service": name},
    )


def _plugins(gateway: Gateway, resolve: Resolve) -> Iterator[Wanted]:
    made: dict[Key, Wanted] = {}
    sources: dict[Key, str] = {}
    for name, plugin in gateway.plugins.items():
        places: Mapping[str, Mapping[str, Any]] = {"": plugin.config} if plugin.globally else gateway.on(plugin)
        for place, own in places.items():
            config = _with_secrets(own, plugin, resolve)
            key = Key("plugins", plugin.plugin, f"service {place}" if place else "")
            group = [gateway.services[place].group] if place else []
            there = made.get(key)
            if there is not None and there.enabled and plugin.enabled:
                config = _together(there.body["config"], config, key, sources[key], name)
                sources[key] = f"{sources[key]} and {name}"
            elif there is not None and there.enabled:
                continue
            else:
                sources[key] = name
            body = {
                "name": plugin.plugin,
                "config": config,
                "enabled": plugin.enabled,
                "protocols": _PROTOCOLS,
                "tags": [gateway.tag, *group],
            }
            made[key] = Wanted(key, body, {"service": place} if place else {}, enabled=plugin.enabled)
    yield from made.values()


def _with_secrets(config: Mapping[str, Any], plugin: Plugin, resolve: Resolve) -> dict[str, Any]:
    """The settings with those that are in Secrets; a plugin that is off needs none."""
    filled = dict(config)
    for place, ref in plugin.secrets.items() if plugin.enabled else ():
        *path, last = place.split(".")
        holder = filled
        for name in path:
            holder[name] = dict(holder.get(name) or {})
            holder = holder[name]
        holder[last] = resolve(ref)
    return filled


def _together(one: Mapping[str, Any], other: Mapping[str, Any], key: Key, name: str, other_name: str) -> dict[str, Any]:
    """Kong runs one instance of a plugin at a place: two entries for it become one."""
    try:
        return joined(one, other)
    except ValueError as error:
        raise OperatorError(f"plugins.{name} and plugins.{other_name} are both for {key}: {error}") from None


def _consumers(gateway: Gateway, resolve: Resolve) -> Iterator[Wanted]:
    kinds = {
        plugin.plugin for plugin in gateway.plugins.values() if plugin.enabled and plugin.plugin in CREDENTIAL_PLUGINS
    }
    for name, consumer in gateway.consumers.items():
        credentials = list(_credentials(gateway.tag, name, consumer, resolve, kinds))
        if credentials:
            body = {"username": name, "custom_id": consumer.custom_id, "tags": [gateway.tag]}
            yield Wanted(Key("consumers", name), body)
            yield from credentials


def _credentials(tag: str, name: str, consumer: Consumer, resolve: Resolve, kinds: set[str]) -> Iterator[Wanted]:
    refs = {"consumer": name}
    if "jwt" in kinds:
        for issuer, key in consumer.jwt.items():
            public_key: SecretStr = resolve(key.public_key)
            body = {"key": issuer, "algorithm": key.algorithm, "rsa_public_key": public_key, "tags": [tag]}
            yield Wanted(Key("jwt", issuer, name), body, refs)
    if "key-auth" in kinds:
        for label, ref in consumer.key_auth.items():
            yield Wanted(Key("key-auth", label, name), {"key": resolve(ref), "tags": [tag, f"key:{label}"]}, refs)
    if "oauth2" in kinds:
        for label, application in consumer.oauth2.items():
            body = {
                "name": label,
                "client_id": resolve(application.client_id),
                "client_secret": resolve(application.client_secret),
                "redirect_uris": list(application.redirect_uris),
                "tags": [tag],
            }
            yield Wanted(Key("oauth2", label, name), body, refs)
