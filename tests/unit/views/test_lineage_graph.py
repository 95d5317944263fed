"""The graph's bounds, and how rows come and go."""

from __future__ import annotations

import pytest

from carbon_stream.projections.rows import Row
from carbon_stream.views import lineage
from carbon_stream.views.lineage import Edge, LineageView, Reach

ROW: Row = {"v": 1, "count": 2, "first": 10, "last": 20, "seen": 20, "columns": [], "dropped": False, "query": None}


def graph(*pairs: tuple[str, str]) -> LineageView:
    view = LineageView()
    for source, target in pairs:
        view.apply(0, ("edge", source, target, "COPY", "job"), ROW)
    return view


def reach(view: LineageView, root: str, direction: str, depth: int, limit: int = 1_000) -> Reach:
    return list(view.reach(root, direction, depth, limit))[-1]


def test_cycles_and_self_edges_end() -> None:
    view = graph(("a", "b"), ("b", "c"), ("c", "a"), ("b", "b"))
    found = reach(view, "a", "downstream", 20)
    assert list(found.nodes) == ["a", "b", "c"]
    assert [(edge.source, edge.target) for edge in found.edges] == [("a", "b"), ("b", "b"), ("b", "c"), ("c", "a")]
    assert not found.truncated


def test_nearest_come_first_then_by_name() -> None:
    view = graph(("root", "z"), ("root", "a"), ("z", "b"), ("a", "y"), ("up", "root"))
    assert list(reach(view, "root", "both", 2).nodes) == ["root", "up", "a", "z", "b", "y"]


def test_both_does_not_show_siblings() -> None:
    view = graph(("source", "root"), ("source", "sibling"))
    assert list(reach(view, "root", "both", 3).nodes) == ["root", "source"]


def test_an_unknown_dataset_reaches_nothing() -> None:
    assert list(graph(("a", "b")).reach("c", "both", 3)) == []


def test_counting_ends_at_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "COUNTED_MAX", 10)
    found = reach(graph(*[("hub", f"n{n:02}") for n in range(30)]), "hub", "downstream", 1, 5)
    assert (found.total, found.total_is_exact, found.truncated) == (10, False, True)
    assert list(found.nodes) == ["hub", "n00", "n01", "n02", "n03"]
    assert len(found.edges) == 4


def test_too_many_edges_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "EDGES_MAX", 3)
    view = LineageView()
    for n in range(5):
        view.apply(0, ("edge", "a", "b", "COPY", f"job{n}"), ROW)
    found = reach(view, "a", "downstream", 1)
    assert len(found.edges) == 3
    assert found.truncated


def test_an_edge_stays_while_one_partition_has_it() -> None:
    view = graph(("a", "b"))
    key = ("edge", "a", "b", "COPY", "job")
    view.apply(5, key, {**ROW, "count": 3, "first": 5})
    edge = Edge("a", "b", "COPY", "job")
    merged = view.edge(edge, 10)
    assert merged is not None
    assert (merged["count"], merged["firstSeen"], merged["lastSeen"]) == (5, 5, 20)
    view.apply(0, key, None)
    assert "a" in view
    view.clear(5)
    assert "a" not in view
    assert "b" not in view
    assert view.edge(edge, 10) is None
    assert view.edge_count() == 0
    view.apply(0, key, None)  # a tombstone of what was never there


def test_columns_are_cut_to_the_room_there_is() -> None:
    view = LineageView()
    columns = [["a", "x", None, 5, 1], ["b", "y", "sum", 9, 2], ["c", "z", None, 1, 0]]
    view.apply(0, ("edge", "a", "b", "COPY", "job"), {**ROW, "columns": columns})
    found = view.edge(Edge("a", "b", "COPY", "job"), 2)
    assert found is not None
    assert found["columnsTruncated"]
    assert found["columns"] == [
        {"sourceColumn": "a", "targetColumn": "x"},
        {"sourceColumn": "b", "targetColumn": "y", "transformation": "sum"},
    ]
