"""/healthz, /readyz and /metrics.

Alive means that the process answers. Ready means that this address takes events and that its views are loaded: each
part of the application says what it still lacks, and a load balancer sends nothing here until nobody lacks anything.
"""

from aiohttp import web

from carbon_stream.observability import metrics
from carbon_stream.observability.exposition import CONTENT_TYPE, exposition
from carbon_stream.web.problems import json_response
from carbon_stream.web.readiness import READINESS, Readiness


def routes() -> list[web.RouteDef]:
    """Routes that find READINESS in the application."""
    return [web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", show_metrics)]


async def healthz(_: web.Request) -> web.Response:
    """The process answers."""
    return json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.Response:
    """200 when ready, 503 otherwise; both say what was checked and what is missing."""
    readiness = request.app[READINESS]
    missing = readiness.missing()
    checks = {name: missing.get(name, "ok") for name in [*readiness.names(), *missing]}
    document = {"status": "waiting" if missing else "ready", "checks": checks, "missing": missing}
    headers = {"Retry-After": "1"} if missing else None
    return json_response(document, 503 if missing else 200, headers)


async def show_metrics(_: web.Request) -> web.Response:
    """All metrics of all processes behind this port, in the Prometheus text format."""
    response = web.Response(body=exposition())
    response.headers["Content-Type"] = CONTENT_TYPE
    return response


def publish_readiness(readiness: Readiness) -> None:
    """Set the gauges that tell of readiness; called each second."""
    missing = readiness.missing()
    metrics.VIEWS_READY.set(0 if "views" in missing else 1)
