"""/openapi.json and /asyncapi.json: what there is to call, and what there is to read from Kafka.

The OpenAPI document tells of the routes that the application has, so a process that only takes events does not
promise queries.
"""

import re
from functools import cache
from importlib.metadata import version
from typing import Any, Final

import orjson
from aiohttp import web

from carbon_stream.contracts.exports import asyncapi
from carbon_stream.query.parameters import parameters
from carbon_stream.web.guard import GUARD
from carbon_stream.web.openapi_formats import format_components
from carbon_stream.web.openapi_paths import OPERATIONS
from carbon_stream.web.openapi_query_schemas import QUERY_SCHEMAS
from carbon_stream.web.openapi_schemas import SCHEMAS, event_components
from carbon_stream.web.openapi_security import schemes, secured

_REFERENCE: Final = re.compile(rb'"#/components/schemas/([A-Za-z0-9_.-]+)"')
DOCUMENT: Final = web.AppKey("openapi_document", bytes)


def routes() -> list[web.RouteDef]:
    """Routes that find DOCUMENT in the application."""
    return [web.get("/openapi.json", show_openapi), web.get("/asyncapi.json", show_asyncapi)]


async def show_openapi(request: web.Request) -> web.Response:
    """The OpenAPI document of this application."""
    parameters(request, ())
    return web.Response(body=request.app[DOCUMENT], content_type="application/json")


async def show_asyncapi(request: web.Request) -> web.Response:
    """The AsyncAPI document of the twelve topics."""
    parameters(request, ())
    return web.Response(body=_asyncapi(), content_type="application/json")


@cache
def _asyncapi() -> bytes:
    return orjson.dumps(asyncapi())


def document(application: web.Application) -> bytes:
    """The OpenAPI 3.1 document for the routes that the application has."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path in operations(application):
        if (method, path) in OPERATIONS:  # a test holds that all are
            operation = secured(application[GUARD], method, path, OPERATIONS[method, path])
            paths.setdefault(path, {})[method.lower()] = operation
    components = {**SCHEMAS, **QUERY_SCHEMAS, **event_components(), **format_components()}
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "carbon_stream",
                "version": version("carbon-stream"),
                "description": "Events of a data platform: taken in, checked, kept, folded, and asked.",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            },
            "servers": [{"url": "/"}],
            "paths": paths,
            "components": {
                "schemas": _reachable(paths, components),
                "headers": {
                    "RequestId": {
                        "description": "the request's id, as the sender gave it or as it was made up",
                        "schema": {"type": "string"},
                        "required": True,
                    }
                },
                "securitySchemes": schemes(application[GUARD]),
            },
        }
    )


def operations(application: web.Application) -> list[tuple[str, str]]:
    """Method and path of every route; HEAD comes with each GET and is not told of apart."""
    return [
        (route.method, route.resource.canonical)
        for route in application.router.routes()
        if route.resource is not None and route.method != "HEAD"
    ]


def _reachable(paths: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """The components that the paths refer to, directly or through others."""
    found: dict[str, Any] = {}
    waiting = _REFERENCE.findall(orjson.dumps(paths))
    while waiting:
        name = waiting.pop().decode()
        if name not in found:
            found[name] = components[name]
            waiting += _REFERENCE.findall(orjson.dumps(components[name]))
    return dict(sorted(found.items()))
