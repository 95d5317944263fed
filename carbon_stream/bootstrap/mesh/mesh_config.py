"""The tracing provider in Istio's mesh configuration: a text in a ConfigMap that Istio's installer owns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from carbon_stream.bootstrap.mesh.manifests import provider
from carbon_stream.bootstrap.mesh.model import Mesh
from carbon_stream.bootstrap.mesh.objects import Key, Object
from carbon_stream.bootstrap.mesh.plan import Difference, Step

__all__ = ["config_key", "provider_step"]


def config_key(mesh: Mesh) -> Key:
    """The ConfigMap of the mesh configuration."""
    return Key("ConfigMap", mesh.istio_namespace, f"istio-{mesh.revision}" if mesh.revision else "istio")


def provider_step(mesh: Mesh, there: Object | None) -> tuple[Step | None, str]:
    """The step that puts the provider into the configuration where that is ours to do, else a note; or neither."""
    key, wanted = config_key(mesh), provider(mesh)
    if there is None:
        return None, f"{key} does not exist: is Istio installed in {key.namespace}? Without it no request is traced"
    try:
        config = yaml.safe_load(there.get("data", {}).get("mesh", "")) or {}
    except yaml.YAMLError:
        config = None
    if not isinstance(config, dict):
        return None, f"{key}: its key `mesh` is no YAML mapping"
    providers = config.get("extensionProviders") or []
    same = [each for each in providers if isinstance(each, Mapping) and each.get("name") == wanted["name"]]
    if same and (same[0] == wanted or not mesh.tracing.manage_provider):
        return None, _differs(key, same[0], wanted)
    if not mesh.tracing.manage_provider:
        shown = yaml.safe_dump({"extensionProviders": [wanted]}, default_flow_style=True, width=200).strip()
        return None, (
            f"{key} has no extension provider {wanted['name']}, so no request is traced: whoever installed Istio adds"
            f" to its meshConfig {shown}; tracing.manage_provider: true lets bootstrap write it"
        )
    others = [each for each in providers if each not in same]
    text = yaml.safe_dump({**config, "extensionProviders": [*others, wanted]}, sort_keys=False)
    body = {"metadata": {"resourceVersion": there["metadata"]["resourceVersion"]}, "data": {"mesh": text}}
    name = f"data.mesh.extensionProviders.{wanted['name']}"
    change = Difference(name, same[0] if same else None, wanted)
    return Step("change", key, (change,), body, there["metadata"]["uid"]), ""


def _differs(key: Key, there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    return (
        "" if there == wanted else f"{key}: the extension provider {wanted['name']} is somebody else's: {dict(there)}"
    )
