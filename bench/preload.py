"""Puts events on their topic as ingest writes them: its own pipeline, headers, keys and partitions; only no HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.events import TOPIC, api_calls
from bench.place import Place
from carbon_stream.access.pseudonyms import Pseudonyms
from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.enrichment import Origin
from carbon_stream.ingest.pipeline import Pipeline
from carbon_stream.routing import Record, partition_of

_AT_ONCE = 20_000
_BATCH_BYTES = 256 << 10
_PARTITIONS = BY_NAME[TOPIC].partitions


@dataclass(frozen=True, slots=True)
class Stretch:
    """Events on `TOPIC`: for each partition the offset of the first, and the one after the last."""

    begins: dict[int, int]
    ends: dict[int, int]

    @property
    def count(self) -> int:
        """How many events."""
        return sum(self.ends.values()) - sum(self.begins.values())


async def preload(place: Place, events: Iterable[dict[str, Any]]) -> Stretch:
    """Append events to the topic; returns where they stand."""
    begins = await _ends(place)
    producer = AIOKafkaProducer(
        **place.settings.kafka_client(), acks="all", enable_idempotence=True, compression_type="lz4",
        max_batch_size=_BATCH_BYTES,
    )  # fmt: skip
    async with producer:
        raw_events = map(orjson.dumps, events)
        while raw := list(islice(raw_events, _AT_ONCE)):
            await _send(producer, records(raw))
    return Stretch(begins, await _ends(place))


async def pile(place: Place, count: int, seed: int) -> Stretch:
    """Append very many events: some that were made with care, again and again under new ids."""
    begins = await _ends(place)
    made = records([orjson.dumps(event) for event in api_calls(min(count, _AT_ONCE), seed)])
    ids = [orjson.loads(record.value)["eventId"].encode() for record in made]
    producer = AIOKafkaProducer(
        **place.settings.kafka_client(), acks="all", enable_idempotence=True, compression_type="lz4",
        max_batch_size=_BATCH_BYTES,
    )  # fmt: skip
    async with producer:
        for first in range(0, count, len(made)):
            numbered = zip(made[: count - first], ids, strict=False)
            await _send(producer, [_renamed(record, old, first) for record, old in numbered])
    return Stretch(begins, await _ends(place))


def _renamed(record: Record, old: bytes, number: int) -> Record:
    """The same event under another id, wherever it is named."""
    new = b"%08x" % number + old[8:]
    headers = [(name, value.replace(old, new)) for name, value in record.headers]
    return record._replace(value=record.value.replace(old, new), headers=headers)


def records(raw_events: list[bytes]) -> list[Record]:
    """What ingest makes of the events of one request."""
    origin = Origin(time.time_ns() // 1_000_000, "bench-request", client_address="10.20.0.1", user_agent="bench/1.0")
    checked = Pipeline(origin, {}, limits.EVENT_BYTES, Pseudonyms(lambda: b"bench")).check(raw_events)
    assert not checked.rejections, checked.rejections
    return checked.records


async def _send(producer: AIOKafkaProducer, made: list[Record]) -> None:
    by_partition: dict[int, list[Record]] = defaultdict(list)
    for record in made:
        by_partition[partition_of(record.spread, _PARTITIONS)].append(record)
    sent = []
    for partition, its_records in by_partition.items():
        builder = producer.create_batch()
        for record in its_records:
            fields = {"timestamp": None, "key": record.key, "value": record.value, "headers": record.headers}
            if builder.append(**fields) is None:
                sent.append(await producer.send_batch(builder, TOPIC, partition=partition))
                builder = producer.create_batch()
                builder.append(**fields)
        sent.append(await producer.send_batch(builder, TOPIC, partition=partition))
    await asyncio.gather(*sent)


async def _ends(place: Place) -> dict[int, int]:
    async with AIOKafkaConsumer(**place.settings.kafka_client()) as consumer:
        partitions = [TopicPartition(TOPIC, number) for number in range(_PARTITIONS)]
        return {tp.partition: offset for tp, offset in (await consumer.end_offsets(partitions)).items()}
