"""The shapes of what is sent in other formats than our own, as far as we look at it."""

from typing import Final, get_args

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.schemas import schema_object
from carbon_stream.ingest.openlineage.models import State
from carbon_stream.web.openapi_schemas import Schema, for_requests, ref

_ENVELOPE: Final = ("eventId", "eventType", "timestamp", "source")
_PREFIXED: Final = "com.254carbon."
_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": limits.NAME_CHARS}
_TIME: Final[Schema] = {
    "description": "RFC 3339, with its zone",
    "type": "string",
    "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}([.][0-9]{1,9})?"
    "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])$",
}
"""Narrower than what is taken, so that whatever is made from it is taken."""


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _cloud_event(event_type: str) -> Schema:
    """A type's event in structured mode. Its data may repeat the envelope; senders are better told not to."""
    data = for_requests(schema_object(event_type))
    for name in _ENVELOPE:
        data["properties"][name] = {"type": "null"}
    data["required"] = [name for name in data["required"] if name not in _ENVELOPE]
    any_text = {"type": ["string", "null"], "minLength": 1}
    return {
        "title": event_type,
        "type": "object",
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {**_TEXT, "maxLength": limits.EVENT_ID_CHARS},
            "source": _TEXT,
            "type": {"enum": [event_type, _PREFIXED + event_type]},
            "time": _or_null(_TIME),
            "dataschema": any_text,
            "datacontenttype": {"enum": ["application/json", None]},
            "traceparent": {"type": ["string", "null"], "pattern": "^00-[0-9a-f]{31}1-[0-9a-f]{15}1-0[01]$"},
            "data": data,
        },
        "required": ["specversion", "id", "source", "type", "data"],
        "patternProperties": {
            "^[a-ce-z0-9][a-z0-9]{0,63}$": {
                "anyOf": [
                    {"type": ["string", "boolean", "null"]},
                    {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
                ]
            }
        },
        "additionalProperties": False,
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


_FACETS: Final[Schema] = {
    "type": ["object", "null"],
    "additionalProperties": {
        "type": "object",
        "properties": {
            "_producer": {"type": "string", "minLength": 1},
            "_schemaURL": {"type": "string", "minLength": 1},
        },
        "required": ["_producer", "_schemaURL"],
        "additionalProperties": ref("Value"),
    },
}
_HALF: Final[Schema] = {**_TEXT, "maxLength": limits.NAME_CHARS // 2 - 1}
"""Namespace and name have their bound together."""


def _open(required: dict[str, Schema], optional: dict[str, Schema]) -> Schema:
    properties = {**required, **optional}
    value = ref("Value")
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": value}


def _lineage_components() -> dict[str, Schema]:
    """OpenLineage's events, as far as they are checked; the specification says what facets hold."""
    dataset = _open(
        {"namespace": _HALF, "name": _HALF}, {"facets": _FACETS, "inputFacets": _FACETS, "outputFacets": _FACETS}
    )
    base = {"eventTime": _TIME, "producer": _TEXT, "schemaURL": {"type": "string", "minLength": 1}}
    job = {"job": _open({"namespace": _HALF, "name": _HALF}, {"facets": _FACETS})}
    datasets = {"type": ["array", "null"], "items": ref("OpenLineageDataset"), "maxItems": 50}
    touched = {"inputs": datasets, "outputs": datasets}
    run_id = {"type": "string", "pattern": "^[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}$"}
    run = {"run": _open({"runId": run_id}, {"facets": _FACETS})}
    state = {"eventType": {"enum": [*get_args(State), None]}}
    never: Schema = {"type": "null"}
    return {
        "OpenLineageDataset": dataset,
        "OpenLineageRunEvent": _open({**base, **run, **job}, {**state, **touched}),
        "OpenLineageJobEvent": _open({**base, **job}, {"run": never, **touched}),
        "OpenLineageDatasetEvent": _open({**base, "dataset": ref("OpenLineageDataset")}, {"job": never}),
        "OpenLineageEvent": {
            "oneOf": [ref("OpenLineageRunEvent"), ref("OpenLineageJobEvent"), ref("OpenLineageDatasetEvent")]
        },
    }


def format_components() -> dict[str, Schema]:
    """A schema for what each of the other formats writes."""
    return {
        "CloudEvent": {
            "description": "CloudEvents 1.0, JSON format. Members that are not named here are extensions, but for"
            " subject: it stands for the entity where the data does not name it.",
            "oneOf": [_cloud_event(name) for name in BY_EVENT_TYPE],
        },
        "KongEntry": _KONG_ENTRY,
        **_lineage_components(),
    }
