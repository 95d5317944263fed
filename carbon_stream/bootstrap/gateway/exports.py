"""What is made from the desired state and committed below deploy/platform, for editors, decK and Kubernetes.

`python -m carbon_stream.bootstrap.gateway.exports` writes them into the source tree. A test fails when one is stale.
The values themselves are in this package, since the image runs without the repository; deploy/platform has a copy to
read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from carbon_stream.bootstrap.gateway.deck import deck_text
from carbon_stream.bootstrap.gateway.kubernetes import kubernetes_text
from carbon_stream.bootstrap.gateway.model import Gateway
from carbon_stream.bootstrap.gateway.values import PLATFORM, load_gateway, merged_values

__all__ = ["FORMS", "overlay_schema", "rendered", "schema"]

_FOLDER = "deploy/platform"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema of the whole desired state."""
    return {"$schema": _DIALECT, **Gateway.model_json_schema(by_alias=True)}


def overlay_schema() -> dict[str, Any]:
    """JSON Schema of an overlay: everything may be absent, and null takes a value away."""
    relaxed = _relaxed(schema())
    assert isinstance(relaxed, dict)
    return {**relaxed, "title": "Gateway overlay"}


def _relaxed(value: Any) -> Any:
    if isinstance(value, list):
        return [_relaxed(item) for item in value]
    if not isinstance(value, dict):
        return value
    relaxed = {
        key: _relaxed(item) for key, item in value.items() if key not in ("required", "minProperties", "default")
    }
    if isinstance(value.get("properties"), dict):
        relaxed["properties"] = {name: _nullable(item) for name, item in relaxed["properties"].items()}
    if isinstance(value.get("additionalProperties"), dict):
        relaxed["additionalProperties"] = _nullable(relaxed["additionalProperties"])
    if isinstance(value.get("patternProperties"), dict):
        relaxed["patternProperties"] = {name: _nullable(item) for name, item in relaxed["patternProperties"].items()}
    return relaxed


def _nullable(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "null"}]}


def _values(overlays: Sequence[Path]) -> str:
    load_gateway(overlays)
    if not overlays:
        return PLATFORM.read_text(encoding="utf-8")
    return yaml.safe_dump(merged_values(overlays), sort_keys=False, width=120)


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


FORMS: Mapping[str, Callable[[Sequence[Path]], str]] = MappingProxyType(
    {
        "deck": lambda overlays: deck_text(load_gateway(overlays)),
        "kubernetes": lambda overlays: kubernetes_text(load_gateway(overlays)),
        "values": _values,
        "schema": lambda _: _json(schema()),
        "overlay-schema": lambda _: _json(overlay_schema()),
    }
)
"""What `bootstrap export gateway --format` prints, from the overlays' paths."""


def rendered() -> dict[str, str]:
    """The text of every committed export by its path in the source tree."""
    modeline = (
        "# yaml-language-server: $schema=gateway.schema.json\n# A copy, made from carbon_stream/bootstrap/gateway/"
    )
    return {
        f"{_FOLDER}/gateway.yaml": f"{modeline}platform.yaml: to change values, write an overlay.\n{_values(())}",
        f"{_FOLDER}/gateway.schema.json": FORMS["schema"](()),
        f"{_FOLDER}/gateway-overlay.schema.json": FORMS["overlay-schema"](()),
        f"{_FOLDER}/gateway.deck.yaml": FORMS["deck"](()),
        f"{_FOLDER}/gateway.kubernetes.yaml": FORMS["kubernetes"](()),
    }


if __name__ == "__main__":
    for name, text in rendered().items():
        path = (Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[3]) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{path}\n")
