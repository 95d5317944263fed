"""A dead letter read back from its record: the producer's bytes and headers, and where and why it was refused."""

import base64
from dataclasses import dataclass

import pytest

from carbon_stream.dead_letters.record import DeadLetter, Origin, parse_id
from carbon_stream.streaming import dead_letters as written


@dataclass
class Record:
    """A record as a consumer brings it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def read_back(record: Record, reason: str = "not-json", error: str = "no JSON") -> DeadLetter:
    """What a stage writes, read as the reader does."""
    key, value, headers = written.message(written.DeadLetter(record, reason, error))
    return DeadLetter.from_record(3, 99, 1_700_000_000_000, key, value, headers)


def record(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> Record:
    return Record("audit-api-calls", 7, 41, 1_699_999_999_000, key, value, headers or [])


@pytest.mark.parametrize("key", [None, b"", b"trino", b"\xff\x00"])
@pytest.mark.parametrize("value", [None, b"", b'{"broken', b"\xff\xfe"])
def test_bytes_and_origin_come_back_as_they_were(key: bytes | None, value: bytes | None) -> None:
    letter = read_back(record(key, value))
    assert (letter.key, letter.value) == (key, value)
    assert letter.origin == Origin("audit-api-calls", 7, 41, 1_699_999_999_000)
    assert (letter.reason, letter.error, letter.id) == ("not-json", "no JSON", "3-99")


def test_headers_of_the_producer_come_back_under_their_own_names() -> None:
    headers = [("traceparent", b"00-1-2-01"), ("carbon-stream-reason", b"mine"), ("x", b"\xff"), ("x", b"again")]
    assert list(read_back(record(b"k", b"v", headers)).headers) == headers


def test_the_document_has_bytes_in_base64_and_null_where_there_were_none() -> None:
    document = read_back(record(None, b"\xff\xfe", [("h", b"\x00")])).document()
    assert document["key"] is None
    assert base64.b64decode(document["value"]) == b"\xff\xfe"
    assert document["headers"] == [{"name": "h", "value": "AA=="}]
    assert document["origin"] == {
        "topic": "audit-api-calls",
        "partition": 7,
        "offset": 41,
        "timestamp": 1_699_999_999_000,
    }


def test_a_record_that_something_else_wrote_is_shown_without_an_origin() -> None:
    letter = DeadLetter.from_record(0, 1, 5, b"k", b"v", [("other", b"x"), ("carbon-stream-origin-partition", b"two")])
    assert (letter.reason, letter.origin) == ("unknown", None)
    assert letter.document()["origin"] is None
    assert letter.headers == (("other", b"x"),)


def test_a_replay_says_what_it_replays_once() -> None:
    once = read_back(record(b"k", b"v", [("a", b"1")]))
    assert once.replay_headers() == [("a", b"1"), ("carbon-stream-replayed-from", b"3-99")]
    # It came back: the stage keeps its header under the prefix for headers that look like ours.
    twice = read_back(record(b"k", b"v", [(name, value or b"") for name, value in once.replay_headers()]))
    assert twice.replay_headers() == [("a", b"1"), ("carbon-stream-replayed-from", b"3-99")]


@pytest.mark.parametrize(
    ("text", "place"),
    [("3-99", (3, 99)), ("0-0", (0, 0)), ("", None), ("3", None), ("-3-9", None), ("a-1", None), ("3-9\n", None)],
)
def test_ids(text: str, place: tuple[int, int] | None) -> None:
    assert parse_id(text) == place
