"""Topics for what the producer libraries send, and the records that arrived."""

from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.limits import RECORD_BYTES
from carbon_stream.local import LocalKafka
from carbon_stream_producer import Receipt
from tests.support.sdk_vectors import agrees, headers_of


def make_topics(kafka: LocalKafka) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    settings = {"max.message.bytes": str(RECORD_BYTES + (64 << 10))}
    wanted = [NewTopic(topic.name, topic.partitions, 1, config=settings) for topic in TOPICS]
    for made in admin.create_topics(wanted).values():
        made.result(30)


async def records_of(kafka: LocalKafka, ids: set[str]) -> dict[str, ConsumerRecord]:
    """The records of these events, by the id in their headers; fails for one that is there twice."""
    found: dict[str, ConsumerRecord] = {}
    partitions = [TopicPartition(topic.name, number) for topic in TOPICS for number in range(topic.partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, fetch_max_wait_ms=50) as consumer:
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                for record in batch:
                    event_id = dict(record.headers)["ce_id"].decode()
                    if event_id in ids:
                        assert event_id not in found
                        found[event_id] = record
    return found


def compare(
    vector: dict[str, Any],
    receipt: Receipt,
    record: ConsumerRecord,
    is_value: Callable[[dict[str, Any], bytes], bool] = lambda vector, value: agrees(vector["expected"], value),
) -> None:
    expected = vector["expected"]
    assert (receipt.topic, receipt.partition, receipt.offset) == (record.topic, record.partition, record.offset)
    assert (record.topic, record.partition) == (expected["topic"], expected["partition"]), vector["name"]
    assert record.key == (None if expected["key"] is None else expected["key"].encode())
    assert is_value(vector, record.value), vector["name"]
    assert list(record.headers) == headers_of(expected)
    codec.decoder(record.topic)(record.value)


async def at_offsets(kafka: LocalKafka, receipts: list[Receipt]) -> list[ConsumerRecord]:
    """The record at each receipt's place."""
    places = {TopicPartition(r.topic, r.partition) for r in receipts}
    found: dict[tuple[str, int, int], ConsumerRecord] = {}
    async with AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers, fetch_max_wait_ms=50) as consumer:
        consumer.assign(list(places))
        await consumer.seek_to_beginning()
        while len(found.keys() & {(r.topic, r.partition, r.offset) for r in receipts}) < len(receipts):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found |= {(record.topic, record.partition, record.offset): record for record in batch}
    return [found[r.topic, r.partition, r.offset] for r in receipts]  # type: ignore[index]  # all are known
