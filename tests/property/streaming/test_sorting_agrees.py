"""The quick sorting of plain batches and the careful one give the same, whatever the records are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.streaming import sorting
from carbon_stream.streaming.deduplication import Budget, Seen, digest
from carbon_stream.streaming.sorting import Sorted

T = 1_764_000_000_000


@dataclass(frozen=True)
class Event:
    source: str
    event_id: str | None
    timestamp: int | None


class Refused(ValueError):
    reason = "not-json"


@dataclass
class Record:
    offset: int
    value: bytes | None
    timestamp: int
    topic: str = "t"
    partition: int = 3
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


def decode(value: bytes | None) -> Event:
    try:
        return Event(*orjson.loads(value or b""))
    except (ValueError, TypeError) as exc:
        raise Refused(str(exc)) from None


times = st.integers(T - 7_200_000, T + 600_000)
plain = st.tuples(st.sampled_from(["a", "b"]), st.uuids().map(str), st.integers(T - 60_000, T)).map(orjson.dumps)
odd = st.one_of(
    st.none(),
    st.binary(max_size=4),
    st.tuples(st.just("a"), st.sampled_from(["1", "2", None]), st.one_of(st.none(), times)).map(orjson.dumps),
)
values = st.lists(plain, max_size=12) | st.lists(plain | odd, max_size=12)
offsets = st.lists(st.integers(0, 40), min_size=12, max_size=12)


@given(values, offsets, st.booleans(), st.integers(0, 30), st.sets(st.sampled_from(["1", "2"])))
def test_both_ways_of_sorting_agree(
    made: list[bytes | None], places: list[int], ordered: bool, position: int, known: set[str]
) -> None:
    places = sorted(set(places)) if ordered else places
    records = [Record(o, v, T + o) for o, v in zip(places, made, strict=False)]
    seen = Seen("t", Budget())
    digests = {int.from_bytes(digest("a", name), "big"): digest("a", name) for name in known}
    seen.apply(seen.plan(digests, 0, T))
    if not records:
        return
    got = sorting.sort(records, position, seen, decode, Refused)
    fresh, at = [], position
    for record in records:
        if record.offset >= at:
            fresh.append(record)
            at = record.offset + 1
    if not fresh:
        assert got is None
        return
    want: Sorted = sorting._one_by_one(fresh, seen, decode, Refused, None)
    assert got == want
    assert len(want.entries) + want.duplicate + len(want.dead) == len(fresh)
