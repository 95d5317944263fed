"""What a search accepts, the shortcut by which it passes most records over, and the cursor that continues it."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts.codec import decoder
from carbon_stream.errors import ProblemError
from carbon_stream.projections.audit_columns import bounded
from carbon_stream.query.audit_search import AUDIT_TOPICS, Search, acceptor, decode_cursor, encode_cursor

NOW = 1_790_000_000_000


@dataclass
class Record:
    value: bytes | None
    topic: str = "audit-user-actions"
    partition: int = 0
    offset: int = 0
    timestamp: int = NOW
    headers: Sequence[tuple[str, bytes]] = ()


def action(**fields: Any) -> dict[str, Any]:
    return {
        "eventType": "AuditUserActionEvent",
        "source": "portal",
        "userId": "alice",
        "username": "Alice",
        "action": "LOGIN",
        "resource": "portal",
        "resourceType": "app",
        "result": "SUCCESS",
        "ipAddress": "unknown",
        **fields,
    }


def accepts(search: Search, value: bytes | None) -> bool:
    return acceptor(search, lambda: None)(Record(value))


words = st.text(min_size=1, max_size=5) | st.sampled_from(["a/b", 'q"', "b\\s", "ünï", "…", "\t", "😀", "anonymous"])


def is_json_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


@given(words.filter(is_json_text), words.filter(is_json_text), st.booleans())
def test_the_shortcut_passes_over_nothing_that_is_asked_for(wanted: str, found: str, escaped: bool) -> None:
    data = action(userId=found, eventId=found, correlationId=found, resource=found)
    raw = json.dumps(data, ensure_ascii=escaped).encode()
    event = decoder("audit-user-actions")(raw)
    for name in ("user", "event_id", "correlation_id", "resource"):
        search = Search(**{name: wanted})  # type: ignore[arg-type]  # all of these are text
        assert accepts(search, raw) == search.accepts("audit-user-actions", event, NOW) == (wanted == found)


def test_a_very_long_entity_is_found_by_both_names() -> None:
    name = "x" * 1_000
    raw = orjson.dumps(action(userId=name))
    assert accepts(Search(user=name), raw)
    assert accepts(Search(user=bounded(name)), raw)
    assert not accepts(Search(user=bounded(name)[:-1]), raw)


def test_time_is_the_events_own_unless_it_is_absent_or_too_far_ahead() -> None:
    since = Search(start=NOW, end=NOW + 1)
    assert accepts(since, orjson.dumps(action(timestamp=NOW)))
    assert not accepts(since, orjson.dumps(action(timestamp=NOW - 1)))
    assert not accepts(since, orjson.dumps(action(timestamp=NOW + 300_000)))
    assert accepts(since, orjson.dumps(action(timestamp=NOW + 300_001)))
    assert accepts(since, orjson.dumps(action()))


def test_what_cannot_be_decoded_is_passed_over_and_told() -> None:
    told: list[None] = []
    accept = acceptor(Search(), lambda: told.append(None))
    assert not accept(Record(b"no json"))
    assert not accept(Record(orjson.dumps({"eventType": "AuditUserActionEvent"})))
    assert not accept(Record(None))
    assert len(told) == 2


rests = st.dictionaries(
    st.builds(TopicPartition, st.sampled_from(AUDIT_TOPICS), st.integers(0, 500)), st.integers(0, 2**62), max_size=50
)


@given(st.tuples(rests, rests))
def test_a_cursor_says_where_to_go_on(parts: tuple[dict[TopicPartition, int], dict[TopicPartition, int]]) -> None:
    assert decode_cursor(Search(user="a"), encode_cursor(Search(user="a"), parts)) == list(parts)


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_nonsense_is_no_cursor(text: str) -> None:
    with pytest.raises(ProblemError) as refused:
        decode_cursor(Search(), text)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    "parts",
    [
        5,
        [{}],
        [{}, {}, {}],
        [{"x": 1}, {}],
        [{"data-lineage": [[0, 1]]}, {}],
        *([{AUDIT_TOPICS[0]: [place]}, {}] for place in (["0", 1], [0, -1], [0, True], [[], 1], [0])),
    ],
)
def test_a_cursor_that_was_tampered_with_is_refused(parts: Any) -> None:
    raw = base64.urlsafe_b64encode(orjson.dumps([1, Search().digest(), parts])).decode().rstrip("=")
    with pytest.raises(ProblemError):
        decode_cursor(Search(), raw)


def test_a_cursor_belongs_to_its_search() -> None:
    cursor = encode_cursor(Search(user="a"), [{}, {}])
    with pytest.raises(ProblemError, match="other parameters"):
        decode_cursor(Search(user="b"), cursor)
