"""Single events of several callers that wait for the same batch share a delivery: each is told its own outcome."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition

from carbon_stream.ingest.delivery import Delivery, Failed, Stored
from carbon_stream.ingest.lane import Lane, Part
from carbon_stream.ingest.limits import Room
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.repeats.admission import Admission, Conflict, Duplicate, Result
from carbon_stream.ingest.repeats.window import Mark, Window, mark_of
from carbon_stream.routing import Record, partition_of

TOPIC, PARTITIONS = "data-quality", 2
ROOM = 1 << 20


class Slow:
    """A producer and its keeper. Batches wait until `answer` says what becomes of the oldest one."""

    down_since, known_down, ready = None, False, True

    def __init__(self, batch_bytes: int) -> None:
        self._batch_bytes = batch_bytes
        self.sent: list[tuple[int, int]] = []
        """Partition and number of records of each batch."""
        self._open: list[tuple[int, int, asyncio.Future[RecordMetadata]]] = []
        self._offsets = [100] * PARTITIONS
        self.knows = asyncio.Event()
        """Whether it is known how many partitions there are; it is asked for until then."""
        self.knows.set()
        self.up = asyncio.Event()
        self.up.set()

    def partitions(self, topic: str) -> int | None:
        return PARTITIONS if self.knows.is_set() else None

    async def partitions_for(self, topic: str) -> None:
        await self.knows.wait()

    async def producer(self) -> "Slow":
        await self.up.wait()
        return self

    def renew(self, producer: "Slow") -> None:
        pass

    async def close(self) -> None:
        pass

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self._batch_bytes, 0, is_transactional=False)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        self.sent.append((partition, batch.record_count()))
        self._open.append((partition, batch.record_count(), future))
        return future

    async def answer(self, error: Exception | None = None) -> None:
        """The oldest batch that is open."""
        partition, count, future = self._open.pop(0)
        if error is not None:
            future.set_exception(error)
        else:
            place = TopicPartition(TOPIC, partition)
            future.set_result(RecordMetadata(TOPIC, partition, place, self._offsets[partition], 1, 1, 0))
            self._offsets[partition] += count
        await until(lambda: True)

    async def answer_all(self) -> None:
        """Until nothing is on its way."""
        while self._open:
            await self.answer()


class Stand:
    """An admission with its publisher, and what callers were told."""

    def __init__(self, batch_bytes: int = 100_000, room: int = ROOM, events_min: int = 1_000) -> None:
        self.kafka, self.room = Slow(batch_bytes), Room(room)
        self.window = Window(events_min, 3_600.0, time.monotonic())
        self.publisher = Publisher({}, [TOPIC], room=self.room, record_bytes_max=1 << 20, timeout_s=0.5)
        keeper: Any = self.kafka
        self.publisher._keeper = keeper
        self.admission = Admission(self.publisher, self.window, None)

    async def send(self, number: int, text: str = "", partition: int = 0) -> "asyncio.Task[Result]":
        """One caller with one event, as far as it gets without an answer of Kafka's."""
        caller = asyncio.create_task(self.admission.submit_one(record(number, partition), mark(number, text)))
        await until(lambda: True)
        return caller


def key(partition: int) -> bytes:
    return next(name for name in (b"%d" % n for n in range(100)) if partition_of(name, PARTITIONS) == partition)


def record(number: int, partition: int = 0) -> Record:
    return Record(TOPIC, key(partition), b"event %d" % number, [], key(partition), 1_700_000_000_000)


def mark(number: int, text: str = "") -> Mark:
    return mark_of("source", str(number), text.encode())


