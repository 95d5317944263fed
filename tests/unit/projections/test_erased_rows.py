"""A person goes out of the rows, and every count stays."""

from __future__ import annotations

from typing import Any

from carbon_stream.projections.audit_columns import bounded
from carbon_stream.projections.erasure import ERASED, ERASERS
from carbon_stream.projections.rows import MemoryRows, Row

HOUR = 1_764_000_000_000
ALL = 1 << 30


def counted(**cells: int) -> Row:
    return {"v": 1, "t": HOUR + sum(cells.values()), "c": {f"{name[1:]}{name[0]}": n for name, n in cells.items()}}


def rows_of(**kinds: Any) -> MemoryRows:
    made = MemoryRows()
    for name, row in kinds.items():
        kind, _, entity = name.partition("__")
        made.put((kind.replace("_", "-"), HOUR, entity) if entity else (kind.replace("_", "-"), HOUR), row)
    return made


def total(rows: MemoryRows, kind: str) -> int:
    return sum(sum(row["c"].values()) for key, row in rows.rows.items() if key[0] == kind)


def test_the_counts_of_a_user_go_on_among_all_others() -> None:
    rows = rows_of(
        user__ann=counted(S1=2, F3=1) | {"s": {"7": 3}},
        user__bob=counted(S1=5),
        user=counted(S1=1) | {"s": {"7": 1, "8": 1}},
        user_day__ann=counted(S=9),
        service__ann=counted(S1=3),
        resource__ann=counted(S1=4),
    )
    before = {kind: total(rows, kind) for kind in ("user", "user-day", "service", "resource")}
    assert ERASERS["audit"](rows, "ann", ALL) == 4
    assert {kind: total(rows, kind) for kind in before} == before
    assert ("user", HOUR, "ann") not in rows.rows
    assert ("user-day", HOUR, "ann") not in rows.rows
    assert rows.rows["user", HOUR]["c"] == {"1S": 3, "3F": 1}
    assert rows.rows["user", HOUR]["s"] == {"7": 4, "8": 1}
    assert rows.rows["user", HOUR]["t"] == HOUR + 3
    assert ("service", HOUR, "ann") in rows.rows, "a service of that name is no person"
    assert ERASERS["audit"](rows, "ann", ALL) == 0, "the second time finds nothing"


def test_a_dataset_forgets_her_access_and_nobody_elses() -> None:
    rows = MemoryRows()
    row = {"v": 1, "lastRead": 5, "lastWrite": None, "users": {"ann": 5, "bob": 4}}
    rows.put(("access", "prices"), row)
    rows.put(("access", "weather"), row | {"users": {"bob": 4}})
    assert ERASERS["audit"](rows, "ann", ALL) == 1
    assert rows.rows["access", "prices"] == {"v": 1, "lastRead": 5, "lastWrite": None, "users": {"bob": 4}}


def test_a_name_that_was_too_long_for_a_row_is_found() -> None:
    long = "x" * 1_000
    rows = MemoryRows()
    rows.put(("user", HOUR, bounded(long)), counted(S1=1))
    assert ERASERS["audit"](rows, long, ALL) == 2
    assert set(rows.rows) == {("user", HOUR)}


def test_work_is_done_in_parts_and_comes_to_an_end() -> None:
    rows = MemoryRows()
    for hour in range(50):
        rows.put(("user", HOUR + hour * 3_600_000, "ann"), counted(S1=1))
    rounds = 0
    while changed := ERASERS["audit"](rows, "ann", 10):
        assert changed <= 11
        rounds += 1
    assert rounds == 10
    assert total(rows, "user") == 50


def test_what_was_deployed_stays_and_who_did_it_does_not() -> None:
    rows = MemoryRows()
    items = [{"at": 1, "version": "2", "deployedBy": "ann"}, {"at": 0, "version": "1", "deployedBy": "bob"}]
    rows.put(("deployment", "shop", "web", 1), {"v": 1, "items": items})
    rows.put(("config", "shop", "web", 1), {"v": 1, "items": [{"at": 1, "key": "k", "changedBy": "ann"}]})
    rows.put(("current", "shop", "web"), {"v": 1, "source": "ann", "seen": 1})
    assert ERASERS["health"](rows, "ann", ALL) == 2
    assert [item["deployedBy"] for item in rows.rows["deployment", "shop", "web", 1]["items"]] == [ERASED, "bob"]
    assert rows.rows["config", "shop", "web", 1]["items"] == [{"at": 1, "key": "k", "changedBy": ERASED}]
    assert ERASERS["health"](rows, "ann", ALL) == 0
