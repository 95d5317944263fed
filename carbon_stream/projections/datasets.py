"""What is known of each dataset besides its lineage: ingestion, quality checks, transformations.

Rows (times in ms; `seen` is the broker's clock at the latest event and decides expiry):

- `("ingestion", dataset)`: `{"v": 1, "seen", "n", "last": {…, "at", "offset"}}`.
- `("ingestion-hour", dataset, hour)`: `{"v": 1, "runs": [[minute, status, n, recordCount, sizeBytes], …]}`, status as
  an index into INGESTION_STATUSES.
- `("quality", dataset, checkName)`: `{"v": 1, "seen", "counts": {result: n}, "last": {…}}`.
- `("transformation", dataset, job)`: `{"v": 1, "seen", "counts": {status: n}, "last": {…}}` for every input and output.

Rows of the same entity from several partitions merge in any order: counts add (up to COUNT_MAX), the later `last` wins
by event time, then topic, partition, offset.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from carbon_stream.projections.aging import is_due
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Entry, Key, Row, Rows

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

INGESTION_STATUSES = ("SUCCESS", "FAILURE", "PARTIAL")
HOURS_KEPT_MS = 26 * HOUR_MS
"""Hours of ingestion are kept this long after their end: the window that is answered is 24 hours."""
KEPT_MS = 365 * DAY_MS
"""A dataset, check or job that was not seen for this long is forgotten."""
CHECKS_MAX = 1_000
"""Checks, or jobs, of one dataset on one partition; further ones count under OTHER."""
OTHER = "(other)"
DATASETS_LISTED_MAX = 20
"""Inputs, and outputs, that the last run of a transformation is shown with."""
TEXT_CHARS_MAX = 500
COUNT_MAX = 2**63 - 1
"""Sums stay here once they reach it: JSON readers, and our own encoder, end at 64 bits."""


def fold(rows: Rows, topic: str, entries: Sequence[Entry]) -> None:
    """Add one batch; each row is read and written once."""
    if topic == "data-ingestion":
        _fold_ingestions(rows, entries)
    elif topic == "data-quality":
        checks = [(("quality", e.event.dataset_name, e.event.check_name), e) for e in entries]
        _fold_latest(rows, checks, lambda event: str(event.result), _check)
    elif topic == "data-transformation":
        runs = [(("transformation", name, e.event.job), e) for e in entries for name in _touched(e.event)]
        _fold_latest(rows, runs, lambda event: event.status or "UNKNOWN", _run)


def _fold_ingestions(rows: Rows, entries: Sequence[Entry]) -> None:
    by_dataset: dict[str, list[Entry]] = {}
    for entry in entries:
        by_dataset.setdefault(entry.event.dataset_name, []).append(entry)
    for dataset, loads in by_dataset.items():
        key = ("ingestion", dataset)
        row = rows.get(key) or {"v": 1, "seen": 0, "n": 0, "last": None}
        row["n"] += len(loads)
        _keep_latest(row, loads, _load)
        rows.put(key, row)
        by_hour: dict[int, list[Entry]] = {}
        for entry in loads:
            if (entry.at // HOUR_MS + 1) * HOUR_MS > entry.received - HOURS_KEPT_MS:
                by_hour.setdefault(entry.at // HOUR_MS, []).append(entry)
        for hour, in_hour in by_hour.items():
            _add_to_hour(rows, ("ingestion-hour", dataset, hour), in_hour)


def _add_to_hour(rows: Rows, key: Key, loads: Sequence[Entry]) -> None:
    row = rows.get(key) or {"v": 1, "runs": []}
    runs = {(minute, status): sums for minute, status, *sums in row["runs"]}
    for entry in loads:
        event = entry.event
        slot = (entry.at % HOUR_MS // MINUTE_MS, INGESTION_STATUSES.index(event.status))
        n, records, size = runs.get(slot, (0, 0, 0))
        runs[slot] = [n + 1, capped(records + event.record_count), capped(size + event.size_bytes)]
    row["runs"] = [[*slot, *sums] for slot, sums in sorted(runs.items())]
    rows.put(key, row)


def capped(count: int) -> int:
    """A sum within COUNT_MAX. Of counts that are not negative, so the order of adding does not matter."""
    return min(count, COUNT_MAX)


def _fold_latest(
    rows: Rows,
    sightings: Iterable[tuple[tuple[str, str, str], Entry]],
    outcome: Callable[[Any], str],
    describe: Callable[[Entry], dict[str, Any]],
) -> None:
    """Count outcomes and keep the latest sighting of each key, which is (kind, dataset, name)."""
    by_name: dict[tuple[str, str, str], list[Entry]] = {}
    for sighted, entry in sightings:
        by_name.setdefault(sighted, []).append(entry)
    for (kind, dataset, name), entries in by_name.items():
        key: Key = (kind, dataset, name)
        row = rows.get(key)
        if row is None and rows.count(kind, dataset) >= CHECKS_MAX:
            key = (kind, dataset, OTHER)
            row = rows.get(key)
        row = row or {"v": 1, "seen": 0, "counts": {}, "last": None}
        for entry in entries:
            found = outcome(entry.event)
            row["counts"][found] = row["counts"].get(found, 0) + 1
        _keep_latest(row, entries, describe)
        rows.put(key, row)


def _keep_latest(row: Row, entries: Sequence[Entry], describe: Callable[[Entry], dict[str, Any]]) -> None:
    latest = max(entries, key=lambda entry: (entry.at, entry.offset))
    row["seen"] = max(row["seen"], *(entry.received for entry in entries))
    last = row["last"]
    if last is None or (latest.at, latest.offset) >= (last["at"], last["offset"]):
        row["last"] = describe(latest)


def _load(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "at": entry.at,
        "offset": entry.offset,
        "status": event.status,
        "recordCount": event.record_count,
        "sizeBytes": event.size_bytes,
        "format": event.format,
        "location": event.location,
        "source": event.source,
        "eventId": event.event_id,
    }


def _check(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "at": entry.at,
        "offset": entry.offset,
        "checkType": event.check_type,
        "result": event.result,
        "score": event.score,
        "failedRecords": event.failed_records,
        "totalRecords": event.total_records,
        "message": _text(event.message),
    }


def _run(entry: Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "at": entry.at,
        "offset": entry.offset,
        "run": event.run,
        "status": event.status,
        "durationMs": event.duration_ms,
        "rowsIn": event.rows_in,
        "rowsOut": event.rows_out,
        "message": _text(event.message),
        "inputs": [_text(name) for name in event.inputs[:DATASETS_LISTED_MAX]],
        "outputs": [_text(name) for name in event.outputs[:DATASETS_LISTED_MAX]],
    }


def _touched(event: Any) -> list[str]:
    return list(dict.fromkeys([*event.inputs, *event.outputs]))


def _text(text: str | None) -> str | None:
    return text and text[:TEXT_CHARS_MAX]


def sweep(rows: Rows, now: int) -> None:
    """Remove what has expired by the broker's clock `now`, within a day."""
    removed = 0
    keys = rows.keys()
    for key in keys:
        if key[0] == "ingestion-hour":
            expired = (int(key[2]) + 1) * HOUR_MS < now - HOURS_KEPT_MS
        elif key[0] in ("ingestion", "quality", "transformation"):
            row = rows.get(key) if is_due(key, now) else None
            expired = row is not None and row["seen"] < now - KEPT_MS
        else:
            continue
        if expired:
            rows.delete(key)
            removed += 1
            if removed >= SWEEP_ROWS_MAX:
                return
