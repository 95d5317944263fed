"""The audit view's summaries equal a brute-force count over the events, whatever partitions their rows come from."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from carbon_stream.projections import audit
from carbon_stream.projections.rows import Entry, Key, MemoryRows
from carbon_stream.projections.sketch import RELATIVE_ERROR_MAX
from carbon_stream.views.audit import AuditView
from tests.support.pauses import pauses

NOW = int(time.time() * 1000)
HOUR = NOW // 3_600_000 * 3_600_000


@dataclass
class Call:
    user_id: str
    service: str
    status_code: int
    latency_ms: float
    at: int
    method: str = "GET"
    endpoint: str = "/a"
    event_type: str = "AuditAPICallEvent"


def calls(count: int, seed: int, hours: int = 30, users: int = 20) -> list[Call]:
    rng = random.Random(seed)
    return [
        Call(
            f"u{rng.randrange(users)}",
            rng.choice(("trino", "kong")),
            rng.choice((200, 200, 301, 401, 404, 500)),
            rng.expovariate(0.01),
            HOUR - rng.randrange(hours * 3_600_000),
        )
        for _ in range(count)
    ]


def loaded(events: list[Call], partitions: int = 3) -> AuditView:
    view = AuditView()
    for partition in range(partitions):
        rows = MemoryRows()
        part = events[partition::partitions]
        entries = [Entry(e, e.at, "audit-api-calls", partition, n, e.at) for n, e in enumerate(part)]
        audit.fold(rows, "audit-api-calls", entries)
        for key, row in rows.rows.items():
            view.apply(partition, key, orjson.loads(orjson.dumps(row)))
    return view


def result(status: int) -> str:
    return "DENIED" if status in (401, 403) else "FAILURE" if status >= 400 else "SUCCESS"


def quantile(latencies: list[float], q: float) -> float:
    return sorted(latencies)[max(1, -int(-q * len(latencies) // 1)) - 1]


MINUTE = 60_000
RANGES = [
    (HOUR - 40 * 3_600_000, HOUR + 3_600_000),
    (HOUR - 5 * 3_600_000, HOUR),
    (HOUR - 5 * 3_600_000 + 7 * MINUTE, HOUR - 2 * 3_600_000 - 11 * MINUTE),
    (HOUR - 3_600_000 + MINUTE, HOUR - 3_600_000 + 2 * MINUTE),
    (HOUR + 3_600_000, HOUR + 7_200_000),
]


@pytest.mark.parametrize(("start", "end"), RANGES)
@pytest.mark.parametrize("by", ["user", "service", "result", "eventType"])
async def test_summaries_equal_a_brute_force_count(by: str, start: int, end: int) -> None:
    events = calls(3_000, 1)
    answer = await loaded(events).summary(by, start, end, 1_000)
    names = {"user": "user_id", "service": "service", "eventType": "event_type"}
    groups: dict[str, list[Call]] = {}
    for event in events:
        if start <= event.at < end:
            key = result(event.status_code) if by == "result" else getattr(event, names[by])
            groups.setdefault(key, []).append(event)
    assert answer["total"] == sum(map(len, groups.values()))
    assert answer["omitted"] == 0
    order = sorted(groups, key=lambda key: (-len(groups[key]), key))
    assert [group["key"] for group in answer["groups"]] == order
    for group in answer["groups"]:
        expected = groups[group["key"]]
        results = Counter(result(event.status_code) for event in expected)
        assert group["count"] == len(expected)
        assert group["results"] == {name: results[name] for name in ("SUCCESS", "FAILURE", "DENIED")}
        assert group["statusClasses"] == Counter(f"{event.status_code // 100}xx" for event in expected)
        last = max(event.at for event in expected)
        assert last <= group["lastSeen"] < last // MINUTE * MINUTE + MINUTE


async def test_latencies_and_last_seen_of_whole_hours() -> None:
    events = calls(3_000, 2)
    [group] = (await loaded(events).summary("eventType", HOUR - 9 * 3_600_000, HOUR, 10))["groups"]
    expected = [event for event in events if event.at >= HOUR - 9 * 3_600_000]
    assert group["lastSeen"] == max(event.at for event in expected)
    for name, q in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        true = quantile([event.latency_ms for event in expected], q)
        assert abs(group["latencyMs"][name] - true) <= RELATIVE_ERROR_MAX * true


async def test_the_largest_groups_are_shown_and_the_others_counted() -> None:
    view = loaded(calls(2_000, 3))
    everything = await view.summary("user", 0, NOW * 2, 1_000)
    some = await view.summary("user", 0, NOW * 2, 7)
    assert some["groups"] == everything["groups"][:7]
    assert some["omitted"] == len(everything["groups"]) - 7
    assert some["total"] == everything["total"] == 2_000


async def test_rows_are_replaced_and_tombstones_remove_them() -> None:
    view = AuditView()
    key: Key = ("user", HOUR, "alice")
    view.apply(0, key, {"v": 1, "t": HOUR, "c": {"0S": 1}})
    view.apply(1, key, {"v": 1, "t": HOUR, "c": {"0S": 10}})
    view.apply(0, key, {"v": 1, "t": HOUR, "c": {"0S": 2}})
    assert (await view.summary("user", HOUR, HOUR + 3_600_000, 5))["total"] == 12
    view.apply(0, key, None)
    view.apply(0, ("user", HOUR, "nobody"), None)
    assert (await view.summary("user", HOUR, HOUR + 3_600_000, 5))["total"] == 10
    view.clear(1)
    assert (await view.summary("user", HOUR, HOUR + 3_600_000, 5))["groups"] == []
    assert len(view) == 0


async def test_the_rest_is_not_a_user_called_other() -> None:
    view = AuditView()
    view.apply(0, ("user", HOUR, "other"), {"v": 1, "t": HOUR + 1, "c": {"0S": 1}})
    view.apply(0, ("user", HOUR), {"v": 1, "t": HOUR + 2, "c": {"1D": 5}})
    groups = (await view.summary("user", HOUR, HOUR + 3_600_000, 5))["groups"]
    assert [(group["key"], group["count"], group.get("overflow", False)) for group in groups] == [
        ("other", 5, True),
        ("other", 1, False),
    ]
    assert groups[0]["latencyMs"] is None
    assert groups[0]["statusClasses"] == {}


async def test_rows_of_other_kinds_are_passed_over() -> None:
    view = AuditView()
    view.apply(0, ("ledger", "audit-api-calls"), {"v": 1, "position": 3, "at": 5})
    view.apply(0, ("access", "prices"), {"v": 1, "lastRead": 1, "lastWrite": None, "users": {}})
    assert len(view) == 0


async def test_minutes_of_old_hours_are_let_go_and_their_counts_kept() -> None:
    view = AuditView()
    old = HOUR - 60 * 3_600_000
    view.apply(0, ("user", old, "alice"), {"v": 1, "t": old, "c": {"0S": 1, "59D": 2}})
    assert (await view.summary("user", old, old + 3_600_000, 5))["total"] == 3
    assert view._days["user"][old // 86_400_000 * 86_400_000].hours[old].minutes is None


async def test_a_large_summary_gives_way_to_other_tasks() -> None:
    view = AuditView()
    for n in range(60_000):
        view.apply(n % 12, ("user", HOUR - n % 5 * 3_600_000, f"u{n}"), {"v": 1, "t": HOUR, "c": {"0S": 1}})
    async with pauses() as seen:
        answer: dict[str, Any] = await view.summary("user", 0, NOW * 2, 10)
    assert answer["total"] == 60_000
    assert len(seen) > 10
    assert max(seen) < sum(seen) / 2, "all at once would be nearly the whole of it"
