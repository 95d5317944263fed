"""What every answer goes through, whatever its handler: counted, with the headers that all have, and a problem document
where something went wrong.
"""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from carbon_stream.observability import counting
from carbon_stream.observability.logging import log_context
from carbon_stream.web.problems import problem_of, put_headers
from carbon_stream.web.readiness import READINESS

__all__ = ["answered", "route_of"]


@web.middleware
async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One middleware for all of it, since each costs every request something. So does aiohttp's signal for headers."""
    began = time.perf_counter()
    with log_context():
        try:
            response = await handler(request)
        except Exception as error:  # noqa: BLE001 - what is nobody's to answer is raised again
            if isinstance(error, web.HTTPException):
                put_headers(request, error)
            response = problem_of(request, error)
        if not response.prepared:  # a stream has put them itself, before its first byte
            put_headers(request, response)
            if request.app[READINESS].draining:
                response.force_close()  # `Connection: close`: who keeps connections takes the next request elsewhere
    counting.observe_request(request.method, route_of(request), response.status, time.perf_counter() - began)
    return response


def route_of(request: web.Request) -> str | None:
    """The pattern that the request's path has matched, if any."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else None
