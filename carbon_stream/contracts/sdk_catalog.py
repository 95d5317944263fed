"""The catalog as data: what an SDK in any language needs in order to build, check and key events."""

from typing import Any

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import PARTITIONS, TOPICS, Group, Topic
from carbon_stream.contracts.envelope import Contract
from carbon_stream.contracts.fields import FieldSpec, Shape, fields
from carbon_stream.contracts.invalid import REASONS
from carbon_stream.contracts.names import ALERTS, DEAD_LETTERS
from carbon_stream.contracts.scalars import DEFAULT_VERSION


def catalog() -> dict[str, Any]:
    """The topics with their types, fields and key rules; the groups; limits; names. All of it JSON values."""
    return {
        "contractVersion": DEFAULT_VERSION,
        "partitioner": "murmur2",
        "keyRule": "the first of keyFields that holds a non-empty string, as UTF-8; none of them: a record without key",
        "groups": {group.value: {"partitions": PARTITIONS[group]} for group in Group},
        "topics": [_topic(topic) for topic in TOPICS],
        "deadLetters": DEAD_LETTERS,
        "alerts": ALERTS,
        "rejectionReasons": list(REASONS),
        "limits": {
            "eventBytes": limits.EVENT_BYTES,
            "nesting": limits.NESTING,
            "integerMin": -limits.INT64_MAX - 1,
            "integerMax": limits.UINT64_MAX,
        },
    }


def _topic(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.name,
        "group": topic.group.value,
        "eventType": topic.event_type,
        "description": topic.description,
        "entity": topic.entity,
        "keyFields": list(topic.key_fields),
        "partitions": topic.partitions,
        "retentionMs": topic.retention_ms,
        "fields": _fields(topic.model),
    }


def _fields(model: type[Contract]) -> list[dict[str, Any]]:
    return [_field(spec) for spec in fields(model)]


def _field(spec: FieldSpec) -> dict[str, Any]:
    made = {
        "name": spec.name,
        "attribute": spec.attribute,
        **_value(spec.shape),
        "required": spec.required,
        "nullable": spec.shape.nullable,
        "description": spec.description,
    }
    if not spec.required and spec.default is not None:
        made["default"] = spec.default
    return made


def _value(shape: Shape) -> dict[str, Any]:
    if shape.record is not None:
        return {"type": "object", "fields": _fields(shape.record)}
    made: dict[str, Any] = {"type": shape.kind}
    if shape.enum:
        made["enum"] = list(shape.enum)
    bounds = {
        "minimum": shape.minimum,
        "maximum": shape.maximum,
        "minLength": shape.min_length,
        "maxLength": shape.max_length,
    }
    made |= {name: bound for name, bound in bounds.items() if bound is not None}
    if shape.items is not None:
        made["items"] = _value(shape.items)
    return made
