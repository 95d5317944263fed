"""What operations are described with: parameters, and answers with their shapes."""

from collections.abc import Iterable
from typing import Any, Final

from carbon_stream.ingest.formats.native import JSON
from carbon_stream.web.openapi_schemas import Schema, ref

Operation = dict[str, Any]

PROBLEM_JSON: Final = "application/problem+json"

REQUEST_ID: Final = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
RETRY_AFTER: Final = {**REQUEST_ID, "Retry-After": {"schema": {"type": "integer", "minimum": 0}, "required": True}}
_TITLES: Final = {
    400: "The request is not understood.",
    401: "The credential is missing, wrong or expired.",
    403: "The caller does not have the role that this needs, or the call is switched off.",
    404: "There is no such thing.",
    408: "The body did not come in time.",
    409: "The cursor belongs to a search with other parameters.",
    413: "The body, an event or the batch is larger than this service takes.",
    415: "The body's media type or encoding is not one of those that are taken.",
    422: "Nothing of it is valid; the document says why.",
    500: "An error of the service.",
    503: "It cannot be done now; try again after the given time.",
}


def integer(least: int, most: int, default: int) -> Schema:
    """A whole number within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most, "default": default}


def query(name: str, schema: Schema, description: str, *, required: bool = False) -> dict[str, Any]:
    """A query parameter."""
    return {"name": name, "in": "query", "schema": schema, "description": description, "required": required}


def path(name: str, schema: Schema, description: str) -> dict[str, Any]:
    """A path parameter; it is percent-encoded."""
    return {"name": name, "in": "path", "schema": schema, "description": description, "required": True}


def problem(status: int, schema: str = "Problem") -> dict[str, Any]:
    """A problem document as an answer."""
    return {
        "description": _TITLES[status],
        "headers": RETRY_AFTER if status == 503 else REQUEST_ID,
        "content": {PROBLEM_JSON: {"schema": ref(schema)}},
    }


def ok(schema: Schema, description: str = "The answer.", media_type: str = JSON) -> dict[str, Any]:
    """An answer as hoped for."""
    return {"description": description, "headers": REQUEST_ID, "content": {media_type: {"schema": schema}}}


def get(
    operation_id: str,
    summary: str,
    answer: dict[str, Any],
    parameters: Iterable[dict[str, Any]] = (),
    problems: Iterable[int] = (),
) -> Operation:
    """A GET operation; 400 (a parameter that is not known, at least) and 500 are always among its answers."""
    statuses = sorted({400, 500, *problems})
    return {
        "operationId": operation_id,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": answer, **{str(status): problem(status) for status in statuses}},
    }
