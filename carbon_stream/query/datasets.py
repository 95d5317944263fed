"""GET /v1/datasets/{name}: everything that is known of one dataset."""

from __future__ import annotations

from itertools import chain

from aiohttp import web

from carbon_stream.query.answers import AS_OF, json_answer, unknown
from carbon_stream.query.lineage import LINEAGE_VIEW
from carbon_stream.query.parameters import parameters
from carbon_stream.views.datasets import AccessView, DatasetsView

DATASETS_VIEW = web.AppKey("datasets_view", DatasetsView)
ACCESS_VIEW = web.AppKey("access_view", AccessView)
NEIGHBOURS_MAX = 1_000


def routes() -> list[web.RouteDef]:
    """Needs DATASETS_VIEW, ACCESS_VIEW, LINEAGE_VIEW and AS_OF in the application."""
    return [web.get("/v1/datasets/{name:.+}", show_dataset)]


async def show_dataset(request: web.Request) -> web.Response:
    """One dataset. Its name may hold slashes, percent-encoded or as they are."""
    parameters(request, ())
    name = request.match_info["name"]
    view, access, lineage = request.app[DATASETS_VIEW], request.app[ACCESS_VIEW], request.app[LINEAGE_VIEW]
    if name not in view and name not in access and name not in lineage:
        known = chain(view.datasets(), access.datasets(), lineage.datasets())
        raise await unknown("dataset", name, dict.fromkeys(known))
    tables = (DatasetsView.table, AccessView.table, lineage.table)
    as_of = min(request.app[AS_OF](table) for table in tables)
    upstream, downstream = lineage.upstream(name), lineage.downstream(name)
    return json_answer(
        {
            "asOf": as_of,
            "dataset": name,
            "ingestion": view.ingestion(name, as_of),
            "quality": {"checks": view.checks(name)},
            "transformations": view.transformations(name),
            "upstream": upstream[:NEIGHBOURS_MAX],
            "downstream": downstream[:NEIGHBOURS_MAX],
            "neighboursOmitted": max(0, len(upstream) - NEIGHBOURS_MAX) + max(0, len(downstream) - NEIGHBOURS_MAX),
            "access": access.access(name),
        }
    )
