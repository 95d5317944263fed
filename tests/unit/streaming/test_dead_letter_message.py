"""A dead letter keeps everything of its record and says where it stood and why it is there."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from carbon_stream.streaming.dead_letters import ERROR_BYTES_MAX, DeadLetter, message, spread


@dataclass
class Record:
    key: bytes | None = b"key"
    value: bytes | None = b"\xff\x00"
    topic: str = "t"
    partition: int = 7
    offset: int = 42
    timestamp: int = 1_764_000_000_000
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


def test_key_value_and_headers_are_kept_and_the_origin_is_added() -> None:
    key, value, headers = message(DeadLetter(Record(headers=[("ce_id", b"1"), ("ce_id", b"2")]), "not-utf8", "why"))
    assert (key, value) == (b"key", b"\xff\x00")
    assert headers[:2] == [("ce_id", b"1"), ("ce_id", b"2")]
    assert dict(headers[2:]) == {
        "carbon-stream-origin-topic": b"t",
        "carbon-stream-origin-partition": b"7",
        "carbon-stream-origin-offset": b"42",
        "carbon-stream-origin-timestamp": b"1764000000000",
        "carbon-stream-reason": b"not-utf8",
        "carbon-stream-error": b"why",
    }


def test_headers_that_look_like_ours_cannot_pass_for_ours() -> None:
    _, _, headers = message(DeadLetter(Record(headers=[("carbon-stream-reason", b"trust me")]), "invalid", "why"))
    assert ("carbon-stream-original-reason", b"trust me") in headers
    assert [value for name, value in headers if name == "carbon-stream-reason"] == [b"invalid"]


def test_a_record_with_neither_key_nor_value_gets_an_empty_key_and_says_so() -> None:
    key, value, headers = message(DeadLetter(Record(key=None, value=None), "empty", "why"))
    assert (key, value) == (b"", None)
    assert ("carbon-stream-null-key", b"1") in headers


def test_a_null_key_with_a_value_stays_null() -> None:
    key, _, headers = message(DeadLetter(Record(key=None), "empty", "why"))
    assert key is None
    assert "carbon-stream-null-key" not in dict(headers)


def test_an_endless_error_is_cut_between_characters() -> None:
    _, _, headers = message(DeadLetter(Record(), "invalid", "ü" * 5_000))
    error = dict(headers)["carbon-stream-error"]
    assert len(error) <= ERROR_BYTES_MAX
    assert set(error.decode()) == {"ü"}


def test_letters_go_to_their_origins_partition_as_far_as_there_are_any() -> None:
    assert [n for n, _ in spread([DeadLetter(Record(), "r", "e"), DeadLetter(Record(partition=2), "r", "e")], 6)] == [
        1,
        2,
    ]
