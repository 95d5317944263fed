"""What waits for a reader is bounded, what does not fit is counted and said, and ids never run ahead of events."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import orjson
import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.contracts.exports import example
from carbon_stream.errors import ProblemError
from carbon_stream.live.client import Lines, Message
from carbon_stream.live.filters import filter_of
from carbon_stream.live.frames import Shown, lazily
from carbon_stream.live.positions import decode, encode
from carbon_stream.live.reader import Reader
from carbon_stream.live.routes import HUB
from carbon_stream.settings import Settings
from carbon_stream.web.application import query_application

TOPIC = "system-health"


@dataclass
class Record:
    offset: int
    value: bytes | None
    topic: str = TOPIC
    partition: int = 0
    timestamp: int = 1_700_000_000_000
    headers: Sequence[tuple[str, bytes]] = ()


def show(offset: int, value: bytes | None = None) -> Callable[[], Shown]:
    return lazily(Record(offset, value or orjson.dumps(example("ServiceHealthEvent"))))


def test_a_cloud_event_that_a_producer_wrote_is_shown_as_the_contract_writes_it() -> None:
    event = example("ServiceHealthEvent")
    data = {name: value for name, value in event.items() if name not in ("eventId", "eventType", "source", "timestamp")}
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_type", b"ServiceHealthEvent"),
        ("ce_source", b"probe"),
        ("ce_id", b"h1"),
    ]
    shown = Shown(Record(3, orjson.dumps(data), headers=headers), lambda _: None)
    assert shown.event is not None
    assert {name: shown.event[name] for name in ("eventId", "eventType", "source")} == {
        "eventId": "h1",
        "eventType": "ServiceHealthEvent",
        "source": "probe",
    }
    assert b'"offset":3' in shown.frame
    wrong = Shown(Record(4, orjson.dumps(data), headers=headers[:3]), lambda _: None)
    assert wrong.event is None
    assert wrong.frame.startswith(b"event: refused\n")


def read(chunk: bytes) -> tuple[list[Message], str]:
    lines = Lines()
    messages = [message for line in chunk.split(b"\n") if (message := lines.feed(line))]
    return messages, lines.last_id


async def all_of(reader: Reader) -> tuple[list[Message], str]:
    chunks = b""
    while chunk := await reader.take(0):
        chunks += chunk
    return read(chunks)


async def test_a_reader_that_is_too_slow_is_told_what_it_lacks_where_it_is_missing() -> None:
    dropped: list[int] = []
    reader = Reader(filter_of({}), events_max=3, on_drop=dropped.append)
    for offset in range(5):
        reader.offer(TOPIC, show(offset))
    messages, _ = await all_of(reader)
    assert [message.data.get("offset") for message in messages] == [0, 1, 2, None]
    assert messages[-1] == Message("gap", {"dropped": 2, "skipped": 0})
    assert sum(dropped) == 2
    reader.offer(TOPIC, show(5))
    assert [message.data["offset"] for message in (await all_of(reader))[0]] == [5]


def test_the_bounds_on_readers_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARBON_STREAM_LIVE_READERS_MAX", "2")
    monkeypatch.setenv("CARBON_STREAM_LIVE_READER_EVENTS_MAX", "7")
    hub = query_application(Settings.load())[HUB]
    assert (hub.readers_max, hub.reader_events_max) == (2, 7)


async def test_bytes_are_bounded_too() -> None:
    size = len(show(0)().frame)
    reader = Reader(filter_of({}), bytes_max=2 * size)
    for offset in range(4):
        reader.offer(TOPIC, show(offset))
    messages, _ = await all_of(reader)
    assert [message.kind for message in messages] == ["", "", "gap"]


async def test_a_record_that_is_no_event_is_shown_with_its_reason() -> None:
    reader = Reader(filter_of({}))
    reader.offer(TOPIC, show(7, b'{"eventType": "ServiceHealthEvent", "source": "<script>"}'))
    reader.offer(TOPIC, show(8, b"\xff\n\ndata: forged"))
    (invalid, bytes_), _ = await all_of(reader)
    assert (invalid.kind, invalid.data["reason"], invalid.data["offset"]) == ("refused", "invalid", 7)
    assert {"/serviceName"} <= {error["pointer"] for error in invalid.data["errors"]}
    assert (bytes_.kind, bytes_.data["reason"]) == ("refused", "not-utf8")


async def test_no_text_of_an_event_can_forge_another_message() -> None:
    event = {**example("ServiceHealthEvent"), "message": "a\n\ndata: {}\n\nevent: gap\r\rid: x:1\u2028"}
    reader = Reader(filter_of({}))
    reader.offer(TOPIC, show(1, orjson.dumps(event)))
    messages, last_id = await all_of(reader)
    assert [message.data["message"] for message in messages] == [event["message"]]
    assert last_id == ""


async def test_the_id_stands_for_what_has_been_given_out_and_no_more() -> None:
    reader = Reader(filter_of({}))
    positions = {TopicPartition(TOPIC, 0): 1, TopicPartition("data-lineage", 2): 9}
    reader.offer(TOPIC, show(0))
    reader.mark(positions)
    assert b"id:" not in reader.keep_alive()
    _, last_id = await all_of(reader)
    assert decode(last_id) == positions
    assert read(reader.keep_alive())[1] == last_id


async def test_what_is_not_wanted_moves_the_id_with_the_next_comment() -> None:
    reader = Reader(filter_of({"topic": TOPIC, "entity": "nobody"}))
    reader.offer(TOPIC, show(0))
    reader.mark({TopicPartition(TOPIC, 0): 1, TopicPartition("data-lineage", 0): 5})
    assert await reader.take(0) == b""
    assert read(reader.keep_alive())[1] == "system-health:1"


async def test_a_closed_reader_gives_out_what_waits_and_does_not_wait() -> None:
    reader = Reader(filter_of({}))
    reader.offer(TOPIC, show(0))
    reader.close()
    async with asyncio.timeout(60):
        assert len((await all_of(reader))[0]) == 1
        assert await reader.take(1_000) == b""


places = st.builds(TopicPartition, st.sampled_from(list(BY_NAME)), st.integers(0, 40))


@given(st.dictionaries(places, st.integers(0, 2**63 - 1), min_size=1))
def test_an_id_brings_back_the_positions(positions: dict[TopicPartition, int]) -> None:
    assert decode(encode(positions, BY_NAME)) == positions


@given(st.text(max_size=200))
def test_what_is_no_id_is_refused_and_never_an_error(text: str) -> None:
    with suppress(ProblemError):
        decode(text)


@pytest.mark.parametrize("text", ["", "x", "system-health", "nothing:1", "system-health:1;", "system-health:-1", "é:1"])
def test_these_are_no_ids(text: str) -> None:
    with pytest.raises(ProblemError):
        decode(text)
