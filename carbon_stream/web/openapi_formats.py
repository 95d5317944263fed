"""The shapes of what is sent in other formats than our own, as far as we look at it."""

from typing import Final

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.schemas import schema_object
from carbon_stream.web.openapi_schemas import Schema, for_requests, ref

_ENVELOPE: Final = ("eventId", "eventType", "timestamp", "source", "correlationId", "causationId")
_PREFIXED: Final = "com.254carbon."


def _cloud_event(event_type: str) -> Schema:
    """A type's event in structured mode. Its data may repeat the envelope; senders are better told not to."""
    data = for_requests(schema_object(event_type))
    for name in _ENVELOPE:
        data["properties"][name] = {"type": "null"}
    data["required"] = [name for name in data["required"] if name not in _ENVELOPE]
    text = {"type": "string", "minLength": 1, "maxLength": limits.NAME_CHARS}
    return {
        "title": event_type,
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**text, "maxLength": limits.EVENT_ID_CHARS},
            "source": text,
            "type": {"enum": [event_type, _PREFIXED + event_type]},
            "time": {"type": "string", "format": "date-time", "pattern": "^(19[89]|20)"},
            "subject": text,
            "dataschema": {"const": f"urn:carbon-stream:event:{event_type}"},
            "datacontenttype": {"const": "application/json"},
            "traceparent": {"type": "string", "pattern": "^00-[0-9a-f]{31}1-[0-9a-f]{15}1-0[01]$"},
            "data": data,
        },
        "required": ["specversion", "id", "source", "type", "data"],
        "additionalProperties": False,
        "patternProperties": {
            "^[a-z]{1,3}$": {
                "anyOf": [
                    {"type": "string", "maxLength": 100},
                    {"type": "boolean"},
                    {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
                ]
            }
        },
    }


_SIZE: Final[Schema] = {"type": ["integer", "null"], "minimum": 0, "maximum": limits.INT64_MAX}
_KONG_ENTRY: Final[Schema] = {
    "description": "What Kong's http-log plugin says of one request; other members are kept, redacted.",
    "type": "object",
    "properties": {
        "request": {
            "type": "object",
            "properties": {
                "method": {"type": "string", "maxLength": limits.NAME_CHARS},
                "uri": {"type": "string"},
                "size": _SIZE,
            },
            "required": ["method", "uri"],
            "additionalProperties": ref("Value"),
        },
        "response": {
            "type": "object",
            "properties": {"status": {"type": "integer", "minimum": 100, "maximum": 599}, "size": _SIZE},
            "required": ["status"],
            "additionalProperties": ref("Value"),
        },
        "latencies": {
            "type": "object",
            "properties": {"request": {"type": "number", "minimum": 0, "maximum": limits.LATENCY_MAX_MS}},
            "required": ["request"],
            "additionalProperties": ref("Value"),
        },
        "started_at": {
            "type": ["integer", "null"],
            "minimum": limits.TIMESTAMP_MIN_MS,
            "maximum": limits.INT64_MAX,
            "description": "milliseconds since the epoch",
        },
        "client_ip": {"type": ["string", "null"], "maxLength": limits.ADDRESS_CHARS},
    },
    "required": ["request", "response", "latencies"],
    "additionalProperties": ref("Value"),
}


def format_components() -> dict[str, Schema]:
    """A schema for what each of the other formats writes."""
    return {
        "CloudEvent": {
            "description": "CloudEvents 1.0, JSON format; members that are not named here are extensions",
            "oneOf": [_cloud_event(name) for name in BY_EVENT_TYPE],
        },
        "KongEntry": _KONG_ENTRY,
    }
