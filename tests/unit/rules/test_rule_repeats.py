"""Rules that count: so many events of one kind within a time, each counted once, then anew."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts.names import RULE_REPEATS
from carbon_stream.projections.rows import MemoryRows
from carbon_stream.rules import repeats
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.reading import read
from carbon_stream.rules.sending import Arrival
from carbon_stream.streaming.entry import Entry

T = 1_764_000_000_000
RULE = read("", Hosts([])).rules[1]


def failure(number: int, user: str, at: int) -> Arrival:
    event = {
        "eventId": f"e{number}", "eventType": "AuditUserActionEvent", "source": "portal", "timestamp": at,
        "userId": user, "username": user, "action": "LOGIN", "resource": "/login", "resourceType": "page",
        "result": "FAILURE", "ipAddress": "10.0.0.1", "details": {"password": "no"},
    }  # fmt: skip
    return Arrival(event, "audit-user-actions", 0, number, at)


def counted(arrivals: list[Arrival], cut: int = 1) -> list[dict[str, Any]]:
    """Through the topic of ours and its stage, some at a time; what is sent in the end."""
    assert RULE.repeats is not None
    rows = MemoryRows()
    entries = []
    for number, arrival in enumerate(arrivals):
        made = repeats.occurrence(RULE, RULE.repeats, arrival)
        assert made.topic == RULE_REPEATS
        assert made.key == orjson.dumps(["repeated-failures", arrival.data["userId"]])
        event = repeats.decoder(RULE_REPEATS)(made.value)
        entries.append(Entry(event, event.timestamp, RULE_REPEATS, 0, number, arrival.at))
    for start in range(0, len(entries), cut):
        repeats.fold(rows, RULE_REPEATS, entries[start : start + cut])  # type: ignore[arg-type]
    assert all(forward.by == RULE.name and forward.topic == "security-events" for forward in rows.forwards)
    return [orjson.loads(forward.value) for forward in rows.forwards]


def test_the_tenth_failure_within_five_minutes_is_told_and_counting_begins_anew() -> None:
    arrivals = [failure(n, "ann", T + n * 1_000) for n in range(25)]
    told = counted(arrivals)
    assert [event["causationId"] for event in told] == ["e9", "e19"]
    assert {event["severity"] for event in told} == {"HIGH"}
    assert told[0]["context"]["forwarded"]["times"] == 10
    assert "details" not in told[0]


def test_ten_in_more_than_five_minutes_are_not() -> None:
    assert not counted([failure(n, "ann", T + n * 34_000) for n in range(30)])
    assert counted([failure(n, "ann", T + n * 33_000) for n in range(10)])


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 900_000)), max_size=60),
    st.integers(1, 60),
)
def test_any_failures_are_counted_as_one_would_by_hand(seen: list[tuple[str, int]], cut: int) -> None:
    arrivals = [failure(n, user, T + at) for n, (user, at) in enumerate(seen)]
    expected = []
    held: dict[str, list[int]] = {"a": [], "b": []}
    for number, (user, at) in enumerate(seen):
        held[user].append(at)
        newest = max(held[user])
        held[user] = [one for one in held[user] if newest - one < 300_000]
        if len(held[user]) >= 10:
            expected.append(f"e{number}")
            held[user] = []
    assert [event["causationId"] for event in counted(arrivals, cut)] == expected


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    rows = MemoryRows()
    assert RULE.repeats is not None
    for number, at in enumerate((T, T + 200_000)):
        made = repeats.occurrence(RULE, RULE.repeats, failure(number, f"u{number}", at))
        event = repeats.decoder(RULE_REPEATS)(made.value)
        repeats.fold(rows, RULE_REPEATS, [Entry(event, at, RULE_REPEATS, 0, number, at)])  # type: ignore[arg-type]
    repeats.sweep(rows, T + 300_001)  # type: ignore[arg-type]
    assert list(rows.rows) == [("repeat", "repeated-failures", "u1")]
