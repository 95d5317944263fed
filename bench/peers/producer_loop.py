"""What a Python service would do without us: `producer.send` for each event, acknowledged by all replicas."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaProducer

from bench.events import TOPIC, api_calls
from bench.peers.frame import answer, arguments, wait_for_go
from carbon_stream.contracts.catalog import BY_NAME

_LINGER_MS = 10
"""As the platform's producer libraries have it."""
_BATCH_BYTES = 64 << 10
_IN_FLIGHT = 20_000


async def main(told: dict[str, Any]) -> None:
    """Send prepared events when told to, and wait until all are acknowledged."""
    key_of = BY_NAME[TOPIC].key
    events = [
        (orjson.dumps(event), (key_of(event) or "").encode()) for event in api_calls(told["count"], seed=told["seed"])
    ]
    producer = AIOKafkaProducer(
        bootstrap_servers=told["servers"],
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=_LINGER_MS,
        max_batch_size=_BATCH_BYTES,
    )
    async with producer:
        await producer.send_and_wait(TOPIC, events[0][0], key=events[0][1])
        wait_for_go()
        wall, cpu = time.perf_counter(), time.process_time()
        for at in range(0, len(events), _IN_FLIGHT):
            sent = [await producer.send(TOPIC, value, key=key) for value, key in events[at : at + _IN_FLIGHT]]
            await asyncio.gather(*sent)
        answer({"count": len(events), "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu})


if __name__ == "__main__":
    uvloop.run(main(arguments()))
