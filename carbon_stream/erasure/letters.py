"""Dead letters that mention somebody are removed. Kafka deletes from a partition's beginning only: so the letters that
stay and stand before the last one that goes are first written again at the end, in one transaction, then everything up
to there is deleted.

A run that was cut short between the two is mended by the next one: each copy says which letter it is of, and of copies
and originals only one is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from carbon_stream.dead_letters.record import MOVED_FROM
from carbon_stream.erasure.mention import Mentions
from carbon_stream.streaming import clients

_POLL_MS = 500
_REQUEST_BYTES_MAX = 8 << 20
_TRANSACTION_MS = 300_000
_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """One partition's letters: how many go, the offset after the last of them, and how many before it stay."""

    partition: TopicPartition
    gone: int
    until: int
    stay: int


async def find(kafka: Mapping[str, Any], topic: str, mentions: Mentions) -> list[Found]:
    """What would be erased, by partition; nothing is changed."""
    async with clients.reading(kafka, "earliest") as consumer:
        partitions = await _partitions(kafka, topic)
        return [await _look(consumer, partition, mentions) for partition in partitions]


async def erase(kafka: Mapping[str, Any], topic: str, mentions: Mentions, transactional_id: str) -> int:
    """Erase the letters; returns how many were."""
    gone = 0
    async with clients.reading(kafka, "earliest") as consumer:
        for partition in await _partitions(kafka, topic):
            found = await _look(consumer, partition, mentions)
            if found.gone:
                if found.stay:
                    await _copy(kafka, consumer, found, mentions, f"{transactional_id}-{partition.partition}")
                await _delete(kafka, found)
                gone += found.gone
    return gone


async def _look(consumer: AIOKafkaConsumer, partition: TopicPartition, mentions: Mentions) -> Found:
    gone = until = stay = before = 0
    async for record in _records(consumer, partition, None):
        if mentions(_texts(record)):
            gone, until, stay = gone + 1, record.offset + 1, before
        else:
            before += 1
    return Found(partition, gone, until, stay)


async def _copy(
    kafka: Mapping[str, Any], consumer: AIOKafkaConsumer, found: Found, mentions: Mentions, transactional_id: str
) -> None:
    """Write what stays again, all or nothing."""
    copied = {
        _identity(record) async for record in _records(consumer, found.partition, None) if _is_after(record, found)
    }
    producer = AIOKafkaProducer(
        **kafka,
        transactional_id=transactional_id,
        transaction_timeout_ms=_TRANSACTION_MS,
        acks="all",
        compression_type="lz4",
        max_request_size=_REQUEST_BYTES_MAX,
    )
    try:
        await producer.start()
        async with producer.transaction():
            sent = []
            async for record in _records(consumer, found.partition, found.until):
                identity = _identity(record)
                if identity in copied or mentions(_texts(record)):
                    continue
                copied.add(identity)
                headers = [*((n, v) for n, v in record.headers if n != MOVED_FROM), (MOVED_FROM, identity)]
                tp = found.partition
                sent.append(await producer.send(tp.topic, record.value, record.key, tp.partition, headers=headers))
                if len(sent) == _AT_ONCE:
                    await asyncio.gather(*sent)
                    sent.clear()
            await asyncio.gather(*sent)
    finally:
        await clients.stop(producer)


async def _delete(kafka: Mapping[str, Any], found: Found) -> None:
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        await admin.delete_records({found.partition: RecordsToDelete(before_offset=found.until)})
    finally:
        await admin.close()


async def _records(consumer: AIOKafkaConsumer, partition: TopicPartition, until: int | None) -> AsyncIterator[Any]:
    """Committed records of one partition, from its beginning to `until`, or to where it ends now."""
    end = (await consumer.end_offsets([partition]))[partition] if until is None else until
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    while await consumer.position(partition) < end:
        for records in (await consumer.getmany(partition, timeout_ms=_POLL_MS)).values():
            for record in records:
                if record.offset < end:
                    yield record


def _texts(record: Any) -> list[bytes | None]:
    return [record.key, record.value, *(value for _, value in record.headers)]


def _identity(record: Any) -> bytes:
    """The letter that a record is, or is a copy of."""
    moved = dict(record.headers).get(MOVED_FROM)
    return moved if moved is not None else b"%d-%d" % (record.partition, record.offset)


def _is_after(record: Any, found: Found) -> bool:
    return bool(record.offset >= found.until)


async def _partitions(kafka: Mapping[str, Any], topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        (described,) = await admin.describe_topics([topic])
        return sorted(TopicPartition(topic, each["partition"]) for each in described["partitions"])
    finally:
        await admin.close()
