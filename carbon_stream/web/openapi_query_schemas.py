"""The shapes of what queries answer, as JSON Schema components of the OpenAPI document."""

from typing import Final

from carbon_stream.projections.audit import DIMENSIONS
from carbon_stream.projections.health import STATUSES
from carbon_stream.web.openapi_schemas import (
    BOOLEAN,
    COUNT,
    NULLABLE_STRING,
    NUMBER_OR_NULL,
    STRING,
    TIME,
    TIME_OR_NULL,
    Schema,
    array,
    enum,
    obj,
    ref,
)

_STATUS: Final = enum(STATUSES)
_QUANTILES: Final = obj(dict.fromkeys(("p50", "p95", "p99"), NUMBER_OR_NULL))
_WINDOWS: Final = obj(dict.fromkeys(("5m", "1h", "24h"), NUMBER_OR_NULL))

_AUDIT: Final[dict[str, Schema]] = {
    "AuditGroup": obj(
        {
            "key": STRING,
            "count": COUNT,
            "results": obj(dict.fromkeys(("SUCCESS", "FAILURE", "DENIED"), COUNT)),
            "statusClasses": {"type": "object", "additionalProperties": COUNT},
            "latencyMs": {"anyOf": [_QUANTILES, {"type": "null"}]},
            "lastSeen": TIME,
        },
        {"overflow": {"const": True, "description": "stands for entities that were too many to be counted apart"}},
    ),
    "AuditSummary": obj(
        {
            "by": enum(DIMENSIONS),
            "from": TIME,
            "to": TIME,
            "resolution": enum(("minute", "hour", "day")),
            "asOf": TIME,
            "total": COUNT,
            "groups": array(ref("AuditGroup")),
            "omitted": COUNT,
        }
    ),
    "AuditEvents": obj(
        {
            "events": array(
                obj(
                    {"eventType": STRING, "source": STRING, "topic": STRING, "partition": COUNT, "offset": COUNT},
                    description="the event as it stands on its topic, and where that is",
                )
            ),
            "next": NULLABLE_STRING,
            "scanned": COUNT,
            "skipped": COUNT,
        }
    ),
}

_SERVICE: Final = {
    "namespace": STRING,
    "service": STRING,
    "status": _STATUS,
    "since": TIME,
    "lastSeen": TIME,
    "availability": _WINDOWS,
    "errorRate": _WINDOWS,
    "latencyMs": _QUANTILES,
    "events": COUNT,
}

_HEALTH: Final[dict[str, Schema]] = {
    "ServiceHealth": obj(_SERVICE, {"lastDeployment": {"type": "object"}}),
    "Services": obj({"asOf": TIME, "services": array(ref("ServiceHealth")), "omitted": COUNT}),
    "ServiceDetail": {
        "allOf": [
            ref("ServiceHealth"),
            obj(
                {
                    "asOf": TIME,
                    "silenceMs": COUNT,
                    "lastReport": {"type": ["object", "null"]},
                    "transitions": array(obj({"at": TIME, "from": _STATUS, "to": _STATUS})),
                    "deployments": array({"type": "object"}),
                    "configChanges": array({"type": "object"}),
                }
            ),
        ]
    },
    "Namespaces": obj(
        {
            "asOf": TIME,
            "namespaces": array(
                obj(
                    {
                        "namespace": STRING,
                        "status": _STATUS,
                        "services": COUNT,
                        "counts": {"type": "object", "additionalProperties": COUNT},
                    }
                )
            ),
        }
    ),
}

_GRAPH: Final[dict[str, Schema]] = {
    "Edge": obj(
        {
            "source": STRING,
            "target": STRING,
            "transformationType": STRING,
            "transformationName": STRING,
            "columns": array(obj({"sourceColumn": STRING, "targetColumn": STRING}, {"transformation": STRING})),
            "columnsTruncated": BOOLEAN,
            "count": COUNT,
            "firstSeen": TIME,
            "lastSeen": TIME,
            "query": NULLABLE_STRING,
        }
    ),
    "Lineage": obj(
        {
            "asOf": TIME,
            "root": STRING,
            "direction": enum(("upstream", "downstream", "both")),
            "depth": COUNT,
            "nodes": array(obj({"id": STRING, "type": STRING})),
            "edges": array(ref("Edge")),
            "truncated": BOOLEAN,
            "totalNodes": COUNT,
            "totalNodesIsAtLeast": BOOLEAN,
        }
    ),
    "Datasets": obj(
        {
            "asOf": TIME,
            "datasets": array(obj({"name": STRING, "upstream": COUNT, "downstream": COUNT})),
            "omitted": COUNT,
        }
    ),
    "Dataset": obj(
        {
            "asOf": TIME,
            "dataset": STRING,
            "ingestion": obj({"last": {"type": ["object", "null"]}, "recordCount24h": COUNT, "runs": COUNT}),
            "quality": obj(
                {"checks": array(obj({"checkName": STRING, "result": STRING, "score": NUMBER_OR_NULL, "at": TIME}))}
            ),
            "transformations": array(obj({"job": STRING, "at": TIME})),
            "upstream": array(STRING),
            "downstream": array(STRING),
            "neighboursOmitted": COUNT,
            "access": obj(
                {"lastRead": TIME_OR_NULL, "lastWrite": TIME_OR_NULL, "users": COUNT, "usersIsAtLeast": BOOLEAN}
            ),
        }
    ),
}

_EVENTS: Final[dict[str, Schema]] = {
    "Flow": obj(
        {
            "asOf": TIME,
            "everyMs": COUNT,
            "windowMs": COUNT,
            "topics": array(
                obj(
                    {
                        "name": STRING,
                        "group": STRING,
                        "eventType": STRING,
                        "perSecond": {"type": "number", "minimum": 0},
                        "series": array({"type": "number", "minimum": 0}),
                        **dict.fromkeys(("applied", "duplicate", "dead", "late", "skewed", "deadLately", "lag"), COUNT),
                    }
                )
            ),
        }
    ),
    "Story": obj(
        {
            "events": array(obj({"topic": STRING, "partition": COUNT, "offset": COUNT, "receivedAt": TIME})),
            "scanned": COUNT,
            "complete": BOOLEAN,
            "reachMs": {"type": ["integer", "null"], "description": "looked at so long before and after; null: all"},
        }
    ),
}

QUERY_SCHEMAS: Final[dict[str, Schema]] = {**_EVENTS, **_AUDIT, **_HEALTH, **_GRAPH}
