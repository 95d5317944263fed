"""What a failure to publish means, and how a lane acts on it, with a producer that fails as told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata, TopicPartition

from carbon_stream.ingest.delivery import SPOOLED, Delivery, Failed, Stored
from carbon_stream.ingest.failures import Verdict, judge, spoils_producer
from carbon_stream.ingest.limits import Room
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.routing import Record

TOPIC = "data-quality"


@pytest.mark.parametrize(
    ("error", "records", "verdict"),
    [
        (errors.NotEnoughReplicasError(), 1, Verdict.LATER),
        (errors.KafkaTimeoutError(), 5, Verdict.LATER),
        (errors.TopicAuthorizationFailedError(), 1, Verdict.LATER),
        (errors.UnknownTopicOrPartitionError(), 1, Verdict.LATER),
        (TimeoutError(), 1, Verdict.LATER),
        (ZeroDivisionError(), 1, Verdict.LATER),
        (errors.OutOfOrderSequenceNumber(), 5, Verdict.AGAIN),
        (errors.ProducerClosed(), 5, Verdict.AGAIN),
        (errors.MessageSizeTooLargeError(), 5, Verdict.APART),
        (errors.MessageSizeTooLargeError(), 1, Verdict.NEVER),
        (errors.RecordListTooLargeError(), 1, Verdict.NEVER),
    ],
)
def test_only_what_is_the_record_s_own_fault_is_final(error: Exception, records: int, verdict: Verdict) -> None:
    assert judge(error, records) is verdict


@pytest.mark.parametrize(
    ("error", "spoilt"),
    [
        (errors.OutOfOrderSequenceNumber(), True),
        (errors.ProducerClosed(), True),
        (TimeoutError(), True),
        (ZeroDivisionError(), True),
        (errors.TopicAuthorizationFailedError(), False),
        (errors.MessageSizeTooLargeError(), False),
    ],
)
def test_a_topic_that_is_refused_does_not_cost_the_others_their_producer(error: Exception, spoilt: bool) -> None:
    assert spoils_producer(error, judge(error, 1)) is spoilt


class FakeProducer:
    """Takes batches; `fail` says for a batch's records which error it ends with."""

    def __init__(self, fail: Callable[[int], Exception | None]) -> None:
        self.fail = fail
        self.batches: list[int] = []
        self.offset = 0

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(100_000, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        count = batch.record_count()
        error = self.fail(count)
        if error is None:
            place = TopicPartition(topic, partition)
            future.set_result(RecordMetadata(topic, partition, place, self.offset, 1, 1, 0))
            self.offset += count
            self.batches.append(count)
        else:
            future.set_exception(error)
        return future


class FakeKeeper:
    """Always up, with one partition."""

    down_since = None

    def __init__(self, producer: FakeProducer) -> None:
        self.current = producer
        self.renewed = 0

    def partitions(self, topic: str) -> int:
        return 1

    async def producer(self) -> FakeProducer:
        return self.current

    def renew(self, producer: FakeProducer) -> None:
        self.renewed += 1

    async def close(self) -> None:
        pass


def publisher(producer: FakeProducer, room: Room, timeout_s: float = 5.0) -> tuple[Publisher, FakeKeeper]:
    made = Publisher({}, [TOPIC], room=room, record_bytes_max=1 << 20, timeout_s=timeout_s)
    keeper: Any = FakeKeeper(producer)
    made._keeper = keeper
    return made, keeper


def records(count: int) -> list[Record]:
    return [Record(TOPIC, b"k", b"v" * 100, [], b"k", 1_700_000_000_000) for _ in range(count)]


async def test_outcomes_are_in_order_and_the_room_is_given_back() -> None:
    room = Room(1 << 20)
    made, _ = publisher(FakeProducer(lambda count: None), room)
    assert await made.publish(records(5)) == [Stored(0, n) for n in range(5)]
    assert await made.publish([]) == []
    assert room.used == 0


async def test_a_broken_producer_is_replaced_and_the_batch_sent_again() -> None:
    failures: list[Exception | None] = [errors.OutOfOrderSequenceNumber(), errors.ProducerClosed(), None]
    room = Room(1 << 20)
    made, keeper = publisher(FakeProducer(lambda count: failures.pop(0)), room)
    assert await made.publish(records(3)) == [Stored(0, 0), Stored(0, 1), Stored(0, 2)]
    assert keeper.renewed == 2
    assert room.used == 0


async def test_a_producer_that_stays_broken_is_not_tried_for_ever() -> None:
    room = Room(1 << 20)
    made, keeper = publisher(FakeProducer(lambda count: errors.OutOfOrderSequenceNumber()), room)
    outcomes = await made.publish(records(3))
    assert {type(outcome) for outcome in outcomes} == {Failed}
    assert all(outcome.retriable for outcome in outcomes if isinstance(outcome, Failed))
    assert keeper.renewed == 3
    assert room.used == 0


async def test_refused_together_taken_apart() -> None:
    room = Room(1 << 20)
    made, _ = publisher(FakeProducer(lambda count: errors.MessageSizeTooLargeError() if count > 2 else None), room)
    assert await made.publish(records(9)) == [Stored(0, n) for n in range(9)]
    assert room.used == 0


async def test_refused_alone_is_refused_for_good() -> None:
    made, _ = publisher(FakeProducer(lambda count: errors.MessageSizeTooLargeError()), Room(1 << 20))
    outcomes = await made.publish(records(3))
    assert [outcome.retriable for outcome in outcomes if isinstance(outcome, Failed)] == [False] * 3


async def test_an_unknown_offset_is_said_to_be_unknown() -> None:
    producer = FakeProducer(lambda count: None)
    producer.offset = -1
    made, _ = publisher(producer, Room(1 << 20))
    assert await made.publish(records(1)) == [Stored(0, None)]


async def test_batches_are_bounded() -> None:
    producer = FakeProducer(lambda count: None)
    made, _ = publisher(producer, Room(10 << 20))
    assert await made.publish(records(2_000)) == [Stored(0, n) for n in range(2_000)]
    assert len(producer.batches) > 2


async def test_a_full_room_refuses_at_once() -> None:
    room = Room(1_000)
    made, _ = publisher(FakeProducer(lambda count: None), room)
    outcomes = await made.publish(records(10))
    assert all(isinstance(outcome, Failed) and outcome.retriable for outcome in outcomes)
    assert room.used == 0


async def test_a_cancelled_caller_leaves_its_records_to_be_delivered() -> None:
    producer = FakeProducer(lambda count: None)
    room = Room(1 << 20)
    made, _ = publisher(producer, room)
    caller = asyncio.create_task(made.publish(records(3)))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    assert await made.publish(records(1)) == [Stored(0, 3)]
    assert room.used == 0


async def test_a_deadline_settles_what_is_open_and_takes_back_what_has_not_been_sent() -> None:
    class Stuck(FakeProducer):
        async def send_batch(
            self, batch: BatchBuilder, topic: str, *, partition: int
        ) -> asyncio.Future[RecordMetadata]:
            return asyncio.get_running_loop().create_future()

    room = Room(1 << 20)
    made, _ = publisher(Stuck(lambda count: None), room, timeout_s=0.2)
    first = asyncio.create_task(made.publish(records(1)))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(made.publish(records(2)))
    outcomes = await first + await second
    assert all(isinstance(outcome, Failed) and outcome.retriable for outcome in outcomes)
    await asyncio.sleep(0.3)
    assert room.used == 0
    await made.close()


async def test_an_outcome_is_settled_once() -> None:
    finished: list[Delivery] = []
    delivery = Delivery(records(4), finished.append)
    delivery.store([0, 2], 5, 7)
    delivery.fail([0, 1], Failed(True, "late"))
    assert not delivery.done.done()
    delivery.store([1, 2, 3], 5, -1)
    assert delivery.done.done()
    assert finished == [delivery]
    assert delivery.outcomes() == [Stored(5, 7), Failed(True, "late"), Stored(5, 8), Stored(5, None)]


async def test_what_has_been_handed_over_is_settled_by_whom_it_was_handed_to() -> None:
    finished: list[Delivery] = []
    delivery = Delivery(records(2), finished.append)
    delivery.hand_over([0, 1])
    delivery.store([0, 1], 5, 7)  # it has arrived after all, while the spool writes it
    assert not delivery.done.done()
    delivery.settle([0, 1], SPOOLED)
    assert delivery.outcomes() == [SPOOLED, SPOOLED]
    assert finished == [delivery]


async def test_where_the_broker_knows_no_offset_any_more_nobody_is_told_one() -> None:
    delivery = Delivery(records(3))
    delivery.store([0, 1, 2], 5, -1)
    assert delivery.outcomes() == [Stored(5, None)] * 3
