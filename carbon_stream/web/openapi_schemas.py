"""The shapes of answers and bodies, as JSON Schema (2020-12) components of the OpenAPI document.

Answers may have more members than are named here: fields may be added, none renamed.
"""

from collections.abc import Mapping
from typing import Any, Final

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME, Group
from carbon_stream.contracts.schemas import schema_object
from carbon_stream.dead_letters.replay import REPLAY_MAX
from carbon_stream.web.dead_letters import KNOWN_REASONS
from carbon_stream.web.log_level import LEVELS

Schema = dict[str, Any]
_PREFIX: Final = "#/components/schemas/"

STRING: Final[Schema] = {"type": "string"}
NULLABLE_STRING: Final[Schema] = {"type": ["string", "null"]}
INTEGER: Final[Schema] = {"type": "integer"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER_OR_NULL: Final[Schema] = {"type": ["number", "null"]}
BOOLEAN: Final[Schema] = {"type": "boolean"}
TIME: Final[Schema] = {"type": "integer", "description": "milliseconds since the epoch, UTC"}
TIME_OR_NULL: Final[Schema] = {"type": ["integer", "null"], "description": "milliseconds since the epoch, UTC"}


def ref(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": _PREFIX + name}


def array(items: Schema, **bounds: Any) -> Schema:
    """An array of these."""
    return {"type": "array", "items": items, **bounds}


def obj(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, **more: Any) -> Schema:
    """An object with these members, and perhaps others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        **more,
    }


def enum(values: Any) -> Schema:
    """One of these strings."""
    return {"type": "string", "enum": list(values)}


def nullable(schema: Schema) -> Schema:
    """This or null."""
    return {"anyOf": [schema, {"type": "null"}]}


_ERRORS: Final = array(ref("FieldError"))


def event_components() -> dict[str, Schema]:
    """A schema for each event type, as its contract has it but for what `for_requests` changes."""
    return {
        **{name: for_requests(schema_object(name)) for name in BY_EVENT_TYPE},
        "Value": {
            "description": "any JSON value whose integers have 64 bits at most",
            "not": {
                "anyOf": [
                    {"type": "integer", "exclusiveMinimum": limits.UINT64_MAX},
                    {"type": "integer", "exclusiveMaximum": -limits.INT64_MAX - 1},
                ]
            },
            "items": ref("Value"),
            "additionalProperties": ref("Value"),
        },
        "Event": {
            "oneOf": [ref(name) for name in BY_EVENT_TYPE],
            "discriminator": {"propertyName": "eventType"},
        },
    }


def for_requests(schema: Schema) -> Schema:
    """A contract's schema as it stands for the events in a request.

    Free values are bounded as the codec bounds them, which a schema of the contract alone does not say. Bounds on the
    number of items and the length of texts are left out (names keep theirs): what goes beyond them is refused with
    422, and with 413 where the event is larger than an event may be as well.
    """
    kept = {key: value for key, value in schema.items() if not _is_large_bound(key, value)}
    kinds = kept.get("type", ())
    if "object" in (kinds if isinstance(kinds, list) else [kinds]):
        kept["additionalProperties"] = ref("Value")
        properties = kept.get("properties", {})
        kept["properties"] = {name: for_requests(value) for name, value in properties.items()}
    elif "items" in kept:
        kept["items"] = for_requests(kept["items"])
    elif not kinds and not kept.keys() & {"const", "enum"}:
        kept |= ref("Value")
    return kept


def _is_large_bound(key: str, value: Any) -> bool:
    return key in ("maxItems", "maxProperties") or (key == "maxLength" and value > limits.NAME_CHARS)


_COMMON: Final[dict[str, Schema]] = {
    "Problem": obj(
        {"type": STRING, "title": STRING, "status": INTEGER, "instance": STRING, "requestId": STRING},
        {"detail": STRING},
        description="A problem document (RFC 9457); some problems have more members.",
    ),
    "FieldError": obj({"pointer": STRING, "type": STRING, "message": STRING}),
    "Index": obj({"service": STRING, "links": array(STRING)}),
    "Alive": obj({"status": {"const": "alive"}}),
    "Readiness": obj(
        {
            "status": enum(("ready", "waiting")),
            "checks": {"type": "object", "additionalProperties": STRING},
            "missing": {"type": "object", "additionalProperties": STRING},
        }
    ),
}

_INGEST: Final[dict[str, Schema]] = {
    "Accepted": obj(
        {
            "eventId": STRING,
            "status": enum(("accepted", "spooled", "duplicate")),
        },
        {"topic": enum(BY_NAME), "partition": COUNT, "offset": {"type": ["integer", "null"]}},
    ),
    "Rejected": obj(
        {"status": {"const": "rejected"}, "retriable": BOOLEAN, "errors": _ERRORS},
        {"eventId": STRING},
    ),
    "Skipped": obj(
        {"status": {"const": "skipped"}}, description="Understood, and not to be an event: a request to ourselves."
    ),
    "Receipts": obj(
        {
            "accepted": COUNT,
            "rejected": COUNT,
            "receipts": array({"oneOf": [ref("Accepted"), ref("Rejected"), ref("Skipped")]}),
        },
        {"skipped": COUNT},
        description="What became of each event, in the order of the request.",
    ),
    "LineageSummary": obj(
        {
            "status": enum(("success", "partial_success")),
            "summary": obj(dict.fromkeys(("received", "successful", "failed", "retriable", "non_retriable"), COUNT)),
            "failed_events": array(obj({"index": COUNT, "reason": STRING, "retriable": BOOLEAN})),
        },
        description="What became of a batch, as OpenLineage's specification has it.",
    ),
    "ProblemWithSummary": {
        "allOf": [ref("Problem"), obj({"summary": {"type": "object"}, "failed_events": array({"type": "object"})})],
        "description": "The members of the summary but for its status, which in a problem document is the HTTP status.",
    },
    "ProblemWithErrors": {"allOf": [ref("Problem"), obj({"errors": _ERRORS})]},
    "ProblemWithReceipts": {"allOf": [ref("Problem"), ref("Receipts")]},
    "ProblemPerhapsWithReceipts": {
        "anyOf": [ref("ProblemWithReceipts"), {"allOf": [ref("Problem"), {"not": {"required": ["receipts"]}}]}]
    },
}

_CATALOG: Final[dict[str, Schema]] = {
    "TypeSummary": obj(
        {
            "eventType": STRING,
            "topic": STRING,
            "group": enum(Group),
            "entity": STRING,
            "keyFields": array(STRING),
            "partitions": COUNT,
            "retentionMs": COUNT,
            "description": STRING,
        }
    ),
    "Types": obj({"types": array(ref("TypeSummary"))}),
    "Type": {
        "allOf": [ref("TypeSummary"), obj({"schema": {"type": "object"}, "example": {"type": "object"}})],
    },
    "Topics": obj(
        {
            "topics": array(
                obj(
                    {
                        "name": STRING,
                        "group": enum(Group),
                        "eventType": STRING,
                        "partitions": COUNT,
                        "replicationFactor": COUNT,
                        "retentionMs": {"type": ["integer", "null"]},
                        "records": COUNT,
                        "drift": array(STRING),
                    }
                )
            )
        }
    ),
}

_OUTCOME: Final = obj(
    {"id": STRING, "status": enum(("replayed", "valid", "refused", "not-found", "failed")), "code": INTEGER},
    {
        "reason": STRING,
        "errors": _ERRORS,
        "retriable": BOOLEAN,
        "topic": STRING,
        "partition": COUNT,
        "offset": COUNT,
    },
)
_RESULTS: Final = obj({"replayed": COUNT, "refused": COUNT, "results": array(ref("ReplayOutcome"))})
_DRY_RUN: Final = {"dryRun": {"type": "boolean", "description": "only say what would become of each"}}

_DEAD_LETTERS: Final[dict[str, Schema]] = {
    "DeadLetter": obj(
        {
            "id": STRING,
            "reason": STRING,
            "error": STRING,
            "origin": nullable(obj({"topic": STRING, "partition": COUNT, "offset": COUNT, "timestamp": INTEGER})),
            "key": {**NULLABLE_STRING, "contentEncoding": "base64"},
            "value": {**NULLABLE_STRING, "contentEncoding": "base64"},
            "headers": array(obj({"name": STRING, "value": {**NULLABLE_STRING, "contentEncoding": "base64"}})),
            "at": TIME,
        }
    ),
    "DeadLetters": obj({"deadLetters": array(ref("DeadLetter")), "next": NULLABLE_STRING, "scanned": COUNT}),
    "ReplayOutcome": _OUTCOME,
    "ReplayResults": _RESULTS,
    "ReplayById": obj(
        {"ids": array({"type": "string", "maxLength": 40}, minItems=1, maxItems=REPLAY_MAX, uniqueItems=True)},
        _DRY_RUN,
        additionalProperties=False,
    ),
    "ReplayMatching": {
        "type": "object",
        "properties": {
            "reason": enum(KNOWN_REASONS),
            "originTopic": enum(BY_NAME),
            "limit": {"type": "integer", "minimum": 1, "maximum": REPLAY_MAX},
            **_DRY_RUN,
        },
        "anyOf": [{"required": ["reason"]}, {"required": ["originTopic"]}],
        "additionalProperties": False,
    },
}

_LOG_LEVEL: Final[dict[str, Schema]] = {
    "LogLevel": obj({"level": enum(LEVELS), "configured": enum(LEVELS)}),
    "LogLevelChange": obj({"level": nullable(enum(LEVELS))}, additionalProperties=False),
}

SCHEMAS: Final[dict[str, Schema]] = {
    **_COMMON,
    **_LOG_LEVEL,
    **_INGEST,
    **_CATALOG,
    **_DEAD_LETTERS,
}
