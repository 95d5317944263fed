"""What the row of an edge keeps, and its bounds."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import lineage
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Entry, MemoryRows

NOW = 1_760_000_000_000
HOUR = 3_600_000
KEY = ("edge", "raw", "clean", "COPY", "nightly")
EVENT = {
    "eventType": "DataLineageEvent",
    "source": "spark",
    "sourceDataset": "raw",
    "targetDataset": "clean",
    "transformationType": "COPY",
    "transformationName": "nightly",
}
DECODE = decoder("data-lineage")


def entry(event: dict[str, Any], at: int = NOW, offset: int = 0) -> Entry:
    return Entry(DECODE(orjson.dumps(event)), at, "data-lineage", 0, offset, NOW)


def columns(*names: str) -> list[dict[str, str]]:
    return [{"sourceColumn": name, "targetColumn": name} for name in names]


def folded(*entries: Entry) -> MemoryRows:
    rows = MemoryRows()
    lineage.fold(rows, "data-lineage", entries)
    return rows


def sweep_a_day(rows: MemoryRows, now: int) -> None:
    """Each edge has its hour of the day."""
    for hour in range(24):
        lineage.sweep(rows, now + hour * HOUR)


def test_a_row_counts_sights_and_their_times() -> None:
    row = folded(entry(EVENT, NOW, 0), entry(EVENT, NOW - 5, 1), entry(EVENT, NOW + 7, 2)).rows[KEY]
    assert (row["count"], row["first"], row["last"], row["seen"]) == (3, NOW - 5, NOW + 7, NOW)


def test_a_late_sight_does_not_replace_a_column_or_a_query() -> None:
    new = {**EVENT, "columns": [{"sourceColumn": "a", "targetColumn": "b", "transformation": "new"}], "query": "new"}
    old = {**EVENT, "columns": [{"sourceColumn": "a", "targetColumn": "b", "transformation": "old"}], "query": "old"}
    row = folded(entry(new, NOW, 0), entry(old, NOW - 1, 1)).rows[KEY]
    assert row["columns"] == [["a", "b", "new", NOW, 0]]
    assert row["query"] == ["new", NOW, 0]


def test_of_too_many_columns_the_newest_stay_and_the_row_says_so() -> None:
    wide = [f"c{n}" for n in range(lineage.COLUMNS_MAX)]
    rows = folded(entry({**EVENT, "columns": columns(*wide)}, NOW, 0))
    assert not rows.rows[KEY]["dropped"]
    lineage.fold(rows, "data-lineage", [entry({**EVENT, "columns": columns("fresh")}, NOW + 1, 1)])
    row = rows.rows[KEY]
    assert row["dropped"]
    assert len(row["columns"]) == lineage.COLUMNS_MAX
    assert row["columns"][0][0] == "fresh"


def test_a_row_stays_far_below_the_largest_record() -> None:
    worst = "\x01" * 1_024
    many = [
        {"sourceColumn": f"{n}{worst[5:]}", "targetColumn": worst, "transformation": "\x01" * 6_000} for n in range(5)
    ]
    rows = MemoryRows()
    for offset in range(300):
        fresh = [{**column, "sourceColumn": f"{offset}-{column['sourceColumn']}"[:1_024]} for column in many]
        lineage.fold(rows, "data-lineage", [entry({**EVENT, "columns": fresh}, NOW, offset)])
    assert len(orjson.dumps(rows.rows[KEY])) < 700_000


def test_further_names_of_one_source_share_an_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "EDGES_PER_SOURCE_MAX", 2)
    rows = folded(*[entry({**EVENT, "transformationName": f"run-{n}"}, NOW, n) for n in range(5)])
    counts = {key[4]: row["count"] for key, row in rows.rows.items()}
    assert counts == {"run-0": 1, "run-1": 1, lineage.OTHER: 3}


def test_an_edge_expires_by_the_brokers_clock_not_by_event_time() -> None:
    rows = folded(entry(EVENT, NOW - 2 * lineage.KEPT_MS))
    rows.put(("ledger", "data-lineage"), {"v": 1})
    sweep_a_day(rows, NOW + lineage.KEPT_MS - 24 * HOUR)
    assert KEY in rows.rows
    sweep_a_day(rows, NOW + lineage.KEPT_MS + 1)
    assert list(rows.rows) == [("ledger", "data-lineage")]


def test_a_sweep_removes_a_bounded_number_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "is_due", lambda key, now: True)
    rows = MemoryRows()
    for n in range(SWEEP_ROWS_MAX + 50):
        rows.put(("edge", f"s{n}", "t", "COPY", "x"), {"v": 1, "seen": 0})
    lineage.sweep(rows, NOW)
    assert len(rows.rows) == 50


def test_every_hour_looks_at_its_share_of_the_edges() -> None:
    rows = MemoryRows()
    for n in range(480):
        rows.put(("edge", f"s{n}", "t", "COPY", "x"), {"v": 1, "seen": 0})
    lineage.sweep(rows, NOW)
    assert 480 - 60 < len(rows.rows) < 480
