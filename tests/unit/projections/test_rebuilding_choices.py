"""What stands after a rebuild where the topics begin in the middle of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carbon_stream.projections.rebuilding import REBUILDINGS, since_of
from carbon_stream.projections.rows import Key, Row

DAY = 1_763_942_400_000
HOUR = 3_600_000
NOON = DAY + 12 * HOUR


def chosen(table: str, old: Mapping[Any, Row], new: Mapping[Any, Row], since: int = NOON) -> dict[Key, Row]:
    return REBUILDINGS[table].choose(old, new, since)


def counted(**cells: int) -> Row:
    return {"v": 1, "t": 0, "c": cells}


def test_what_a_topic_has_lost_counts_before_the_hour_that_is_made_again() -> None:
    assert since_of(NOON - 5 * 60_000) == NOON
    assert since_of(NOON - 5 * 60_000 + 1) == NOON + HOUR


def test_hours_before_stay_and_hours_since_are_made_again() -> None:
    old = {
        ("user", NOON - HOUR, "ann"): counted(S=3),
        ("user", NOON, "ann"): counted(S=9),
        ("user", NOON): counted(S=1),
    }
    new = {("user", NOON, "ann"): counted(S=5)}
    assert chosen("audit", old, new) == {("user", NOON - HOUR, "ann"): counted(S=3)} | new


def test_a_day_made_of_its_hours_cannot_be_taken_apart() -> None:
    old = {("user-day", DAY, "ann"): counted(S=9), ("user", NOON + HOUR, "ann"): counted(S=1)}
    new = {("user", NOON, "ann"): counted(S=5), ("user-day", DAY, "bob"): counted(S=5)}
    assert chosen("audit", old, new) == old
    assert chosen("audit", old, new, DAY) == new, "all of it is there"
    assert chosen("audit", old, new, DAY + 24 * HOUR) == old, "none of it"


def test_accesses_since_are_made_again_user_by_user() -> None:
    key: Key = ("access", "prices")
    old = {key: {"v": 1, "lastRead": NOON - 1, "lastWrite": NOON + 9, "users": {"ann": NOON - 1, "bob": NOON + 9}}}
    new = {key: {"v": 1, "lastRead": None, "lastWrite": NOON + 3, "users": {"cy": NOON + 3}}}
    merged = {"v": 1, "lastRead": NOON - 1, "lastWrite": NOON + 3, "users": {"ann": NOON - 1, "cy": NOON + 3}}
    assert chosen("audit", old, new) == {key: merged}
    assert chosen("audit", {key: old[key] | {"lastRead": None, "users": {"bob": NOON + 9}}}, {}) == {}


def observed(*minutes: int) -> dict[str, Any]:
    return {"v": 1, "obs": [minute * 60_000 << 2 for minute in minutes], "counts": [len(minutes), 0, 0, 0]}


def test_a_day_of_health_is_put_together_where_its_observations_end_before() -> None:
    day, noon = DAY // (24 * HOUR), NOON // HOUR
    key: Key = ("health-day", "shop", "web", day)
    old = {key: observed(60, 700), ("health", "shop", "web", noon): observed(1)}
    new = {("health", "shop", "web", noon): observed(2), key: observed(840)}
    assert chosen("health", old, new) == {key: observed(60, 700, 840), ("health", "shop", "web", noon): observed(2)}
    late = {key: observed(60, 721)}
    assert chosen("health", late, new) == late, "some of the day's observations are later: it cannot be taken apart"


def test_what_was_seen_last_is_what_is_made_again_or_older() -> None:
    key: Key = ("current", "shop", "web")
    old = {key: {"v": 1, "at": NOON - 1, "seen": NOON + 5}}
    assert chosen("health", old, {}) == old
    assert chosen("health", {key: old[key] | {"at": NOON}}, {}) == {}, "the topic has it not"
    assert chosen("health", old, {key: {"v": 1, "at": NOON, "seen": NOON}}) == {
        key: {"v": 1, "at": NOON, "seen": NOON + 5}
    }


def test_a_days_deployments_before_stay() -> None:
    key: Key = ("deployment", "shop", "web", DAY // (24 * HOUR))
    old: dict[Key, Row] = {key: {"v": 1, "items": [{"at": NOON + 1, "offset": 8}, {"at": NOON - 1, "offset": 3}]}}
    new = {key: {"v": 1, "items": [{"at": NOON + 2, "offset": 9}]}}
    assert chosen("health", old, new)[key]["items"] == [{"at": NOON + 2, "offset": 9}, {"at": NOON - 1, "offset": 3}]
    assert chosen("health", {key: {"v": 1, "items": old[key]["items"][:1]}}, {}) == {}


def edge(**parts: Any) -> Row:
    row: Row = {"v": 1, "count": 1, "first": NOON, "last": NOON, "seen": NOON, "columns": [], "dropped": False}
    return row | {"query": None} | parts


def test_an_edge_keeps_the_larger_count_and_its_older_columns() -> None:
    key: Key = ("edge", "a", "b", "COPY", "nightly")
    old = {key: edge(count=7, first=NOON - 9, columns=[["x", "y", None, NOON - 9, 1], ["p", "q", None, NOON + 1, 4]])}
    new = {key: edge(count=2, first=NOON + 2, last=NOON + 3, columns=[["x", "z", None, NOON + 2, 5]])}
    made = chosen("lineage", old, new)[key]
    assert (made["count"], made["first"], made["last"]) == (7, NOON - 9, NOON + 3)
    assert [column[:2] for column in made["columns"]] == [["x", "z"], ["x", "y"]]
    assert chosen("lineage", old, {}) == old
    assert chosen("lineage", {key: edge()}, {}) == {}, "all of its events would have to be there"


def test_sums_over_all_time_never_shrink() -> None:
    key: Key = ("quality", "prices", "nulls")
    old = {key: {"v": 1, "seen": NOON, "counts": {"PASS": 7, "FAIL": 1}, "last": {"at": 1}}}
    new = {key: {"v": 1, "seen": NOON + 1, "counts": {"FAIL": 3}, "last": {"at": 2}}}
    assert chosen("datasets", old, new) == {
        key: {"v": 1, "seen": NOON + 1, "counts": {"PASS": 7, "FAIL": 3}, "last": {"at": 2}}
    }
    assert chosen("datasets", old, {}) == old
