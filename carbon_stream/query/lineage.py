"""GET /v1/lineage: what a dataset is made from, and what is made from it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web

from carbon_stream.query.answers import AS_OF, in_slices, json_answer, unknown
from carbon_stream.query.parameters import choice, integer, parameters, refused, text
from carbon_stream.views.lineage import DEPTH_MAX, DIRECTIONS, NODES_MAX, LineageView, Reach

LINEAGE_VIEW = web.AppKey("lineage_view", LineageView)
DEPTH = 3
COLUMNS_MAX = 20_000
"""Pairs of columns in one answer; edges that come after have fewer or none, and say so."""


def routes() -> list[web.RouteDef]:
    """Needs LINEAGE_VIEW and AS_OF in the application."""
    return [web.get("/v1/lineage", show_lineage)]


async def show_lineage(request: web.Request) -> web.Response:
    """The graph within `depth` steps of `dataset`, upstream, downstream or (as unless said otherwise) both."""
    given = parameters(request, ("dataset", "direction", "depth", "limit"))
    dataset = text(given, "dataset")
    if dataset is None:
        raise refused("dataset", "is needed")
    direction = choice(given, "direction", DIRECTIONS) or "both"
    depth = integer(given, "depth", default=DEPTH, least=1, most=DEPTH_MAX)
    limit = integer(given, "limit", default=NODES_MAX, least=1, most=NODES_MAX)
    view, as_of = request.app[LINEAGE_VIEW], request.app[AS_OF](LineageView.table)
    steps = await in_slices(view.reach(dataset, direction, depth, limit))
    if not steps:
        raise await unknown("dataset", dataset, view.datasets())
    reach = steps[-1]
    edges = await in_slices(_edges(view, reach))
    return json_answer(
        {
            "asOf": as_of,
            "root": dataset,
            "direction": direction,
            "depth": depth,
            "nodes": [{"id": node, "type": "dataset"} for node in reach.nodes],
            "edges": edges,
            "truncated": reach.truncated,
            "totalNodes": reach.total,
            "totalNodesIsAtLeast": not reach.total_is_exact,
        }
    )


def _edges(view: LineageView, reach: Reach) -> Iterator[dict[str, Any]]:
    room = COLUMNS_MAX
    for edge in reach.edges:
        found = view.edge(edge, room)
        if found is not None:
            room -= len(found["columns"])
            yield found
