"""Bounds of the audit rows: entities an hour, lengths of names, users of a dataset."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from carbon_stream.projections import access, audit
from carbon_stream.projections.audit_columns import ENTITY_CHARS_MAX, bounded
from carbon_stream.projections.rows import Entry, MemoryRows

HOUR = 1_700_000_000_000 // 3_600_000 * 3_600_000


@dataclass
class DataAccess:
    user_id: str
    dataset_name: str = "prices"
    operation: str = "READ"
    result: str = "SUCCESS"
    engine: str | None = None
    source: str = "trino"
    event_type: str = "AuditDataAccessEvent"


def fold(rows: MemoryRows, *events: DataAccess, at: int = HOUR) -> None:
    entries = [Entry(event, at + n, "audit-data-access", 0, n, at + n) for n, event in enumerate(events)]
    audit.fold(rows, "audit-data-access", entries)


def test_users_beyond_the_bound_share_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.ENTITIES_MAX, "user", 3)
    rows = MemoryRows()
    fold(rows, *(DataAccess(f"u{n}") for n in range(5)))
    fold(rows, *(DataAccess(f"u{n}") for n in range(5)))
    users = {key: sum(row["c"].values()) for key, row in rows.rows.items() if key[0] == "user"}
    assert users == {("user", HOUR, "u0"): 2, ("user", HOUR, "u1"): 2, ("user", HOUR, "u2"): 2, ("user", HOUR): 4}


def test_a_user_called_other_is_not_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.ENTITIES_MAX, "user", 1)
    rows = MemoryRows()
    fold(rows, DataAccess("other"), DataAccess("alice"), DataAccess("other"))
    assert sum(rows.rows["user", HOUR, "other"]["c"].values()) == 2
    assert sum(rows.rows["user", HOUR]["c"].values()) == 1


def test_long_names_are_cut_and_kept_apart() -> None:
    one, other = "x" * 2_000 + "1", "x" * 2_000 + "2"
    assert bounded(one) != bounded(other)
    assert len(bounded(one)) == ENTITY_CHARS_MAX
    rows = MemoryRows()
    fold(rows, DataAccess(one), DataAccess(bounded(one)))
    assert sum(rows.rows["user", HOUR, bounded(one)]["c"].values()) == 2


def test_access_counts_what_succeeded() -> None:
    rows = MemoryRows()
    fold(rows, DataAccess("eve", result="DENIED"), at=HOUR + 900)
    assert ("access", "prices") not in rows.rows
    fold(rows, DataAccess("alice"), DataAccess("bob", operation="DELETE"), DataAccess("bob", operation="EXPORT"))
    fold(rows, DataAccess("alice"), at=HOUR - 500)
    assert rows.rows["access", "prices"] == {
        "v": 1,
        "lastRead": HOUR + 2,
        "lastWrite": HOUR + 1,
        "users": {"alice": HOUR, "bob": HOUR + 2},
    }


def test_a_dataset_keeps_its_most_recent_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "USERS_MAX", 2)
    rows = MemoryRows()
    for user, at in (("a", 5), ("b", 4), ("c", 6), ("b", 9), ("d", 1)):
        fold(rows, DataAccess(user), at=HOUR + at)
    assert rows.rows["access", "prices"]["users"] == {"b": HOUR + 9, "c": HOUR + 6}
