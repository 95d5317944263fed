"""GET /v1/flow: how much comes on each topic, and what becomes of it."""

from __future__ import annotations

from aiohttp import web

from carbon_stream.query.answers import AS_OF, json_answer
from carbon_stream.query.parameters import parameters
from carbon_stream.views.flow import EVERY_S, Flow
from carbon_stream.views.freshness import SOURCES

FLOW = web.AppKey("flow", Flow)


def routes() -> list[web.RouteDef]:
    """Needs FLOW and AS_OF in the application."""
    return [web.get("/v1/flow", show_flow)]


async def show_flow(request: web.Request) -> web.Response:
    """Rates and counts by topic; the series cover `windowMs`, five minutes at most."""
    parameters(request, ())
    as_of = min(request.app[AS_OF](table) for table in SOURCES)
    flow = request.app[FLOW]
    return json_answer(
        {"asOf": as_of, "everyMs": int(EVERY_S * 1000), "windowMs": flow.window_ms(), "topics": flow.topics()}
    )
