"""Rows of the audit trail age: minutes go, hours become days, days expire, and late events find their day."""

from __future__ import annotations

from typing import Any

import pytest

from carbon_stream.projections import audit, audit_aging
from carbon_stream.projections.audit import DAY_MS, HOUR_MS
from carbon_stream.streaming.rows import Key, encode_key
from tests.support.audit_days import Call, Partition

DAY = 1_700_000_000_000 // DAY_MS * DAY_MS
OLD = DAY + 33 * DAY_MS
"""The first moment at which DAY has aged: it ended 31 days and the margin of one ago."""


def rows(partition: Partition, kind: str) -> dict[Key, Any]:
    return {key: row for key, row in partition.rows().items() if key[0] == kind}


def a_day() -> Partition:
    partition = Partition(DAY + DAY_MS)
    partition.fold([Call("ann", DAY + n * HOUR_MS // 2, 200 if n % 3 else 500, float(n)) for n in range(48)])
    return partition


def test_a_day_of_hours_becomes_one_row_in_one_unit_of_work() -> None:
    partition = a_day()
    hours = rows(partition, "user")
    assert len(hours) == 24
    partition.now = OLD
    changes = partition.sweep()
    assert rows(partition, "user") == {}
    [(key, day)] = rows(partition, "user-day").items()
    assert key == ("user-day", DAY, "ann")
    assert day["c"] == {"2": 32, "5": 16}
    assert day["t"] == DAY + 47 * HOUR_MS // 2
    merged: dict[str, int] = {}
    for hour in hours.values():
        for bucket, count in hour["s"].items():
            merged[bucket] = merged.get(bucket, 0) + count
    assert day["s"] == merged
    assert {key for key, row in changes.items() if row is None} >= {encode_key(key) for key in hours}
    assert changes[encode_key(key)] is not None


def test_hours_that_can_be_asked_for_stay_hours() -> None:
    partition = a_day()
    before = partition.rows()
    partition.now = OLD - 1
    partition.sweep_round()
    assert partition.rows() == before


def test_a_late_event_joins_its_day_with_the_next_round() -> None:
    partition = a_day()
    partition.now = OLD
    partition.sweep_round()
    partition.fold([Call("ann", DAY + 5, 500), Call("bob", DAY + 7)])
    assert partition.totals()["user"] == partition.truth()
    partition.sweep_round()
    assert rows(partition, "user") == {}
    assert rows(partition, "user-day")["user-day", DAY, "ann"]["c"] == {"2": 32, "5": 17}
    assert rows(partition, "user-day")["user-day", DAY, "bob"]["c"] == {"2": 1}


def test_a_day_counts_a_bounded_number_of_users_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(audit.ENTITIES_MAX, "user", 2)
    partition = Partition(OLD)
    partition.fold([Call("a", DAY), Call("b", DAY), Call("c", DAY)])
    partition.fold([Call("c", DAY + HOUR_MS), Call("d", DAY + HOUR_MS)])
    partition.sweep_round()
    days = {key[2:]: sum(row["c"].values()) for key, row in rows(partition, "user-day").items()}
    assert days == {("a",): 1, ("b",): 1, (): 3}
    partition.fold([Call("d", DAY), Call("a", DAY)])
    partition.sweep_round()
    days = {key[2:]: sum(row["c"].values()) for key, row in rows(partition, "user-day").items()}
    assert days == {("a",): 2, ("b",): 1, (): 4}


def test_days_expire_and_late_events_of_expired_days_go_with_them() -> None:
    partition = a_day()
    expires = DAY + DAY_MS + 400 * DAY_MS + DAY_MS
    for partition.now in (OLD, expires - 1):
        partition.sweep_round()
    assert len(rows(partition, "user-day")) == 1
    partition.now = expires
    partition.sweep_round()
    assert len(partition.shard) == 0
    partition.fold([Call("ann", DAY)])
    partition.sweep_round()
    assert len(partition.shard) == 0


def test_minutes_of_three_days_ago_are_let_go_of_and_their_counts_kept() -> None:
    partition = Partition(DAY)
    busy = [Call("ann", DAY + n * 60_000, 200 if n % 3 else 500) for n in range(60)]
    partition.fold([*busy, Call("bob", DAY + 5 * 60_000)])
    hour_ends = DAY + HOUR_MS
    partition.now = hour_ends + 3 * DAY_MS - 1
    assert partition.sweep() == {}
    partition.now += 1
    partition.sweep_round()
    assert rows(partition, "user")["user", DAY, "ann"]["c"] == {"02": 40, "05": 20}
    assert rows(partition, "user")["user", DAY, "bob"]["c"] == {"52": 1}, "not worth a write"
    partition.fold([Call("ann", DAY + 7 * 60_000)])
    assert rows(partition, "user")["user", DAY, "ann"]["c"] == {"02": 40, "05": 20, "72": 1}
    assert partition.totals()["user"] == partition.truth()


def test_a_step_changes_a_bounded_number_of_rows_and_a_round_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_aging, "SWEEP_ROWS_MAX", 30)
    partition = Partition(OLD)
    partition.fold([Call(f"u{n}", DAY + n % 24 * HOUR_MS) for n in range(240)])
    before = len(partition.shard)
    changes = partition.sweep()
    assert 30 <= len(changes) < 30 + 25
    steps = partition.sweep_round()
    assert steps >= before // 55
    assert not rows(partition, "user")
    assert partition.totals()["user"] == partition.truth()
