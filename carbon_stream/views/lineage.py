"""The lineage graph in memory: adjacency of datasets, merged over partitions when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from carbon_stream.projections.lineage import Column, newest_columns
from carbon_stream.projections.rows import Key, Row
from carbon_stream.views.compact import compact

DEPTH_MAX = 20
NODES_MAX = 1_000
"""Nodes of one answer, unless fewer are asked for."""
EDGES_MAX = 5_000
COUNTED_MAX = 10_000
"""Datasets within reach are counted up to here; beyond it the total says "at least"."""
DIRECTIONS = ("upstream", "downstream", "both")


class Edge(NamedTuple):
    """What identifies an edge, in the order in which edges are listed."""

    source: str
    target: str
    transformation_type: str
    transformation_name: str


@dataclass(frozen=True, slots=True)
class _Part:
    """The row of one partition. Columns stay encoded: most edges are walked far more often than shown."""

    count: int
    first: int
    last: int
    columns: bytes
    dropped: bool
    query: tuple[str, int, int] | None


@dataclass(slots=True)
class Reach:
    """What is within some steps of a dataset: nodes nearest first and then by name, edges as they were walked."""

    nodes: dict[str, None]
    edges: dict[Edge, None] = field(default_factory=dict)
    total: int = 1
    """Datasets within reach, those beyond the limit too; counted up to COUNTED_MAX in each direction."""
    total_is_exact: bool = True
    truncated: bool = False
    """Nodes or edges were left out."""


class LineageView:
    """The graph of all edges on the changelog of table `lineage`."""

    table = "lineage"

    def __init__(self) -> None:
        self._parts: dict[Edge, dict[int, _Part]] = {}
        self._out: dict[str, dict[str, set[Edge]]] = {}
        self._in: dict[str, dict[str, set[Edge]]] = {}

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        """Take one record of the changelog; keys of other kinds are not ours."""
        if key[0] != "edge":
            return
        edge = Edge(*(str(part) for part in key[1:]))
        if row is None:
            self._remove(edge, partition)
            return
        if edge not in self._parts:
            self._parts[edge] = {}
            self._out.setdefault(edge.source, {}).setdefault(edge.target, set()).add(edge)
            self._in.setdefault(edge.target, {}).setdefault(edge.source, set()).add(edge)
        columns = compact(row["columns"])
        query = tuple(row["query"]) if row["query"] else None
        self._parts[edge][partition] = _Part(row["count"], row["first"], row["last"], columns, row["dropped"], query)

    def clear(self, partition: int) -> None:
        """Forget everything that came from one partition of the changelog."""
        for edge in list(self._parts):
            self._remove(edge, partition)

    def _remove(self, edge: Edge, partition: int) -> None:
        parts = self._parts.get(edge)
        if parts is None or parts.pop(partition, None) is None or parts:
            return
        del self._parts[edge]
        for neighbours, one, other in ((self._out, edge.source, edge.target), (self._in, edge.target, edge.source)):
            neighbours[one][other].discard(edge)
            if not neighbours[one][other]:
                del neighbours[one][other]
            if not neighbours[one]:
                del neighbours[one]

    def __contains__(self, dataset: str) -> bool:
        return dataset in self._out or dataset in self._in

    def datasets(self) -> Iterator[str]:
        """Every dataset that has an edge."""
        yield from self._out
        yield from (dataset for dataset in self._in if dataset not in self._out)

    def edge_count(self) -> int:
        """Edges in the graph."""
        return len(self._parts)

    def upstream(self, dataset: str) -> list[str]:
        """The datasets that this one is directly made from, sorted."""
        return sorted(self._in.get(dataset, ()))

    def downstream(self, dataset: str) -> list[str]:
        """The datasets directly made from this one, sorted."""
        return sorted(self._out.get(dataset, ()))

    def reach(self, root: str, direction: str, depth: int, limit: int = NODES_MAX) -> Iterator[Reach]:
        """What is within 0, 1, … `depth` steps of a dataset: the same object, growing. Nothing if it has no edge.

        "both" is what the dataset is made from and what is made from it, not what else is made from its sources.
        Edges are those on the way: one between two datasets at the far end is `depth` + 1 steps away.
        """
        if root not in self:
            return
        maps = {"upstream": (self._in,), "downstream": (self._out,), "both": (self._in, self._out)}[direction]
        walks = [_Walk(neighbours, {root}, [root]) for neighbours in maps]
        reach = Reach({root: None})
        yield reach
        for _ in range(depth):
            for walk in walks:
                walk.step(reach, limit)
            reached = set().union(*(walk.reached for walk in walks))
            reach.total = len(reached)
            reach.total_is_exact = all(walk.exact for walk in walks)
            reach.truncated = reach.truncated or len(reached) > len(reach.nodes) or not reach.total_is_exact
            yield reach
            if not any(walk.level for walk in walks):
                return

    def edge(self, edge: Edge, columns_max: int) -> dict[str, Any] | None:
        """An edge as it is answered, merged over partitions; None if it has expired meanwhile.

        Times in ms. `columnsTruncated` says that the edge has more pairs of columns than are listed.
        """
        parts = sorted(self._parts.get(edge, {}).items())
        if not parts:
            return None
        columns, dropped = newest_columns(_columns(parts))
        shown = sorted((column[3:] for column in columns[:columns_max]), key=lambda column: (column[1], column[0]))
        queries = [(part.query[1], partition, part.query[2], part.query[0]) for partition, part in parts if part.query]
        return {
            "source": edge.source,
            "target": edge.target,
            "transformationType": edge.transformation_type,
            "transformationName": edge.transformation_name,
            "columns": [
                {"sourceColumn": source, "targetColumn": target} | ({"transformation": how} if how else {})
                for source, target, how in shown
            ],
            "columnsTruncated": len(shown) < len(columns) or dropped or any(part.dropped for _, part in parts),
            "count": sum(part.count for _, part in parts),
            "firstSeen": min(part.first for _, part in parts),
            "lastSeen": max(part.last for _, part in parts),
            "query": max(queries)[3] if queries else None,
        }


def _columns(parts: Iterable[tuple[int, _Part]]) -> Iterator[Column]:
    for partition, part in parts:
        for source, target, how, at, offset in orjson.loads(part.columns):
            yield (at, partition, offset, source, target, how)


@dataclass(slots=True)
class _Walk:
    """Breadth first in one direction."""

    neighbours: dict[str, dict[str, set[Edge]]]
    reached: set[str]
    level: list[str]
    exact: bool = True

    def step(self, reach: Reach, limit: int) -> None:
        """Go one step further, and add to `reach` what is within its limits."""
        steps = [(dataset, self.neighbours.get(dataset, {})) for dataset in self.level]
        following = sorted({neighbour for _, found in steps for neighbour in found} - self.reached)
        room = COUNTED_MAX - len(self.reached)
        if len(following) > room:
            following, self.exact = following[:room], False
        self.reached.update(following)
        self.level = following
        for dataset in following[: max(0, limit - len(reach.nodes))]:
            reach.nodes.setdefault(dataset)
        for dataset, found in steps:
            if dataset in reach.nodes:
                for neighbour in sorted(found):
                    if neighbour in reach.nodes:
                        _take_edges(reach, found[neighbour])


def _take_edges(reach: Reach, edges: set[Edge]) -> None:
    for edge in sorted(edges):
        if len(reach.edges) < EDGES_MAX:
            reach.edges.setdefault(edge)
        elif edge not in reach.edges:
            reach.truncated = True
