"""The graph that views show is the one that the events tell, in any partitions, order and batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import lineage
from carbon_stream.projections.rows import Entry, MemoryRows
from carbon_stream.views.lineage import Edge, LineageView

BASE = 1_760_000_000_000
DECODE = decoder("data-lineage")
DATASETS = tuple("abcdef")


class Sight(NamedTuple):
    source: str
    target: str
    kind: str
    name: str
    columns: tuple[tuple[str, str, str | None], ...]
    query: str | None
    at: int
    partition: int = 0


SIGHTS = st.builds(
    Sight,
    source=st.sampled_from(DATASETS),
    target=st.sampled_from(DATASETS),
    kind=st.sampled_from(["COPY", "JOIN"]),
    name=st.sampled_from(["nightly", "hourly"]),
    columns=st.lists(
        st.tuples(st.sampled_from("xyz"), st.sampled_from("xyz"), st.sampled_from([None, "upper", "sum"])), max_size=3
    ).map(tuple),
    query=st.sampled_from([None, "select 1", "select 2"]),
    at=st.integers(BASE, BASE + 20),
    partition=st.integers(0, 2),
)


def entry(sight: Sight, offset: int) -> Entry:
    event = {
        "eventType": "DataLineageEvent",
        "source": "spark",
        "sourceDataset": sight.source,
        "targetDataset": sight.target,
        "transformationType": sight.kind,
        "transformationName": sight.name,
        "query": sight.query,
        "columns": [{"sourceColumn": s, "targetColumn": t, "transformation": how} for s, t, how in sight.columns],
    }
    return Entry(DECODE(orjson.dumps(event)), sight.at, "data-lineage", sight.partition, offset, BASE + 100)


def folded(sights: Sequence[Sight], cuts: Sequence[int]) -> LineageView:
    view = LineageView()
    for partition in range(3):
        rows = MemoryRows()
        mine = [entry(s, n) for n, s in enumerate(s for s in sights if s.partition == partition)]
        ends = sorted({*(cut % (len(mine) + 1) for cut in cuts), len(mine)})
        for start, end in zip([0, *ends], ends, strict=False):
            if mine[start:end]:
                lineage.fold(rows, "data-lineage", mine[start:end])
        for key, row in rows.rows.items():
            view.apply(partition, tuple(orjson.loads(orjson.dumps(key))), orjson.loads(orjson.dumps(row)))
    return view


def expected_edge(edge: Edge, sights: Sequence[Sight]) -> dict[str, Any]:
    mine = [s for s in sights if (s.source, s.target, s.kind, s.name) == edge]
    in_order = sorted(mine, key=lambda s: (s.at, s.partition))
    columns = {(t, s): how for sight in in_order for s, t, how in sight.columns}
    queries = [sight.query for sight in in_order if sight.query]
    return {
        "source": edge.source,
        "target": edge.target,
        "transformationType": edge.transformation_type,
        "transformationName": edge.transformation_name,
        "columns": [
            {"sourceColumn": s, "targetColumn": t} | ({"transformation": how} if how else {})
            for (t, s), how in sorted(columns.items(), key=lambda item: item[0])
        ],
        "columnsTruncated": False,
        "count": len(mine),
        "firstSeen": min(s.at for s in mine),
        "lastSeen": max(s.at for s in mine),
        "query": queries[-1] if queries else None,
    }


def expected_reach(sights: Sequence[Sight], root: str, direction: str, depth: int) -> tuple[set[str], set[Edge]]:
    """By following every path, one step after the other."""
    nodes, edges = {root}, set()
    for way in ("upstream", "downstream"):
        if direction not in (way, "both"):
            continue
        level = {root}
        for _ in range(depth):
            following = set()
            for s in sights:
                near, far = (s.target, s.source) if way == "upstream" else (s.source, s.target)
                if near in level:
                    following.add(far)
                    edges.add(Edge(s.source, s.target, s.kind, s.name))
            level = following
            nodes |= following
    return nodes, edges


@given(st.lists(SIGHTS, min_size=1, max_size=30), st.lists(st.integers(0, 30), max_size=4))
def test_edges_are_what_was_seen(sights: list[Sight], cuts: list[int]) -> None:
    view = folded(sights, cuts)
    edges = {Edge(s.source, s.target, s.kind, s.name) for s in sights}
    assert view.edge_count() == len(edges)
    for edge in edges:
        assert view.edge(edge, 1_000) == expected_edge(edge, sights)


@given(
    st.lists(SIGHTS, min_size=1, max_size=12),
    st.sampled_from(["upstream", "downstream", "both"]),
    st.integers(1, 4),
    st.data(),
)
def test_reach_is_every_path_of_that_length(sights: list[Sight], direction: str, depth: int, data: Any) -> None:
    view = folded(sights, [])
    root = data.draw(st.sampled_from(sorted({s.source for s in sights} | {s.target for s in sights})))
    *_, reach = view.reach(root, direction, depth)
    nodes, edges = expected_reach(sights, root, direction, depth)
    assert set(reach.nodes) == nodes
    assert set(reach.edges) == edges
    assert reach.total == len(nodes)
    assert not reach.truncated


@given(st.lists(SIGHTS, min_size=1, max_size=20), st.randoms(use_true_random=False), st.integers(1, 4))
def test_partitions_do_not_change_the_order_of_an_answer(sights: list[Sight], random: Any, limit: int) -> None:
    moved = [s._replace(partition=random.randrange(3)) for s in sights]
    random.shuffle(moved)
    one, other = folded(sights, []), folded(moved, [])
    root = sights[0].source
    first, second = (list(view.reach(root, "both", 3, limit))[-1] for view in (one, other))
    assert (list(first.nodes), list(first.edges), first.truncated) == (
        list(second.nodes),
        list(second.edges),
        second.truncated,
    )


@given(st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 40)), max_size=60), st.integers(0, 60))
def test_bounding_parts_is_bounding_the_whole(spec: list[tuple[int, int]], cut: int) -> None:
    pairs = [(at * 1_000 + n, 0, n, f"c{at}-{i}", "t", None) for n, (at, many) in enumerate(spec) for i in range(many)]
    columns: list[lineage.Column] = [*pairs]
    first, _ = lineage.newest_columns(columns[: cut * 20])
    second, _ = lineage.newest_columns(columns[cut * 20 :])
    assert lineage.newest_columns([*first, *second])[0] == lineage.newest_columns(columns)[0]
