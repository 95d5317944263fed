"""GET /: where to go from here; for a browser, the console."""

from typing import Final

from aiohttp import web

from carbon_stream.query.parameters import parameters
from carbon_stream.web.console import routes as console
from carbon_stream.web.openapi import operations
from carbon_stream.web.openapi_paths import OPERATIONS
from carbon_stream.web.problems import json_response

HAS_CONSOLE: Final = web.AppKey("has_console", bool)
"""Set where there are queries: without them a console would have nothing to show."""


def routes() -> list[web.RouteDef]:
    """The one route."""
    return [web.get("/", show_index)]


async def show_index(request: web.Request) -> web.Response:
    """The paths that can be opened as they are; the rest is in /openapi.json. HTML where that is what is asked for."""
    parameters(request, ())
    if HAS_CONSOLE in request.app and console.wants_page(request):
        return console.page(request)
    links = [path for method, path in operations(request.app) if _is_whole(method, path)]
    return json_response({"service": "carbon-stream", "links": sorted(links)}, headers={"Vary": "Accept"})


def _is_whole(method: str, path: str) -> bool:
    if method != "GET" or path == "/" or (method, path) not in OPERATIONS:
        return False
    return not any(parameter["required"] for parameter in OPERATIONS[method, path]["parameters"])
