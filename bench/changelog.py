"""The audit table's changelog as it is after days of work: rows of many hours, segments and ledgers, in transactions.

Rows are what the audit projection makes of API calls in one hour, again under every hour before it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import orjson
from aiokafka import TopicPartition

from bench.events import TOPIC, api_calls
from bench.place import Place
from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.contracts.names import changelog
from carbon_stream.projections import audit
from carbon_stream.projections.rows import Entry, Key, MemoryRows
from carbon_stream.streaming.deduplication import DIGEST_BYTES, Segment
from carbon_stream.streaming.ledger import Tally, ledger_key
from carbon_stream.streaming.rows import encode_key
from carbon_stream.streaming.shard import Changes
from carbon_stream.streaming.transaction import PartitionProducer

CHANGELOG = changelog("audit")
PARTITIONS = BY_NAME[TOPIC].partitions
_EVENTS_AN_HOUR, _USERS = 10_000, 1_000
_ROWS_A_UNIT = 2_000
_IDS_A_UNIT = 200


async def fill(place: Place, rows: int) -> int:
    """Put so many rows on the changelog, over all its partitions; returns how many records that took."""
    made = _hour()
    shares = [rows // PARTITIONS + (number < rows % PARTITIONS) for number in range(PARTITIONS)]
    written = await asyncio.gather(*(_fill(place, number, share, made) for number, share in enumerate(shares)))
    return sum(written)


def _hour() -> list[tuple[Key, bytes]]:
    """One partition's rows of an hour."""
    rows = MemoryRows()
    decode, now = codec.decoder(TOPIC), time.time_ns() // 1_000_000
    events = [decode(orjson.dumps(event)) for event in api_calls(_EVENTS_AN_HOUR, seed=1, users=_USERS)]
    audit.fold(rows, TOPIC, [Entry(event, now, TOPIC, 0, offset, now) for offset, event in enumerate(events)])
    return [(key, orjson.dumps(row)) for key, row in rows.rows.items()]


def _rows(made: list[tuple[Key, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    for hours in count():
        for key, row in made:
            dimension, hour, *entity = key
            yield encode_key((dimension, int(hour) - hours * audit.HOUR_MS, *entity)), row


async def _fill(place: Place, number: int, rows: int, made: list[tuple[Key, bytes]]) -> int:
    """One partition, in units of work."""
    producer = PartitionProducer(place.settings.kafka_client(), f"bench-fill-{number}", "bench-fill")
    await producer.fence()
    written, every = 0, _rows(made)
    try:
        for first in range(0, rows, _ROWS_A_UNIT):
            unit: Changes = dict(islice(every, min(_ROWS_A_UNIT, rows - first)))
            unit |= _beside(first)
            await producer.commit(TopicPartition(CHANGELOG, number), unit, ("", ()), {})
            written += len(unit)
    finally:
        await producer.close()
    return written


def _beside(first: int) -> dict[bytes, bytes]:
    """What a unit of work writes beside its rows. The ledger says that nothing of the source topic was read yet."""
    now = time.time_ns() // 1_000_000
    ids = b"".join((first * 1_000 + n).to_bytes(DIGEST_BYTES, "big") for n in range(_IDS_A_UNIT))
    segment: dict[str, Any] = Segment(first, now, ids).row()
    return {
        encode_key(("ids", TOPIC, first)): orjson.dumps(segment),
        encode_key(ledger_key(TOPIC)): orjson.dumps(Tally(position=0, at=now).row()),
    }
