"""Who last read and wrote each dataset, from its audited access.

Row: ``("access", dataset)`` → ``{"v": 1, "lastRead": ms | null, "lastWrite": ms | null, "users": {userId: last ms}}``
with the `USERS_MAX` most recent users. Only access that succeeded counts: EXPORT reads, DELETE writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import nlargest
from zlib import crc32

from carbon_stream.projections.audit_columns import bounded
from carbon_stream.projections.rows import Entry, Key, Row, Rows

USERS_MAX = 1_000
_HOUR_MS = 3_600_000
_WRITES = frozenset({"WRITE", "DELETE"})


def fold_access(rows: Rows, entries: Sequence[Entry]) -> None:
    """Note who last read and wrote each dataset."""
    by_dataset: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.event.result in ("SUCCESS", None):
            by_dataset.setdefault(entry.event.dataset_name, []).append(entry)
    for dataset, accesses in by_dataset.items():
        key = ("access", dataset)
        row = rows.get(key) or {"v": 1, "lastRead": None, "lastWrite": None, "users": {}}
        users = row["users"]
        for entry in accesses:
            name = "lastWrite" if entry.event.operation in _WRITES else "lastRead"
            row[name] = max(row[name] or 0, entry.at)
            user = bounded(entry.event.user_id)
            users[user] = max(users.get(user, 0), entry.at)
        row["users"] = most_recent(users)
        rows.put(key, row)


def most_recent(users: dict[str, int]) -> dict[str, int]:
    """The `USERS_MAX` users whose last access is the latest."""
    if len(users) <= USERS_MAX:
        return users
    return dict(nlargest(USERS_MAX, users.items(), key=lambda user: (user[1], user[0])))


def is_expired(rows: Rows, key: Key, before: int, now: int) -> bool:
    """Whether an access row's last access was before a time.

    A dataset is looked at in one hour of the day only: its age stands in the row, and reading all rows is dear.
    """
    if crc32(str(key[1]).encode()) % 24 != now // _HOUR_MS % 24:
        return False
    row = rows.get(key)
    return row is not None and _last_access(row) < before


def _last_access(row: Row) -> int:
    read, write = row["lastRead"], row["lastWrite"]
    return max(read or 0, write or 0)
