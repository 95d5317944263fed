"""JSON Schema (2020-12) of each event type, from the same fields that validate it.

What a schema cannot say: the bounds on an event's size and nesting, and that integers in free values have at most
64 bits. Everything else it says exactly as the models do.
"""

from typing import Any

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.envelope import Contract
from carbon_stream.contracts.fields import FieldSpec, Kind, Shape, fields

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LENGTHS: dict[Kind, tuple[str, str]] = {
    "string": ("minLength", "maxLength"),
    "object": ("minProperties", "maxProperties"),
    "array": ("minItems", "maxItems"),
}


def schema(event_type: str) -> dict[str, Any]:
    """The schema of an event type, as a document of its own; KeyError for a type that is not in the catalog."""
    return {"$schema": DIALECT, "$id": f"urn:carbon-stream:event:{event_type}", **schema_object(event_type)}


def schema_object(event_type: str) -> dict[str, Any]:
    """The same, to stand inside another document (its keywords mean the same in draft 7 and in OpenAPI 3.1)."""
    topic = BY_EVENT_TYPE[event_type]
    body = _record(topic.model)
    body["properties"]["eventType"] = {
        "description": body["properties"]["eventType"]["description"],
        "const": event_type,
    }
    return {"title": event_type, "description": topic.description, **body}


def _record(model: type[Contract]) -> dict[str, Any]:
    specs = fields(model)
    return {
        "type": "object",
        "properties": {spec.name: _property(spec) for spec in specs},
        "required": [spec.name for spec in specs if spec.required],
        "additionalProperties": True,
    }


def _property(spec: FieldSpec) -> dict[str, Any]:
    made = {"description": spec.description, **value(spec.shape)}
    if not spec.required and spec.default is not None:
        made["default"] = spec.default
    return made


def value(shape: Shape) -> dict[str, Any]:
    """The schema of one value."""
    if shape.kind == "any":
        return {}
    if shape.record is not None:
        return _record(shape.record)
    if shape.enum:
        return {"enum": [*shape.enum, None] if shape.nullable else list(shape.enum)}
    made: dict[str, Any] = {"type": [shape.kind, "null"] if shape.nullable else shape.kind}
    shortest, longest = _LENGTHS.get(shape.kind, ("", ""))
    bounds = {
        "minimum": shape.minimum,
        "maximum": shape.maximum,
        shortest: shape.min_length,
        longest: shape.max_length,
    }
    made |= {name: bound for name, bound in bounds.items() if bound is not None}
    if shape.items is not None:
        made["items"] = value(shape.items)
    return made
