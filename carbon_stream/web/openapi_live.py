"""The live tail's operation: an answer that has no end of its own."""

from typing import Any, Final

from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME
from carbon_stream.live.filters import FIELDS_MAX
from carbon_stream.live.positions import ID_CHARS_MAX
from carbon_stream.live.routes import SECONDS_MAX
from carbon_stream.web.openapi_parts import REQUEST_ID, Operation, integer, problem, query
from carbon_stream.web.openapi_schemas import Schema

_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 1_024}
_SOURCES: Final[Schema] = {**_NAME, "pattern": r"^[^,\s]+$"}
_FIELD: Final[Schema] = {"type": "string", "pattern": r"^[A-Za-z_.-]{1,100}=.{0,200}$"}
_EVENTS: Final[Schema] = {
    "type": "string",
    "description": (
        "Server-sent events. Without a name: an event as it stands on its topic, with topic, partition, offset and"
        " receivedAt. `refused`: a record that is no valid event of its topic, with its reason and errors. `gap`:"
        " events are missing here, `dropped` because this reader was too slow, `skipped` because they were not looked"
        " at or are gone. An id comes by itself after what it stands for; events after it may come again."
    ),
}


def _some_of(names: Any) -> Schema:
    return {"type": "string", "enum": list(names)}


_STREAM: Final[Operation] = {
    "operationId": "streamEvents",
    "summary": "Events as they arrive, as server-sent events",
    "description": (
        "Of several filters all must hold. A comment comes when nothing else does. 503 when as many streams are open"
        " as there may be."
    ),
    "parameters": [
        query("eventType", _some_of(BY_EVENT_TYPE), "only events of this type, or of these with commas between"),
        query("topic", _some_of(BY_NAME), "only this topic, or these with commas between"),
        query("source", _SOURCES, "only events of this source, or of these with commas between"),
        query("entity", _NAME, "only events about this: what the event is keyed by"),
        query("eventId", _NAME, "only the event with this id"),
        query("correlationId", _NAME, "only events of this flow"),
        {
            **query(
                "field", {"type": "array", "items": _FIELD, "maxItems": FIELDS_MAX}, "name=value; dots lead inside"
            ),
            "explode": True,
        },
        query("seconds", integer(1, SECONDS_MAX, SECONDS_MAX), "how long the stream lasts"),
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": "^data-lineage:[0-9]{1,9}$", "maxLength": ID_CHARS_MAX},
            "description": "the last id that was received: goes on from there, where the topics still have it",
        },
    ],
    "responses": {
        "200": {
            "description": "The stream.",
            "headers": REQUEST_ID,
            "content": {"text/event-stream": {"schema": _EVENTS}},
        },
        **{str(status): problem(status) for status in (400, 500, 503)},
    },
}

LIVE_OPERATIONS: Final[dict[tuple[str, str], Operation]] = {("GET", "/v1/events/stream"): _STREAM}
