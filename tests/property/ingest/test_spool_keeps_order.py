"""Whatever Kafka does with batches, acknowledged records are there, those of a key in order, and repeats counted."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import errors
from aiokafka.structs import RecordMetadata, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.ingest.delivery import Delivery, Failed
from carbon_stream.ingest.limits import Room
from carbon_stream.ingest.observer import Unobserved
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.spool.forwarding import Forwarder
from carbon_stream.ingest.spool.keeping import Spool
from carbon_stream.routing import Record

TOPIC = "data-quality"
PARTITIONS = 2
PATIENCE_S, TIMEOUT_S = 0.02, 0.08
Taken = tuple[Delivery, int]
"""A record: the delivery that it is part of, and its index there."""
FATES = ("ok", "ok", "ok", "slow", "lost", "unanswered", "late", "refused", "closed", "closed after")


class Batch:
    """What a batch builder is, with its records at hand."""

    def __init__(self) -> None:
        self.records: list[bytes] = []

    def append(self, *, timestamp: int, key: bytes, value: bytes, headers: Any) -> bool | None:
        if len(self.records) == 7:
            return None
        self.records.append(value)
        return True

    def close(self) -> None:
        pass


class Kafka:
    """A producer and its keeper: each batch has the next fate, and when there are none left everything is well."""

    down_since = None
    known_down = False
    ready = True

    def __init__(self, fates: Sequence[str]) -> None:
        self._fates = list(fates)
        self.log: dict[int, list[bytes]] = defaultdict(list)
        self._late: set[asyncio.Task[None]] = set()

    def calm(self) -> None:
        self._fates.clear()

    def start(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def partitions(self, topic: str) -> int:
        return PARTITIONS

    async def producer(self) -> "Kafka":
        return self

    def renew(self, producer: "Kafka") -> None:
        pass

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> "asyncio.Future[RecordMetadata]":
        fate = self._fates.pop(0) if self._fates else "ok"
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        offset = len(self.log[partition])
        if fate in ("ok", "slow", "unanswered", "closed after"):
            self.log[partition] += batch.records
        if fate in ("ok", "slow"):
            done = RecordMetadata(topic, partition, TopicPartition(topic, partition), offset, 1, 1, 0)
            if fate == "slow":  # beyond the patience, within the timeout
                asyncio.get_running_loop().call_later(PATIENCE_S * 2, settle, future, done)
            else:
                future.set_result(done)
        elif fate == "refused":
            future.set_exception(errors.NotEnoughReplicasError())
        elif fate.startswith("closed"):
            future.set_exception(errors.ProducerClosed())
        elif fate == "late":  # arrives when it has been given up
            asyncio.get_running_loop().call_later(TIMEOUT_S * 1.5, self.log[partition].extend, batch.records)
        return future


def settle(future: "asyncio.Future[RecordMetadata]", done: RecordMetadata) -> None:
    if not future.done():
        future.set_result(done)


class Counting(Unobserved):
    """Possible repeats."""

    repeats = 0

    def forwarded(self, events: int, perhaps_repeats: int) -> None:
        self.repeats += perhaps_repeats

    def sent_again(self, events: int) -> None:
        self.repeats += events


def record(key: int, number: int) -> Record:
    name = b"key-%d" % key
    return Record(TOPIC, name, b"%d:%d" % (key, number), [], name, 1_700_000_000_000)


async def play(folder: Path, requests: Sequence[Sequence[int]], fates: Sequence[str], pauses: Sequence[float]) -> None:
    kafka, counting = Kafka(fates), Counting()
    room = Room(1 << 30)
    spool = Spool(folder, bytes_max=1 << 30, age_max_s=3_600, observer=counting)
    await spool.open()
    publisher = Publisher(
        {}, [TOPIC], room=room, record_bytes_max=1 << 20, timeout_s=TIMEOUT_S, spool=spool, spool_after_s=PATIENCE_S,
        observer=counting,
    )  # fmt: skip
    keeper: Any = kafka
    publisher._keeper = keeper
    forwarder = Forwarder(spool, publisher, counting)
    forwarder.start()
    numbers: dict[int, int] = defaultdict(int)
    taken: list[Taken] = []
    for keys, pause in zip(requests, pauses, strict=False):
        records = []
        for key in keys:
            numbers[key] += 1
            records.append(record(key, numbers[key]))
        taken += await submit(publisher, records)
        await asyncio.sleep(pause)
    async with asyncio.timeout(60):
        await asyncio.gather(*(delivery.done for delivery in {delivery for delivery, _ in taken}))
        kafka.calm()
        while spool:
            await asyncio.sleep(0.01)
    await asyncio.sleep(TIMEOUT_S * 2)
    check(kafka, taken, counting.repeats)
    assert room.used == 0
    await forwarder.close()
    await publisher.close()
    await spool.close()


async def submit(publisher: Publisher, records: list[Record]) -> list[Taken]:
    """As callers do: one record with those of others, where there are any that wait."""
    if len(records) > 1:
        delivery = await publisher.submit(records)
        return [(delivery, index) for index in range(len(records))]
    joined = publisher.join(records[0])
    return [joined or (await publisher.submit(records, gathers=True), 0)]


def check(kafka: Kafka, taken: Sequence[Taken], perhaps_repeats: int) -> None:
    wanted: dict[bytes, list[bytes]] = defaultdict(list)
    for delivery, index in taken:
        one = delivery.records[index]
        assert one.key is not None
        if not isinstance(delivery.outcome(index), Failed):  # a slow disk: then it may be there or not
            wanted[one.key].append(one.value)
    found: dict[bytes, list[bytes]] = defaultdict(list)
    repeats = 0
    for values in kafka.log.values():
        for value in values:
            key = b"key-" + value.split(b":")[0]
            repeats += value in found[key]
            if value not in found[key]:
                found[key].append(value)
    for key, values in wanted.items():
        assert [value for value in found[key] if value in values] == values
    assert repeats <= perhaps_repeats


@settings(max_examples=25)
@given(
    requests=st.lists(
        st.lists(st.integers(0, 4), min_size=1, max_size=12) | st.lists(st.integers(0, 4), min_size=1, max_size=1),
        min_size=1,
        max_size=25,
    ),
    fates=st.lists(st.sampled_from(FATES), max_size=40),
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.01, 0.05]), min_size=25, max_size=25),
)
def test_acknowledged_records_are_there_in_order(
    requests: list[list[int]], fates: list[str], pauses: list[float]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), requests, fates, pauses))