async def until(holds: Callable[[], bool]) -> None:
    """After everything that can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_those_that_wait_go_together_and_each_is_told_its_own_place() -> None:
    stand = Stand()
    first = await stand.send(0)
    others = [await stand.send(number) for number in range(1, 6)]
    elsewhere = await stand.send(6, partition=1)
    await stand.kafka.answer()
    assert await first == Stored(0, 100)
    assert not any(caller.done() for caller in others)
    await stand.kafka.answer()
    assert await elsewhere == Stored(1, 100), "a slow leader is waited for by its own events alone"
    assert not any(caller.done() for caller in others)
    await stand.kafka.answer_all()
    assert [await caller for caller in others] == [Stored(0, 101 + n) for n in range(5)]
    assert stand.kafka.sent == [(0, 1), (1, 1), (0, 5)]
    assert (stand.room.used, len(stand.publisher._open), len(stand.admission._gathered)) == (0, 0, 0)


async def test_an_event_does_not_overtake_a_batch_that_came_before_it() -> None:
    stand = Stand()
    ahead = [await stand.send(number) for number in range(2)]
    records, marks = [record(2), record(3, partition=1), record(4)], [mark(2), mark(3), mark(4)]
    batch = await stand.admission.submit(records, marks)
    behind = [await stand.send(number) for number in range(5, 8)]
    await stand.kafka.answer_all()
    assert [await caller for caller in ahead] == [Stored(0, 100), Stored(0, 101)]
    assert await batch.results() == [Stored(0, 102), Stored(1, 100), Stored(0, 103)]
    assert [await caller for caller in behind] == [Stored(0, 104), Stored(0, 105), Stored(0, 106)]


async def test_more_than_a_batch_holds_goes_in_several() -> None:
    stand = Stand(batch_bytes=200)
    callers = [await stand.send(number) for number in range(30)]
    await stand.kafka.answer_all()
    assert [await caller for caller in callers] == [Stored(0, 100 + number) for number in range(30)]
    assert len(stand.kafka.sent) > 3
    assert stand.room.used == 0


async def test_one_that_is_too_large_for_its_topic_is_refused_alone() -> None:
    stand = Stand()
    callers = [await stand.send(number) for number in range(4)]
    await stand.kafka.answer()  # the first one; the three others are one batch
    for error in (errors.MessageSizeTooLargeError(), errors.MessageSizeTooLargeError(), None):
        await stand.kafka.answer(error)
    assert stand.kafka.sent == [(0, 1), (0, 3), (0, 1), (0, 2)]
    told = [await caller for caller in callers]
    assert [told[0], *told[2:]] == [Stored(0, 100 + number) for number in range(3)]
    assert isinstance(told[1], Failed)
    assert not told[1].retriable
    assert stand.room.used == 0


async def test_a_repeat_is_told_the_place_of_the_first_one_and_another_event_is_a_conflict() -> None:
    stand = Stand()
    callers = [await stand.send(number) for number in range(4)]
    repeats = [await stand.send(number) for number in (3, 0, 2)]
    conflict = await stand.send(2, "another")
    assert not any(caller.done() for caller in repeats)
    await stand.kafka.answer_all()
    assert [await caller for caller in callers] == [Stored(0, 100 + number) for number in range(4)]
    assert [await caller for caller in repeats] == [Duplicate(0, 103), Duplicate(0, 100), Duplicate(0, 102)]
    assert await conflict == Conflict()
    late = [await stand.send(2), await stand.send(1, "another")]
    assert [await caller for caller in late] == [Duplicate(0, 102), Conflict()]
    assert sum(count for _, count in stand.kafka.sent) == 4


async def test_what_fails_may_come_again_as_new() -> None:
    stand = Stand()
    callers = [await stand.send(number) for number in range(3)]
    repeat = await stand.send(2)
    await stand.kafka.answer()
    await stand.kafka.answer(errors.NotEnoughReplicasError())
    told = [await caller for caller in (*callers, repeat)]
    assert told[0] == Stored(0, 100)
    assert [isinstance(each, Failed) and each.retriable for each in told[1:]] == [True] * 3
    again = await stand.send(2)
    await stand.kafka.answer_all()
    assert await again == Stored(0, 101)
    assert stand.room.used == 0


async def test_who_gives_up_takes_nobody_along() -> None:
    stand = Stand()
    callers = [await stand.send(number) for number in range(5)]
    for gone in (callers[1], callers[3]):  # the one whom the others have joined, and one of those
        gone.cancel()
    await asyncio.wait([callers[1], callers[3]])
    await stand.kafka.answer_all()
    assert [await callers[n] for n in (0, 2, 4)] == [Stored(0, 100), Stored(0, 102), Stored(0, 104)]
    assert await (await stand.send(3)) == Duplicate(0, 103)


class Strands:
    """A spool that has earlier records of some keys."""

    def __init__(self, *keys: bytes) -> None:
        self._keys = keys

    def __bool__(self) -> bool:
        return True

    def __contains__(self, record: Record) -> bool:
        return record.key in self._keys


async def test_nobody_joins_past_what_the_spool_has_of_its_key() -> None:
    stand = Stand()
    own, other = record(0), record(1)._replace(key=b"another, of the same partition", spread=key(0))
    spool: Any = Strands(b"another, of the same partition")
    stand.publisher.spool = spool
    callers = [await stand.send(number) for number in range(2)]
    assert stand.publisher.join(other) is None
    joined = stand.publisher.join(own)
    assert joined is not None
    assert joined[1] == 1
    await stand.kafka.answer_all()
    assert [await caller for caller in callers] == [Stored(0, 100), Stored(0, 101)]


async def test_nobody_joins_one_that_waits_for_long() -> None:
    stand = Stand()
    await stand.send(0)
    await stand.send(1)
    (delivery,) = stand.admission._gathered.keys() - {next(iter(stand.publisher._open))}
    delivery.began -= 1.0
    await stand.send(2)
    assert [len(each.records) for each in stand.publisher._open] == [1, 1, 1]
    await stand.kafka.answer_all()


def _gathering(lane: Lane) -> Delivery | None:
    return lane.gathering


@pytest.mark.parametrize("away", ["withdrawn", "spooled"])
async def test_nobody_joins_one_that_has_left_its_lane(away: str) -> None:
    spooled: list[Part] = []

    def spare(parts: Sequence[Part], **_: bool) -> None:
        spooled.extend(parts)

    kafka: Any = Slow(100_000)
    room = Room(ROOM)
    lane = Lane(TOPIC, 0, kafka, 60.0, room.give, spare)
    first, second, third = (Delivery([record(number)]) for number in range(3))
    for delivery in (first, second):
        assert room.take(delivery.size)
        lane.add(delivery, [0], gathers=True)
        await until(lambda: True)
    assert _gathering(lane) is second
    if away == "withdrawn":
        lane.withdraw(second)
    else:
        lane.give_way()
        assert [delivery for delivery, _ in spooled] == [first, second]
    assert _gathering(lane) is None
    lane.add(third, [0], gathers=True)
    assert room.take(record(3).size)
    assert lane.join(record(3), record(3).size) == 1
    lane.cancel()


async def test_all_have_their_deadline() -> None:
    stand = Stand()
    callers = [await stand.send(number) for number in range(4)]
    began = time.monotonic()
    told = [await caller for caller in callers]
    assert time.monotonic() - began < 5
    assert [isinstance(each, Failed) and each.retriable and each.unknown for each in told] == [True] * 4
    assert stand.publisher.join(record(9)) is None, "what has been withdrawn takes nobody"
    await until(lambda: not stand.room.used)


async def test_there_is_a_bound_on_what_waits() -> None:
    stand = Stand(room=3 * record(0).size)
    callers = [await stand.send(number) for number in range(5)]
    assert [caller.done() for caller in callers] == [False, False, False, True, True]
    told = [await caller for caller in callers[3:]]
    assert [isinstance(each, Failed) and each.retriable for each in told] == [True, True]
    await stand.kafka.answer_all()
    assert [await caller for caller in callers[:3]] == [Stored(0, 100 + number) for number in range(3)]
    assert stand.room.used == 0


async def test_nothing_is_taken_any_more_by_one_that_closes() -> None:
    stand = Stand()
    callers = [await stand.send(number) for number in range(3)]
    closing = asyncio.create_task(stand.publisher.close())
    await until(lambda: True)
    late = await (await stand.send(3))
    assert isinstance(late, Failed)
    assert late.retriable
    await stand.kafka.answer_all()
    await closing
    assert [await caller for caller in callers] == [Stored(0, 100 + number) for number in range(3)]


@pytest.mark.parametrize("events_min", [2, 1_000])
async def test_what_waits_while_the_window_forgets_is_remembered(events_min: int) -> None:
    stand = Stand(events_min=events_min)
    callers = [await stand.send(number) for number in range(3)]
    stand.admission._age()
    assert (stand.publisher._lanes[TOPIC, 0].gathering is None) == (events_min == 2)
    callers += [await stand.send(number) for number in range(3, 6)]
    await stand.kafka.answer_all()
    assert [await caller for caller in callers] == [Stored(0, 100 + number) for number in range(6)]
    assert [await (await stand.send(number)) for number in range(6)] == [Duplicate(0, 100 + n) for n in range(6)]


async def test_the_window_may_forget_while_partitions_are_asked_for() -> None:
    stand = Stand(events_min=1)
    stand.kafka.knows.clear()
    callers = [await stand.send(0)]
    stand.kafka.up.clear()
    stand.admission._age()
    stand.kafka.knows.set()
    await until(lambda: True)
    callers += [await stand.send(number) for number in range(1, 4)]
    stand.kafka.up.set()
    await until(lambda: True)
    await stand.kafka.answer_all()
    assert [await caller for caller in callers] == [Stored(0, 100 + number) for number in range(4)]
    assert [await (await stand.send(number)) for number in range(4)] == [Duplicate(0, 100 + n) for n in range(4)]


async def test_without_a_window_each_event_is_a_new_one() -> None:
    stand = Stand(events_min=0)
    callers = [await stand.send(7) for _ in range(4)]
    await stand.kafka.answer_all()
    assert [await caller for caller in callers] == [Stored(0, 100 + number) for number in range(4)]
    assert not len(stand.window)
