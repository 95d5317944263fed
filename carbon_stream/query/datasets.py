"""GET /v1/datasets/{name}: everything that is known of one dataset."""

from __future__ import annotations

from itertools import chain

from aiohttp import web

from carbon_stream.query.answers import AS_OF, in_slices, json_answer, unknown
from carbon_stream.query.lineage import LINEAGE_VIEW
from carbon_stream.query.parameters import integer, parameters, text
from carbon_stream.views.datasets import AccessView, DatasetsView

DATASETS_VIEW = web.AppKey("datasets_view", DatasetsView)
ACCESS_VIEW = web.AppKey("access_view", AccessView)
NEIGHBOURS_MAX = 1_000
LISTED = 100
LISTED_MAX = 1_000


def routes() -> list[web.RouteDef]:
    """Needs DATASETS_VIEW, ACCESS_VIEW, LINEAGE_VIEW and AS_OF in the application."""
    return [web.get("/v1/datasets", list_datasets), web.get("/v1/datasets/{name:.+}", show_dataset)]


async def list_datasets(request: web.Request) -> web.Response:
    """Datasets by name, those with `contains` somewhere in it; `omitted` counts those over `limit`."""
    given = parameters(request, ("contains", "limit"))
    contains = (text(given, "contains") or "").casefold()
    limit = integer(given, "limit", default=LISTED, least=1, most=LISTED_MAX)
    view, access, lineage = request.app[DATASETS_VIEW], request.app[ACCESS_VIEW], request.app[LINEAGE_VIEW]
    tables = (DatasetsView.table, AccessView.table, lineage.table)
    as_of = min(request.app[AS_OF](table) for table in tables)
    known = dict.fromkeys(chain(view.datasets(), access.datasets(), lineage.datasets()))
    names = sorted(await in_slices(name for name in known if contains in name.casefold()))
    listed = [
        {"name": name, "upstream": len(lineage.upstream(name)), "downstream": len(lineage.downstream(name))}
        for name in names[:limit]
    ]
    return json_answer({"asOf": as_of, "datasets": listed, "omitted": len(names) - len(listed)})


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
