"""What a reader missed while it was away: from the id that it brings to where the shared consumer is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer

from carbon_stream.live.frames import Hide, Shown, lazily
from carbon_stream.live.positions import Positions
from carbon_stream.live.reader import Reader

RECORDS_MAX = 20_000
"""Records that are read again for one reader; of more, the newest of each partition."""
_POLL_MS = 500
_POLL_RECORDS_MAX = 200
_SILENT_POLLS_MAX = 20


@dataclass(frozen=True, slots=True)
class Missed:
    """Offsets to read again, by partition from `begins` to below `ends`; `skipped` are gone or too many."""

    begins: Positions
    ends: Positions
    skipped: int


async def missed(consumer: AIOKafkaConsumer, asked: Positions, now: Positions, reader: Reader) -> Missed:
    """What lies between the id and now. A partition that the id does not name begins with what comes next."""
    behind = {
        partition: position
        for partition, position in asked.items()
        if partition.topic in reader.wanted.topics and position < now.get(partition, 0)
    }
    firsts = await consumer.beginning_offsets(list(behind)) if behind else {}
    share = max(1, RECORDS_MAX // max(1, len(behind)))
    begins = {
        partition: max(position, min(firsts[partition], now[partition]), now[partition] - share)
        for partition, position in behind.items()
    }
    skipped = sum(begins[partition] - position for partition, position in behind.items())
    still = {partition: begin for partition, begin in begins.items() if begin < now[partition]}
    return Missed(still, {partition: now[partition] for partition in still}, skipped)


async def read_again(consumer: AIOKafkaConsumer, what: Missed, hide: Hide) -> AsyncIterator[tuple[str, list[Shown]]]:
    """The records, topic by topic as the broker gives them, in order within a partition."""
    left = dict(what.begins)
    if not left:
        return
    consumer.assign(list(left))
    for partition, begin in left.items():
        consumer.seek(partition, begin)
    silent = 0
    while left and silent < _SILENT_POLLS_MAX:
        polled = await consumer.getmany(*left, timeout_ms=_POLL_MS, max_records=_POLL_RECORDS_MAX)
        silent = 0 if polled else silent + 1
        for partition, records in polled.items():
            ours = [record for record in records if record.offset < what.ends[partition]]
            yield partition.topic, [lazily(record, hide)() for record in ours]
        for partition in list(left):
            if await consumer.position(partition) >= what.ends[partition]:
                del left[partition]
                consumer.pause(partition)
        await asyncio.sleep(0)
