"""The operations of the way in: POST of events, and of what the sources with a route of their own send."""

from typing import Any, Final

from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.exports import example
from carbon_stream.ingest.formats.cloudevents_modes import BATCH, STRUCTURED
from carbon_stream.ingest.formats.native import JSON, NDJSON
from carbon_stream.web.openapi_parts import REQUEST_ID, Operation, ok, problem
from carbon_stream.web.openapi_schemas import array, ref

_PREFER: Final = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string", "examples": ["handling=strict"]},
    "description": "handling=strict (RFC 7240) refuses a batch as a whole when one of its events is not valid",
    "required": False,
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "pattern": "^[ -~]{1,255}$", "examples": ["8e03978e-40d5-43e8-bc93-6894a57f9324"]},
    "description": (
        "names the request: sent again with the same key and content it is answered as before, events without an"
        " eventId get the same ones; with other content it is refused (422)"
    ),
    "required": False,
}
_EVENT_EXAMPLES: Final = {name: {"value": example(name)} for name in BY_EVENT_TYPE}
_RECEIPTS: Final[dict[str, Any]] = {
    "202": ok(ref("Receipts"), "Taken: each event has its receipt."),
    **{str(status): problem(status) for status in (400, 408, 500)},
    "413": problem(413, "ProblemPerhapsWithReceipts"),
    "415": problem(415),
    "422": problem(422, "ProblemPerhapsWithReceipts"),
    "503": problem(503, "ProblemPerhapsWithReceipts"),
}

_POST_EVENTS: Final[Operation] = {
    "operationId": "postEvents",
    "summary": "Take events: one, an array, or NDJSON (a JSON event a line)",
    "description": (
        "The body may be compressed (Content-Encoding: gzip, deflate, zstd or br). A CloudEvent in binary mode has"
        " its attributes in ce- headers and its data as the body. Receipts come in the order of the events. 202 when"
        " any event was taken and none is left that should be sent again, 503 with receipts when one is, 422 when none"
        " was valid. A lost answer is settled by sending the same eventId again (a duplicate), or the whole request"
        " under its Idempotency-Key. Another event under the same source and eventId is rejected as a conflict."
    ),
    "parameters": [_PREFER, _KEY],
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"oneOf": [ref("Event"), array(ref("Event"), minItems=1)]}, "examples": _EVENT_EXAMPLES},
            NDJSON: {"schema": {"type": "string", "description": "one event a line"}},
            STRUCTURED: {"schema": ref("CloudEvent")},
            BATCH: {"schema": array(ref("CloudEvent"), minItems=1)},
        },
    },
    "responses": _RECEIPTS,
}

_POST_KONG: Final[Operation] = {
    "operationId": "postKongEntries",
    "summary": "Take entries of Kong's http-log plugin: one, an array, or a line each",
    "description": (
        "Each becomes an AuditAPICallEvent, without credentials, and with secrets in URLs and headers redacted."
        " Entries about requests to our own ingest are skipped. Answers are those of POST /v1/events."
    ),
    "parameters": [_PREFER, _KEY],
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"oneOf": [ref("KongEntry"), array(ref("KongEntry"), minItems=1)]}},
            NDJSON: {"schema": {"type": "string", "description": "one entry a line"}},
        },
    },
    "responses": _RECEIPTS,
}

_POST_LINEAGE: Final[Operation] = {
    "operationId": "postLineage",
    "summary": "Take one event of OpenLineage",
    "description": "Mapped to lineage, transformation, ingestion and quality events; all of them are taken, or none.",
    "parameters": [],
    "requestBody": {"required": True, "content": {JSON: {"schema": ref("OpenLineageEvent")}}},
    "responses": {
        "201": {"description": "Taken; the answer is empty.", "headers": REQUEST_ID},
        **{str(status): problem(status) for status in (400, 408, 413, 415, 500, 503)},
        "422": problem(422, "ProblemWithErrors"),
    },
}

_POST_LINEAGE_BATCH: Final[Operation] = {
    "operationId": "postLineageBatch",
    "summary": "Take an array of events of OpenLineage",
    "description": (
        "200 with a summary, and which events failed, by index. 503 with the same members when any should be sent"
        " again (repeats of the others are recognised), 422 when none was valid."
    ),
    "parameters": [],
    "requestBody": {"required": True, "content": {JSON: {"schema": array(ref("OpenLineageEvent"))}}},
    "responses": {
        "200": ok(ref("LineageSummary"), "Taken, but for what failed_events names."),
        **{str(status): problem(status) for status in (400, 408, 413, 415, 500, 503)},
        "422": problem(422, "ProblemWithSummary"),
    },
}

INGEST_OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("POST", "/v1/events"): _POST_EVENTS,
    ("POST", "/v1/sources/kong"): _POST_KONG,
    ("POST", "/api/v1/lineage"): _POST_LINEAGE,
    ("POST", "/api/v1/lineage/batch"): _POST_LINEAGE_BATCH,
}
