"""GET /v1/health/services, /v1/health/services/{namespace}/{service} and /v1/health/namespaces."""

from __future__ import annotations

from aiohttp import web

from carbon_stream.projections.health import STATUSES
from carbon_stream.query.answers import AS_OF, in_slices, json_answer, unknown
from carbon_stream.query.parameters import choice, integer, parameters, text
from carbon_stream.views.health import HealthView, by_namespace

HEALTH_VIEW = web.AppKey("health_view", HealthView)
SERVICES_LISTED = 1_000
SERVICES_LISTED_MAX = 10_000


def routes() -> list[web.RouteDef]:
    """Needs HEALTH_VIEW and AS_OF in the application."""
    return [
        web.get("/v1/health/services", list_services),
        web.get("/v1/health/services/{namespace}/{service}", show_service),
        web.get("/v1/health/namespaces", list_namespaces),
    ]


async def list_services(request: web.Request) -> web.Response:
    """Services by namespace and name, filtered by `namespace` and `status`; `omitted` counts those over `limit`."""
    given = parameters(request, ("namespace", "status", "limit"))
    namespace, status = text(given, "namespace"), choice(given, "status", STATUSES)
    limit = integer(given, "limit", default=SERVICES_LISTED, least=1, most=SERVICES_LISTED_MAX)
    view, as_of = request.app[HEALTH_VIEW], request.app[AS_OF](HealthView.table)
    names = [name for name in view.services() if namespace in (None, name[0])]
    if status is not None:
        having = await in_slices(view.statuses(names, as_of))
        names = [name for name, found in having if found == status]
    services = await in_slices(view.summary(name, as_of) for name in names[:limit])
    return json_answer(
        {
            "asOf": as_of,
            "services": [service for service in services if service is not None],
            "omitted": max(0, len(names) - limit),
        }
    )


async def show_service(request: web.Request) -> web.Response:
    """One service with its recent transitions, deployments and configuration changes."""
    parameters(request, ())
    namespace, service = request.match_info["namespace"], request.match_info["service"]
    view, as_of = request.app[HEALTH_VIEW], request.app[AS_OF](HealthView.table)
    found = view.detail((namespace, service), as_of)
    if found is None:
        raise await unknown("service", f"{namespace}/{service}", ("/".join(name) for name in view.services()))
    return json_answer({"asOf": as_of, **found})


async def list_namespaces(request: web.Request) -> web.Response:
    """The worst status of each namespace, and how many of its services have which."""
    parameters(request, ())
    view, as_of = request.app[HEALTH_VIEW], request.app[AS_OF](HealthView.table)
    statuses = await in_slices(view.statuses(view.services(), as_of))
    return json_answer({"asOf": as_of, "namespaces": by_namespace(statuses)})
