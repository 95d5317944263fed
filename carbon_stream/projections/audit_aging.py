"""How the audit trail's rows age: minutes become an hour's, hours become days, days expire.

Row ``(DAY_KINDS[dimension], day, entity)`` → ``{"v": 1, "t": last event's ms, "c": {cell: count}, "s": sketch}``: what
was counted in hours of that day and has been moved; `day` is the ms at which the day begins, and a key without an
entity stands for all entities beyond `ENTITIES_MAX`, as it does for an hour.

The fold counts into hours whatever their age, and only the sweep moves them: a late event makes a new hour row beside
its day, which the next round moves as well. So each count is in an hour or in a day, a reader adds up both, and it
does not matter in which order folds and sweeps come. A mark of how far hours have been moved, which the fold would
have to look at for each hour of each batch, could say no more than that.

All hours of one entity's day are moved in one unit of work with the day's row.
"""

from __future__ import annotations

from carbon_stream.projections import access
from carbon_stream.projections.audit import DAY_MS, DIMENSIONS, ENTITIES_MAX, HOUR_MS
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Key, Row, Rows
from carbon_stream.projections.sketch import merge_into

MINUTES_KEPT_MS = 2 * DAY_MS
"""How long counts can be asked for by the minute, and below, by the hour and by the day."""
HOURS_KEPT_MS = 31 * DAY_MS
DAYS_KEPT_MS = 400 * DAY_MS
MARGIN_MS = DAY_MS
"""Rows stay this much longer than they can be asked for: ranges are rounded outwards, and clocks differ."""

SLOTS_MAX = 16
"""A row that has no more slots than this is not worth writing once more to let go of its minutes."""

DAY_KINDS = {dimension: f"{dimension}-day" for dimension in DIMENSIONS}
_DIMENSIONS = {kind: dimension for dimension, kind in DAY_KINDS.items()}


def sweep(rows: Rows, now: int) -> None:
    """Let rows age by the broker's clock `now`, until about `SWEEP_ROWS_MAX` of them have changed."""
    changed = 0
    keys = rows.keys()
    for key in keys:
        changed += _age(rows, key, now)
        if changed >= SWEEP_ROWS_MAX:
            return


def _age(rows: Rows, key: Key, now: int) -> int:
    """Do with one row what its age asks for; the number of rows that changed by it."""
    kind = key[0]
    if kind in DAY_KINDS:
        hour = int(key[1])
        day = hour // DAY_MS * DAY_MS
        if day + DAY_MS <= now - HOURS_KEPT_MS - MARGIN_MS:
            return _move(rows, key, day, is_kept=not _has_expired(day, now))
        old = now - MINUTES_KEPT_MS - MARGIN_MS
        if old - DAY_MS < hour + HOUR_MS <= old:  # for a day only: it takes reading the row to see what it has
            return _let_go_of_minutes(rows, key)
        return 0
    if kind in _DIMENSIONS:
        is_expired = _has_expired(int(key[1]), now)
    else:
        is_expired = kind == "access" and access.is_expired(rows, key, now - DAYS_KEPT_MS, now)
    if is_expired:
        rows.delete(key)
    return int(is_expired)


def _has_expired(day: int, now: int) -> bool:
    return day + DAY_MS <= now - DAYS_KEPT_MS - MARGIN_MS


def _move(rows: Rows, key: Key, day: int, *, is_kept: bool) -> int:
    """Move all hours of this entity's day into the day's row, or nowhere if the day has expired."""
    dimension, entity = str(key[0]), key[2:]
    hours: list[Row] = []
    for hour in range(day, day + DAY_MS, HOUR_MS):
        hour_key: Key = (dimension, hour, *entity)
        row = rows.get(hour_key)
        if row is not None:
            hours.append(row)
            rows.delete(hour_key)
    if not hours or not is_kept:
        return len(hours)
    day_key: Key = (DAY_KINDS[dimension], day, *entity)
    day_row = rows.get(day_key)
    if day_row is None and entity and rows.count(DAY_KINDS[dimension], day) >= ENTITIES_MAX.get(dimension, 1 << 62):
        day_key = day_key[:2]
        day_row = rows.get(day_key)
    day_row = day_row or {"v": 1, "t": 0, "c": {}}
    for row in hours:
        _add(day_row, row)
    rows.put(day_key, day_row)
    return len(hours) + 1


def _add(day_row: Row, row: Row) -> None:
    day_row["t"] = max(day_row["t"], row["t"])
    cells = day_row["c"]
    for slot, count in row["c"].items():
        cells[slot[-1]] = cells.get(slot[-1], 0) + count
    if "s" in row:
        merge_into(day_row.setdefault("s", {}), row["s"])


def _let_go_of_minutes(rows: Rows, key: Key) -> int:
    """Count an hour's events in its first minute, now that nobody asks for its minutes.

    The row's format stays what it was: every reader of rows takes it, and an event that is late adds to it as always.
    """
    row = rows.get(key)
    if row is None or len(row["c"]) <= SLOTS_MAX:
        return 0
    _to_first_minute(row)
    rows.put(key, row)
    return 1


def _to_first_minute(row: Row) -> None:
    counts: dict[str, int] = {}
    for slot, count in row["c"].items():
        first = f"0{slot[-1]}"
        counts[first] = counts.get(first, 0) + count
    row["c"] = counts


def without_old_minutes(key: Key, row: Row, now: int) -> Row:
    """A row that was made in one go, of events of whatever age, as rounds of the sweep would have left it by `now`."""
    is_old = key[0] in DAY_KINDS and int(key[1]) + HOUR_MS <= now - MINUTES_KEPT_MS - MARGIN_MS
    if is_old and len(row["c"]) > SLOTS_MAX:
        _to_first_minute(row)
    return row
