"""Every operation of the HTTP interface: parameters, bodies, and each status with its shape."""

from typing import Any, Final

from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME
from carbon_stream.dead_letters.reader import CURSOR_CHARS_MAX, CURSOR_PATTERN
from carbon_stream.ingest.formats.native import JSON
from carbon_stream.projections.audit import DIMENSIONS
from carbon_stream.projections.health import STATUSES
from carbon_stream.query import audit as audit_query
from carbon_stream.query import datasets as datasets_query
from carbon_stream.query import health as health_query
from carbon_stream.query import lineage as lineage_query
from carbon_stream.query.audit_search import CURSOR_CHARS_MAX as CURSOR_CHARS
from carbon_stream.query.audit_search import EVENT_TYPES, RESULTS
from carbon_stream.views.lineage import DEPTH_MAX, DIRECTIONS, NODES_MAX
from carbon_stream.web.console.routes import console_files
from carbon_stream.web.dead_letters import KNOWN_REASONS, PAGE_DEFAULT, PAGE_MAX
from carbon_stream.web.openapi_ingest import INGEST_OPERATIONS
from carbon_stream.web.openapi_live import LIVE_OPERATIONS
from carbon_stream.web.openapi_parts import REQUEST_ID, RETRY_AFTER, Operation, get, integer, ok, path, problem, query
from carbon_stream.web.openapi_schemas import Schema, enum, ref

METRICS_TEXT: Final = "text/plain"
NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 1_024}
LONG_NAME: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": audit_query.NAME_CHARS_MAX}
MOMENT: Final[Schema] = {
    "description": "RFC 3339 with its zone, or milliseconds since the epoch",
    "anyOf": [
        {"type": "integer", "minimum": 100_000_000_000, "maximum": 253_402_300_799_999},
        {"type": "integer", "const": 0},
        {"type": "string", "format": "date-time"},
    ],
}

_LOADING: Final = (503,)
_REPLAY: Final[Operation] = {
    "operationId": "replayDeadLetters",
    "summary": "Try dead letters again: those that would be taken today",
    "description": "Give ids, or a reason or an originTopic for the newest letters that match. Replaying counts once.",
    "parameters": [],
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"oneOf": [ref("ReplayById"), ref("ReplayMatching")]}}},
    },
    "responses": {
        "200": ok(ref("ReplayResults"), "What became of each; its code is what the status would be for it alone."),
        **{str(status): problem(status) for status in (400, 403, 408, 413, 415, 500, 503)},
    },
}

_LOG_LEVEL: Final[Operation] = {
    "operationId": "changeLogLevel",
    "summary": "Log from another level on, in all processes behind this port",
    "description": "At once in the process that answers, within a second in the others, until it is changed again or"
    " they are started anew; null is what the settings say. No payload is logged at any level.",
    "parameters": [],
    "requestBody": {"required": True, "content": {JSON: {"schema": ref("LogLevelChange")}}},
    "responses": {
        "200": ok(ref("LogLevel")),
        **{str(status): problem(status) for status in (400, 403, 408, 413, 415, 500)},
    },
}

_INDEX: Final[dict[str, Any]] = {
    **ok(ref("Index")),
    "content": {JSON: {"schema": ref("Index")}, "text/html": {"schema": {"type": "string"}}},
}

OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/"): get("showIndex", "What can be opened; for browsers, the console", _INDEX),
    ("GET", "/console/{file}"): get(
        "showConsoleFile",
        "A file of the console",
        {
            "description": "The file.",
            "headers": REQUEST_ID,
            "content": {
                kind: {"schema": {}} for kind in sorted({file.content_type for file in console_files().values()})
            },
        },
        [path("file", {"type": "string", "minLength": 1, "examples": ["app.js"]}, "its name")],
        (404,),
    ),
    ("GET", "/healthz"): get("healthz", "Whether the process is alive", ok(ref("Alive"))),
    ("GET", "/readyz"): {
        **get("readyz", "Whether this address takes events and its views are loaded", ok(ref("Readiness"))),
    },
    ("GET", "/metrics"): get(
        "showMetrics", "All metrics, in the Prometheus text format", ok({"type": "string"}, media_type=METRICS_TEXT)
    ),
    ("GET", "/openapi.json"): get("showOpenapi", "This document", ok({"type": "object"})),
    ("GET", "/asyncapi.json"): get("showAsyncapi", "The topics and their messages", ok({"type": "object"})),
    **INGEST_OPERATIONS,
    **LIVE_OPERATIONS,
    ("GET", "/v1/types"): get("listTypes", "All event types", ok(ref("Types"))),
    ("GET", "/v1/types/{eventType}"): get(
        "showType",
        "One event type with its JSON Schema and an example",
        ok(ref("Type")),
        [path("eventType", {"type": "string", "minLength": 1, "examples": list(BY_EVENT_TYPE)}, "the event type")],
        (404,),
    ),
    ("GET", "/v1/topics"): get("listTopics", "The topics as the brokers have them", ok(ref("Topics")), (), (503,)),
    ("GET", "/v1/audit/summary"): get(
        "showAuditSummary",
        "Audited events counted by one dimension, the largest groups first",
        ok(ref("AuditSummary")),
        [
            query("by", {**enum(DIMENSIONS), "default": "user"}, "what to count by"),
            query("from", MOMENT, "the beginning; 24 hours before the end unless given"),
            query("to", MOMENT, "the end; now unless given"),
            query("limit", integer(1, audit_query.GROUPS_MAX, audit_query.GROUPS), "the most groups in the answer"),
        ],
        _LOADING,
    ),
    ("GET", "/v1/audit/events"): get(
        "listAuditEvents",
        "The audited events themselves, newest first",
        ok(ref("AuditEvents")),
        [
            *(
                query(name, LONG_NAME, f"only events of this {name}")
                for name in ("user", "service", "action", "resource")
            ),
            query("result", enum(RESULTS), "only events with this result"),
            query("eventType", enum(EVENT_TYPES), "only events of this type"),
            query("eventId", NAME, "only events with this id"),
            query("correlationId", NAME, "only events of this flow"),
            query("from", MOMENT, "only events of this time and later"),
            query("to", MOMENT, "only events before this time"),
            query("limit", integer(1, audit_query.EVENTS_MAX, audit_query.EVENTS), "the most events in the answer"),
            query("cursor", {"type": "string", "minLength": 1, "maxLength": CURSOR_CHARS}, "next of the page before"),
        ],
        (404, 409, 503),
    ),
    ("GET", "/v1/health/services"): get(
        "listServices",
        "The services' health",
        ok(ref("Services")),
        [
            query("namespace", NAME, "only services of this namespace"),
            query("status", enum(STATUSES), "only services that have this status"),
            query(
                "limit",
                integer(1, health_query.SERVICES_LISTED_MAX, health_query.SERVICES_LISTED),
                "the most services that are listed; omitted counts the others",
            ),
        ],
        _LOADING,
    ),
    ("GET", "/v1/health/services/{namespace}/{service}"): get(
        "showService",
        "One service's health with its recent transitions",
        ok(ref("ServiceDetail")),
        [path("namespace", NAME, "the namespace"), path("service", NAME, "the service")],
        (404, *_LOADING),
    ),
    ("GET", "/v1/health/namespaces"): get(
        "listNamespaces", "The worst status of each namespace", ok(ref("Namespaces")), (), _LOADING
    ),
    ("GET", "/v1/lineage"): get(
        "showLineage",
        "What a dataset is made from, and what is made from it",
        ok(ref("Lineage")),
        [
            query("dataset", NAME, "where to begin", required=True),
            query("direction", {**enum(DIRECTIONS), "default": "both"}, "which way to go"),
            query("depth", integer(1, DEPTH_MAX, lineage_query.DEPTH), "how many steps"),
            query("limit", integer(1, NODES_MAX, NODES_MAX), "the most datasets in the answer"),
        ],
        (404, *_LOADING),
    ),
    ("GET", "/v1/flow"): get(
        "showFlow", "How much comes on each topic, and what becomes of it", ok(ref("Flow")), (), _LOADING
    ),
    ("GET", "/v1/events/story"): get(
        "showStory",
        "An event with its flow, what caused it and what it caused, oldest first",
        ok(ref("Story")),
        [
            query("id", NAME, "an event's id, or that of a flow (correlationId)", required=True),
            query("correlationId", NAME, "the event's flow, where it is known: saves a look for it"),
            query(
                "around",
                MOMENT,
                "a time of the story: six hours before and after it are looked at, or less where there is much",
            ),
        ],
        (503,),
    ),
    ("GET", "/v1/datasets"): get(
        "listDatasets",
        "Datasets by name",
        ok(ref("Datasets")),
        [
            query("contains", NAME, "only those with this in their name, in whatever case"),
            query("limit", integer(1, datasets_query.LISTED_MAX, datasets_query.LISTED), "the most that are listed"),
        ],
        _LOADING,
    ),
    ("GET", "/v1/datasets/{name}"): get(
        "showDataset",
        "Everything that is known of a dataset",
        ok(ref("Dataset")),
        [path("name", NAME, "the dataset's name; its slashes may stay as they are")],
        (404, *_LOADING),
    ),
    ("GET", "/v1/dead-letters"): get(
        "listDeadLetters",
        "What was refused and why, newest first",
        ok(ref("DeadLetters")),
        [
            query("limit", integer(1, PAGE_MAX, PAGE_DEFAULT), "the most letters in the answer"),
            query(
                "cursor",
                {"type": "string", "pattern": CURSOR_PATTERN, "maxLength": CURSOR_CHARS_MAX},
                "next of the page before",
            ),
            query("reason", enum(KNOWN_REASONS), "only those refused for this reason"),
            query("originTopic", enum(BY_NAME), "only those that were on this topic"),
        ],
        (503,),
    ),
    ("POST", "/v1/dead-letters/replay"): _REPLAY,
    ("GET", "/v1/log-level"): get("showLogLevel", "What the processes behind this port log", ok(ref("LogLevel"))),
    ("PUT", "/v1/log-level"): _LOG_LEVEL,
}
OPERATIONS["GET", "/readyz"]["responses"]["503"] = {
    "description": "Not ready; the answer says what is missing.",
    "headers": RETRY_AFTER,
    "content": {JSON: {"schema": ref("Readiness")}},
}
