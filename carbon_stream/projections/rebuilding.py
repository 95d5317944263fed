"""Which rows are made again from what the topics still hold, and which are carried over: table by table. Pure.

Topics lose their oldest records. What they have lost counts in rows that nobody can make again, so rows are made again
`since` a time: every event of that time or later is still on its topic. What is older stays as it stands. A row whose
events span that time is put together from both: exactly where its parts have times of their own; of a mere sum over all
time the larger one stays, which is the one that stands unless too little had been counted.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

from carbon_stream.projections import access, audit_aging, health, lineage
from carbon_stream.projections.audit import DIMENSIONS
from carbon_stream.projections.health import DAY_MS, HOUR_MS
from carbon_stream.projections.rows import Entry, Key, Row
from carbon_stream.streaming.clock import AHEAD_MS_MAX

__all__ = ["REBUILDINGS", "Family", "Rebuilding", "since_of"]

Rows = Mapping[Key, Row]
Choose = Callable[[Rows, Rows, int], dict[Key, Row]]
"""(rows as they stand, rows made of the events since `since`, `since`): the rows that should stand."""


@dataclass(frozen=True, slots=True)
class Family:
    """Kinds of rows that are made of the same topics. `at` is the time by which an event counts in them."""

    topics: tuple[str, ...]
    kinds: frozenset[str | int]
    at: Callable[[Entry], int] = lambda entry: entry.at


@dataclass(frozen=True, slots=True)
class Rebuilding:
    """How one table is made again. `together` gives the same for keys between which counts move or have to be weighed
    against each other; `choose` is asked for all rows of one family that are together.
    """

    families: tuple[Family, ...]
    together: Callable[[Key], Hashable]
    choose: Choose
    aged: Callable[[Key, Row, int], Row] = lambda _key, row, _now: row
    """(key, row, the broker's time): a row made again as it would look by now."""

    def family_of(self, kind: str | int) -> Family | None:
        """The family of a kind of row; None for rows that are left alone (the ledger, marks)."""
        return next((family for family in self.families if kind in family.kinds), None)


def since_of(oldest_append_ms: int) -> int:
    """From when on everything is still on a topic, whose oldest record has this append time: the beginning of an hour.

    What the topic has lost was appended before that, and counts five minutes after its append time at the latest.
    """
    return -(-(oldest_append_ms + AHEAD_MS_MAX) // HOUR_MS) * HOUR_MS


# -- audit ------------------------------------------------------------------------------------------------------------

_DAY_KINDS = frozenset(audit_aging.DAY_KINDS.values())


def _audit_together(key: Key) -> Hashable:
    """A dimension's day: between hour and day, and between an entity and all others, counts may have moved."""
    kind = str(key[0])
    return key if kind == "access" else (kind.removesuffix("-day"), int(key[1]) // DAY_MS)


def _audit(old: Rows, new: Rows, since: int) -> dict[Key, Row]:
    some_key = next(chain(old, new))
    if some_key[0] == "access":
        return _one(some_key, _access(old.get(some_key), new.get(some_key), since))
    day = int(some_key[1]) // DAY_MS * DAY_MS
    if since <= day:
        return dict(new)
    if since >= day + DAY_MS or any(key[0] in _DAY_KINDS for key in old):
        return dict(old)  # a day that has been made of its hours cannot be taken apart
    return {key: row for key, row in old.items() if int(key[1]) < since} | dict(new)


def _access(old: Row | None, new: Row | None, since: int) -> Row | None:
    if old is None:
        return new
    users = {user: at for user, at in old["users"].items() if at < since}
    merged: Row = {"v": 1}
    for name in ("lastRead", "lastWrite"):
        made = new[name] if new is not None else None
        merged[name] = made if made is not None else old[name] if (old[name] or since) < since else None
    merged["users"] = access.most_recent({**users, **(new["users"] if new is not None else {})})
    return merged if merged["lastRead"] or merged["lastWrite"] else None


# -- health -----------------------------------------------------------------------------------------------------------


def _health_together(key: Key) -> Hashable:
    if key[0] == "health":
        return key[1], key[2], int(key[3]) // 24
    return key[1:] if key[0] == "health-day" else key


def _health(old: Rows, new: Rows, since: int) -> dict[Key, Row]:
    some_key = next(chain(old, new))
    kind = some_key[0]
    if kind == "current":
        return _one(some_key, _current(old.get(some_key), new.get(some_key), since))
    if kind in ("deployment", "config"):
        return _one(some_key, _items(old.get(some_key), new.get(some_key), since))
    day = int(some_key[3]) if kind == "health-day" else int(some_key[3]) // 24
    if since <= day * DAY_MS:
        return dict(new)
    day_key: Key = ("health-day", some_key[1], some_key[2], day)
    moved = old.get(day_key)
    moved_ends = moved is not None and any(observation >> 2 >= since - day * DAY_MS for observation in moved["obs"])
    if since >= (day + 1) * DAY_MS or moved_ends:
        return dict(old)
    chosen = {key: row for key, row in old.items() if key == day_key or int(key[3]) * HOUR_MS < since} | dict(new)
    if moved is not None and day_key in new:
        chosen[day_key] = health.merged_days(moved, new[day_key])
    return chosen


def _current(old: Row | None, new: Row | None, since: int) -> Row | None:
    if new is None:
        return old if old is not None and old["at"] < since else None
    return new if old is None else new | {"seen": max(old["seen"], new["seen"])}


def _items(old: Row | None, new: Row | None, since: int) -> Row | None:
    older = [item for item in old["items"] if item["at"] < since] if old is not None else []
    items = health.newest_items([*older, *(new["items"] if new is not None else ())])
    return {"v": 1, "items": items} if items else None


# -- lineage, datasets ------------------------------------------------------------------------------------------------


def _lineage(old: Rows, new: Rows, since: int) -> dict[Key, Row]:
    some_key = next(chain(old, new))
    return _one(some_key, _edge(old.get(some_key), new.get(some_key), since))


def _edge(old: Row | None, new: Row | None, since: int) -> Row | None:
    if old is None or old["first"] >= since:
        return new
    if new is None:
        return old
    older = [column for column in old["columns"] if column[3] < since]
    columns, is_cut = lineage.kept_columns([*older, *new["columns"]])
    older_query = old["query"] if old["query"] is not None and old["query"][1] < since else None
    return {
        "v": 1,
        "count": max(old["count"], new["count"]),
        "first": old["first"],
        "last": new["last"],
        "seen": max(old["seen"], new["seen"]),
        "columns": columns,
        "dropped": old["dropped"] or new["dropped"] or is_cut,
        "query": new["query"] or older_query,
    }


def _datasets(old: Rows, new: Rows, since: int) -> dict[Key, Row]:
    some_key = next(chain(old, new))
    if some_key[0] == "ingestion-hour":
        return dict(old if int(some_key[2]) * HOUR_MS < since else new)
    return _one(some_key, _sums(old.get(some_key), new.get(some_key)))


def _sums(old: Row | None, new: Row | None) -> Row | None:
    """Rows with `last` and `seen`, and sums over all time."""
    if old is None or new is None:
        return new or old
    merged = new | {"seen": max(old["seen"], new["seen"])}
    if "n" in new:
        merged["n"] = max(old["n"], new["n"])
    else:
        outcomes: Iterable[str] = {**old["counts"], **new["counts"]}
        merged["counts"] = {name: max(old["counts"].get(name, 0), new["counts"].get(name, 0)) for name in outcomes}
    return merged


def _one(key: Key, row: Row | None) -> dict[Key, Row]:
    return {} if row is None else {key: row}


REBUILDINGS: Mapping[str, Rebuilding] = {
    "audit": Rebuilding(
        (
            Family(
                ("audit-user-actions", "audit-api-calls", "audit-data-access", "audit-admin-ops"),
                frozenset({*DIMENSIONS, *_DAY_KINDS, "access"}),
            ),
        ),
        _audit_together,
        _audit,
        audit_aging.without_old_minutes,
    ),
    "health": Rebuilding(
        (
            Family(("system-health",), frozenset({"health", "health-day", "current"}), health.observed),
            Family(("deployment-events",), frozenset({"deployment"}), health.observed),
            Family(("config-changes",), frozenset({"config"}), health.observed),
        ),
        _health_together,
        _health,
    ),
    "lineage": Rebuilding((Family(("data-lineage",), frozenset({"edge"})),), lambda key: key, _lineage),
    "datasets": Rebuilding(
        (
            Family(("data-ingestion",), frozenset({"ingestion", "ingestion-hour"})),
            Family(("data-quality",), frozenset({"quality"})),
            Family(("data-transformation",), frozenset({"transformation"})),
        ),
        lambda key: key,
        _datasets,
    ),
}
"""By table. Alerts are not among them: its rows are what was said already, and saying it again would contradict it."""
