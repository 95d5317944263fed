"""Taking a person out of rows. Counts stay: they go on among those of nobody in particular.

- Rows of the user, of hours and of days, are added to the row of all users that have none of their own.
- The accesses of a dataset forget when the user last had it; how many users had it lately is one less.
- Deployments and configuration changes keep what was done, and say `ERASED` for who did it.

Resources, endpoints and names of datasets are what senders made of them, and are left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from carbon_stream.projections import audit
from carbon_stream.projections.audit_columns import bounded
from carbon_stream.projections.rows import Key, Rows

ERASED = "(erased)"
"""Stands for who did something, where somebody has to be named."""

_USER_KINDS = ("user", "user-day")
_DOERS = {"deployment": "deployedBy", "config": "changedBy"}

Erase = Callable[[Rows, str, int], int]
"""(rows, user, at most about so many rows): how many rows were changed; 0 means that nothing is left to do."""


def _audit(rows: Rows, user: str, rows_max: int) -> int:
    entity, changed = bounded(user), 0
    for key in rows.keys():  # noqa: SIM118 — rows are no mapping
        if changed >= rows_max:
            break
        if key[0] in _USER_KINDS and len(key) > 2 and key[2] == entity:
            changed += _to_all_others(rows, key)
        elif key[0] == "access":
            changed += _forget_access(rows, key, (user, entity))
    return changed


def _to_all_others(rows: Rows, key: Key) -> int:
    row = rows.get(key)
    if row is None:
        return 0
    others = rows.get(key[:2])
    rows.put(key[:2], row if others is None else audit.merge(others, row))
    rows.delete(key)
    return 2


def _forget_access(rows: Rows, key: Key, names: tuple[str, ...]) -> int:
    row = rows.get(key)
    if row is None or not any(name in row["users"] for name in names):
        return 0
    row["users"] = {user: at for user, at in row["users"].items() if user not in names}
    rows.put(key, row)
    return 1


def _health(rows: Rows, user: str, rows_max: int) -> int:
    changed = 0
    for key in rows.keys():  # noqa: SIM118 — as above
        if changed >= rows_max:
            break
        doer = _DOERS.get(str(key[0]))
        row = rows.get(key) if doer is not None else None
        if row is None or doer is None or all(item[doer] != user for item in row["items"]):
            continue
        row["items"] = [item | {doer: ERASED} if item[doer] == user else item for item in row["items"]]
        rows.put(key, row)
        changed += 1
    return changed


ERASERS: Mapping[str, Erase] = {"audit": _audit, "health": _health}
"""By table. The others hold no persons."""
