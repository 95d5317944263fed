"""Rows within a unit of work: changes are seen inside it, and nowhere else before they are applied."""

import orjson
import pytest

from carbon_stream.streaming.memory import MemoryShard
from carbon_stream.streaming.rows import Work, decode_key, encode_key


def shard(**rows: int) -> MemoryShard:
    made = MemoryShard()
    made.apply({encode_key(("user", 0, name)): orjson.dumps({"n": n}) for name, n in rows.items()}, {}, 0)
    return made


def test_a_change_is_seen_in_its_own_work_only() -> None:
    committed = shard(ann=1)
    work, other = Work(committed), Work(committed)
    work.put(("user", 0, "ann"), {"n": 2})
    assert work.get(("user", 0, "ann")) == {"n": 2}
    assert other.get(("user", 0, "ann")) == {"n": 1}
    assert orjson.loads(committed.get(encode_key(("user", 0, "ann"))) or b"") == {"n": 1}


def test_a_row_that_was_read_and_changed_but_not_put_stays_as_it_was() -> None:
    work = Work(shard(ann=1))
    row = work.get(("user", 0, "ann"))
    assert row is not None
    row["n"] = 9
    assert work.changes() == {}


def test_a_deleted_row_is_a_tombstone_and_an_absent_one_is_nothing() -> None:
    work = Work(shard(ann=1))
    work.delete(("user", 0, "ann"))
    work.delete(("user", 0, "bob"))
    assert work.changes() == {encode_key(("user", 0, "ann")): None}
    assert work.get(("user", 0, "ann")) is None


def test_a_row_put_as_it_was_is_not_written_again() -> None:
    work = Work(shard(ann=1))
    work.put(("user", 0, "ann"), {"n": 1})
    assert work.changes() == {}


def test_counts_follow_puts_and_deletes_before_and_after_commit() -> None:
    committed = shard(ann=1, bob=1)
    work = Work(committed)
    work.put(("user", 0, "cid"), {"n": 1})
    work.put(("user", 1, "ann"), {"n": 1})
    work.delete(("user", 0, "ann"))
    work.put(("user", 0, "bob"), {"n": 2})
    assert (work.count("user", 0), work.count("user", 1)) == (2, 1)
    committed.apply(work.changes(), {}, 0)
    assert (committed.count(("user", 0)), committed.count(("user", 1))) == (2, 1)
    assert len(committed) == 3


def test_a_row_deleted_and_put_again_counts_once() -> None:
    committed = shard(ann=1)
    work = Work(committed)
    work.delete(("user", 0, "ann"))
    work.put(("user", 0, "ann"), {"n": 5})
    assert work.count("user", 0) == 1
    committed.apply(work.changes(), {}, 0)
    assert committed.count(("user", 0)) == 1


class CountedShard(MemoryShard):
    """Counts how often a row is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def get(self, key: bytes) -> bytes | None:
        self.asked += 1
        return super().get(key)


def test_a_shard_is_asked_once_for_a_row() -> None:
    counted = CountedShard()
    work = Work(counted)
    assert work.get(("user", 0, "ann")) is None
    work.put(("user", 0, "ann"), {"n": 1})
    assert len(work.changes()) == 1
    assert counted.asked == 1


@pytest.mark.parametrize("key", [("a",), ("user", 1764000000000, "ann"), ("edge", "s3://a/ü", "b", "COPY", "x")])
def test_keys_come_back_as_they_went(key: tuple[str | int, ...]) -> None:
    assert decode_key(encode_key(key)) == key


def test_a_key_that_is_no_array_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON array"):
        decode_key(b'{"a": 1}')
