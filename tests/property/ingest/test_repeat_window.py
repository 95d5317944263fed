"""What the window packs into bytes comes out again, and what it says follows from what was settled, in any order."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.ingest.delivery import SPOOLED, Delivery, Failed, Outcome, Stored
from carbon_stream.ingest.repeats.window import ROW_BYTES, Mark, Taken, Window, mark_of, place_of
from carbon_stream.routing import Record

PARTITIONS, OFFSETS = st.integers(0, 2**31 - 1), st.integers(0, 2**63 - 1)
FAILED = Failed(True, "Kafka is away")
OUTCOMES = st.one_of(
    st.builds(Stored, PARTITIONS, st.none() | OFFSETS), st.just(SPOOLED), st.just(FAILED), st.just(Failed(False, "no"))
)
NAMES = st.sampled_from("abcdef")
BATCHES = st.lists(st.lists(st.tuples(NAMES, NAMES, OUTCOMES) | st.none(), max_size=5), max_size=8)


def settled(outcomes: list[Outcome]) -> Delivery:
    delivery = Delivery([Record("t", None, b"", [], b"", 0) for _ in outcomes])
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, Stored):
            delivery.store([index], outcome.partition, -1 if outcome.offset is None else outcome.offset)
        elif outcome == SPOOLED:
            delivery.hand_over([index])
            delivery.settle([index], SPOOLED)
        else:
            assert isinstance(outcome, Failed)
            delivery.fail([index], outcome)
    return delivery


def told(digest: bytes, outcome: Outcome) -> tuple[bytes, int, int]:
    """What a repeat is to be told of an event that is durable."""
    if not isinstance(outcome, Stored):
        return digest, -1, -1
    return digest, outcome.partition, -1 if outcome.offset is None else outcome.offset


@given(BATCHES, st.randoms(use_true_random=False), st.integers(1, 6))
@settings(max_examples=300, deadline=None)
def test_a_window_knows_what_is_durable_and_nothing_else(batches: list[Any], chance: Any, events_min: int) -> None:
    asyncio.run(_told_of_batches(batches, chance, events_min))


async def _told_of_batches(batches: list[Any], chance: Any, events_min: int) -> None:
    kept, learned = Window(events_min, 60.0, 0.0), Window(1_000, 60.0, 0.0)
    pending: list[tuple[Taken, list[Outcome]]] = []
    durable: dict[bytes, tuple[bytes, int, int]] = {}
    for batch in batches:
        marks: list[Mark | None] = [None if row is None else mark_of("s", row[0], row[1].encode()) for row in batch]
        outcomes = [SPOOLED if row is None else row[2] for row in batch]
        taken, repeats = Taken(), dict[int, bytes | Taken]()
        new = kept.sift(taken, marks, repeats)
        places = list(range(len(marks))) if new is None else new
        assert sorted([*places, *repeats]) == list(range(len(marks)))
        for index, first in repeats.items():
            identity = (marks[index] or (b"",))[0]
            if isinstance(first, bytes):
                assert place_of(first) == durable[identity]
            else:
                assert first is taken or any(first is other for other, _ in pending)
                assert (first.marks[first.find(identity)] or (b"",))[0] == identity
        pending.append((taken, [outcomes[index] for index in places]))
        if chance.random() < 0.5:
            chance.shuffle(pending)
            while pending:
                learned.learn(_settle(*pending.pop(), durable))
        if chance.random() < 0.3:
            kept.age(0.0)
    for each in pending:
        learned.learn(_settle(*each, durable))
    for identity in {mark[0] for taken, _ in pending for mark in taken.marks if mark is not None}:
        found = kept.find(identity)
        assert found is None or (isinstance(found, bytes) and place_of(found) == durable[identity])
    assert len(learned) == len(durable)


def _settle(taken: Taken, outcomes: list[Outcome], durable: dict[bytes, tuple[bytes, int, int]]) -> bytes:
    rows = b"".join(taken.settle(settled(outcomes)))
    new = [
        (mark[0], told(mark[1], outcome))
        for mark, outcome in zip(taken.marks, outcomes, strict=True)
        if mark is not None and not isinstance(outcome, Failed)
    ]
    assert len(rows) == ROW_BYTES * len(new)
    durable.update(new)
    return rows
