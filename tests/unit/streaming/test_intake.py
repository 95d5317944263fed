"""What comes in for a partition: bounded, and never with a silent gap."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from faust.types import TP

from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.intake import ALL_BYTES_MAX, QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX, Intake, roomy


@dataclass
class Record:
    offset: int
    topic: str = "t"
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b"x"
    headers: Sequence[tuple[str, bytes]] = field(default_factory=list)


def batch(first: int, last: int, previous: int | None, run: int = 1, topic: str = "t", value: bytes = b"x") -> Batch:
    made = Batch([Record(offset, topic, value=value) for offset in range(first, last + 1)])
    made.run, made.previous = run, previous
    return made


def test_batches_that_follow_on_one_another_are_taken_as_one() -> None:
    intake = Intake()
    assert intake.put(batch(5, 9, None)) is None
    assert intake.put(batch(10, 12, 9)) is None
    assert [len(b) for b in intake.take()] == [5, 3]
    assert len(intake) == 0


def test_a_batch_that_was_skipped_is_noticed_and_what_came_after_is_not_queued() -> None:
    intake = Intake()
    intake.put(batch(5, 9, None))
    why = intake.put(batch(13, 14, 12))
    assert why is not None
    assert "skipped" in why
    assert len(intake.take()) == 1


def test_the_first_batch_of_an_assignment_cannot_be_skipped_unnoticed() -> None:
    assert Intake().put(batch(10, 12, 9)) is not None


def test_what_is_left_of_an_older_run_is_dropped() -> None:
    intake = Intake()
    intake.put(batch(0, 9, None, run=1))
    intake.put(batch(0, 4, None, run=2))
    assert intake.put(batch(10, 19, 9, run=1)) is None
    assert intake.put(batch(5, 6, 4, run=2)) is None
    assert [b.run for b in intake.take()] == [1, 2, 2]


def test_after_reading_again_only_the_new_run_counts() -> None:
    intake = Intake()
    intake.put(batch(0, 9, None, run=1))
    intake.drop()
    intake.follow({"t": 3})
    assert intake.put(batch(10, 19, 9, run=1)) is None
    assert intake.put(batch(10, 19, 9, run=3)) is not None
    assert intake.put(batch(0, 9, None, run=3)) is None
    assert len(intake) == 1


def test_topics_are_followed_apart() -> None:
    intake = Intake()
    assert intake.put(batch(5, 9, None)) is None
    assert intake.put(batch(0, 3, None, topic="u")) is None
    assert intake.put(batch(10, 11, 9)) is None


def test_a_run_that_begins_beyond_the_position_is_doubted_once() -> None:
    intake = Intake()
    late = batch(5, 9, None)
    assert intake.doubt([late], lambda _: 3) is not None
    assert intake.doubt([late], lambda _: 3) is None
    assert intake.doubt([batch(6, 9, None)], lambda _: 3) is not None


def test_a_run_that_begins_at_or_before_the_position_is_not_doubted() -> None:
    intake = Intake()
    assert intake.doubt([batch(3, 9, None), batch(1, 2, None, topic="u")], lambda _: 3) is None


def test_the_queue_is_bounded_in_records_and_in_bytes() -> None:
    by_records, by_bytes = Intake(), Intake()
    assert by_records.has_room()
    by_records.put(batch(0, QUEUE_RECORDS_MAX - 1, None))
    assert not by_records.has_room()
    by_bytes.put(batch(0, 0, None, value=b"x" * QUEUE_BYTES_MAX))
    assert not by_bytes.has_room()
    by_bytes.take()
    assert by_bytes.has_room()


def test_once_all_together_have_too_much_only_those_with_nothing_queued_have_room() -> None:
    count = ALL_BYTES_MAX // (QUEUE_BYTES_MAX - 1) + 1
    intakes = {TP("t", number): Intake() for number in range(count + 1)}
    full = list(intakes)[:count]
    for tp in full[1:]:
        intakes[tp].put(batch(0, 0, None, value=b"x" * (QUEUE_BYTES_MAX - 1)))
    assert roomy(intakes) == set(intakes), "one less than too much"
    intakes[full[0]].put(batch(0, 0, None, value=b"x" * (QUEUE_BYTES_MAX - 1)))
    assert roomy(intakes) == {TP("t", count)}
    intakes[full[0]].take()
    assert roomy(intakes) == {TP("t", count), full[0]}, "what is worked on counts, but one more batch may come"
    intakes[full[0]].done()
    assert roomy(intakes) == set(intakes)


def test_topics_that_share_a_queue_count_once() -> None:
    shared = Intake()
    for number in range(3):
        shared.put(batch(number, number, number - 1 if number else None, value=b"x" * (QUEUE_BYTES_MAX // 4)))
    assert roomy({TP(f"t{n}", 0): shared for n in range(8)}) == {TP(f"t{n}", 0) for n in range(8)}
