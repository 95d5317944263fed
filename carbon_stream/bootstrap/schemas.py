"""JSON Schemas of desired states and of overlays, for editors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = ["overlay_schema", "schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(form: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of the whole desired state."""
    return {"$schema": _DIALECT, **form.model_json_schema(by_alias=True)}


def overlay_schema(form: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of an overlay: everything may be absent, and null takes a value away."""
    relaxed = _relaxed(schema(form))
    assert isinstance(relaxed, dict)
    return {**relaxed, "title": f"{form.__name__} overlay"}


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
