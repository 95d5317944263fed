"""The least that reading JSON events from Kafka takes in Python: aiokafka's `getmany` and orjson, and nothing else."""

from __future__ import annotations

from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.events import TOPIC
from bench.peers.frame import Meter, arguments

RECORDS_AT_ONCE = 5_000


async def main(told: dict[str, Any]) -> None:
    """Read so many events from the given offsets on."""
    meter = Meter(told["count"])
    loads = orjson.loads
    async with AIOKafkaConsumer(bootstrap_servers=told["servers"], enable_auto_commit=False) as consumer:
        begins = {TopicPartition(TOPIC, int(number)): offset for number, offset in told["begins"].items()}
        consumer.assign(list(begins))
        for partition, offset in begins.items():
            consumer.seek(partition, offset)
        while True:
            fetched = await consumer.getmany(timeout_ms=1_000, max_records=RECORDS_AT_ONCE)
            for records in fetched.values():
                for record in records:
                    loads(record.value)
                if meter.add(len(records)):
                    meter.tell()
                    return


if __name__ == "__main__":
    uvloop.run(main(arguments()))
