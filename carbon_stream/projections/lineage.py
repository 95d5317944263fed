"""The lineage graph: one row for each edge that was seen.

Row `("edge", sourceDataset, targetDataset, transformationType, transformationName)`:
`{"v": 1, "count", "first", "last", "seen", "columns": [[source, target, transformation, at, offset], …],
"dropped": bool, "query": [text, at, offset] or null}`. `first` and `last` are event times in ms; `seen` is the broker's
clock at the latest sight and decides expiry, so that no sender's clock can keep or remove an edge.

Rows of one edge from several partitions merge in any order: counts add, times take the extremes, and of each pair of
columns the later sight wins, by event time, then partition, then offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from carbon_stream.projections.aging import is_due
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Entry, Key, Row, Rows

KEPT_MS = 90 * 86_400_000
"""An edge that was not seen for this long is removed; the topic keeps its events as long."""
COLUMNS_MAX = 1_000
COLUMN_CHARS_MAX = 100_000
"""All column texts of an edge together, so that a row stays far below the largest record the broker takes."""
TRANSFORMATION_CHARS_MAX = 500
QUERY_CHARS_MAX = 2_000
EDGES_PER_SOURCE_MAX = 1_000
"""Edges out of one dataset on one partition; further transformation names count under OTHER."""
OTHER = "(other)"

Column = tuple[int, int, int, str, str, str | None]
"""A pair of columns as it was seen: event time, partition, offset, source, target, transformation."""


def newest_columns(columns: Iterable[Column]) -> tuple[list[Column], bool]:
    """One column for each (source, target), newest first within the bounds, and whether a bound dropped any.

    Of the same pair the later sight stays, and the newest pairs stay: so bounding parts before they are merged gives
    what bounding their union gives. (The bound on characters, reached only by absurdly long names, is not exact so.)
    """
    latest: dict[tuple[str, str], Column] = {}
    for column in columns:
        pair = column[3:5]
        known = latest.get(pair)
        if known is None or column[:3] >= known[:3]:
            latest[pair] = column
    ordered = sorted(latest.values(), key=_newest_first)
    kept: list[Column] = []
    chars = 0
    for column in ordered[:COLUMNS_MAX]:
        chars += len(column[3]) + len(column[4]) + len(column[5] or "")
        if chars > COLUMN_CHARS_MAX:
            break
        kept.append(column)
    return kept, len(kept) < len(ordered)


def _newest_first(column: Column) -> tuple[int, int, int, str, str]:
    return (-column[0], -column[1], -column[2], column[4], column[3])


def fold(rows: Rows, topic: str, entries: Sequence[Entry]) -> None:
    """Count each sight of an edge in its row; every row is read and written once."""
    assert topic == "data-lineage", topic
    by_edge: dict[tuple[str, str, str, str], list[Entry]] = {}
    for entry in entries:
        event = entry.event
        edge = (event.source_dataset, event.target_dataset, event.transformation_type, event.transformation_name)
        by_edge.setdefault(edge, []).append(entry)
    for edge, sights in by_edge.items():
        key: Key = ("edge", *edge)
        row = rows.get(key)
        if row is None and rows.count("edge", edge[0]) >= EDGES_PER_SOURCE_MAX:
            key = ("edge", *edge[:3], OTHER)
            row = rows.get(key)
        rows.put(key, _with_sights(row, sights))


def _with_sights(row: Row | None, sights: Sequence[Entry]) -> Row:
    times = [entry.at for entry in sights]
    if row is None:
        row = {"v": 1, "count": 0, "first": times[0], "last": times[0], "seen": 0}
        row |= {"columns": [], "dropped": False, "query": None}
    row["count"] += len(sights)
    row["first"] = min(row["first"], *times)
    row["last"] = max(row["last"], *times)
    row["seen"] = max(row["seen"], *(entry.received for entry in sights))
    _add_columns(row, sights)
    for entry in sights:
        text = entry.event.query
        if text and (row["query"] is None or (entry.at, entry.offset) >= tuple(row["query"][1:])):
            row["query"] = [text[:QUERY_CHARS_MAX], entry.at, entry.offset]
    return row


def _add_columns(row: Row, sights: Sequence[Entry]) -> None:
    new = [_column(entry, column) for entry in sights for column in entry.event.columns or ()]
    if not new:
        return
    added = [[src, dst, how, at, offset] for at, _, offset, src, dst, how in new]
    row["columns"], dropped = kept_columns([*row["columns"], *added])
    row["dropped"] = row["dropped"] or dropped


def kept_columns(columns: Iterable[list[Any]]) -> tuple[list[list[Any]], bool]:
    """Of columns as a row has them, those that it keeps; and whether a bound dropped any."""
    kept, dropped = newest_columns((at, 0, offset, src, dst, how) for src, dst, how, at, offset in columns)
    return [[src, dst, how, at, offset] for at, _, offset, src, dst, how in kept], dropped


def _column(entry: Entry, column: Any) -> Column:
    """Within one partition the partition says nothing: 0 stands for it."""
    how = column.transformation
    text = how[:TRANSFORMATION_CHARS_MAX] if how else None
    return (entry.at, 0, entry.offset, column.source_column, column.target_column, text)


def sweep(rows: Rows, now: int) -> None:
    """Remove edges not seen for KEPT_MS by the broker's clock `now`, within a day."""
    removed = 0
    keys = rows.keys()
    for key in keys:
        if key[0] != "edge" or not is_due(key, now):
            continue
        row = rows.get(key)
        if row is not None and row["seen"] < now - KEPT_MS:
            rows.delete(key)
            removed += 1
            if removed >= SWEEP_ROWS_MAX:
                return
