"""Sends API calls from one process: by the producer library, or by the bare client as a service would use it."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from bench.events import TOPIC, api_calls
from bench.peers.frame import answer, arguments, wait_for_go
from carbon_stream_producer import AiokafkaTransport, AsyncEventProducer, EventProducer, KafkaSettings, KafkaTransport

_IN_FLIGHT = 20_000
_NAMES = {
    "service": "service",
    "endpoint": "endpoint",
    "method": "method",
    "statusCode": "status_code",
    "latencyMs": "latency_ms",
    "requestSizeBytes": "request_size_bytes",
    "responseSizeBytes": "response_size_bytes",
    "userId": "user_id",
    "ipAddress": "ip_address",
}
_LIBRDKAFKA = {"acks": "all", "enable.idempotence": True, "compression.type": "lz4", "linger.ms": 10}
Calls = list[dict[str, Any]]


def library(servers: str, calls: Calls) -> None:
    """The producer library over librdkafka."""
    producer = EventProducer("kong", transport=KafkaTransport(KafkaSettings(servers)))
    producer.produce_audit_api_call_event(**calls[0]).result(60)  # connected, and known to the broker
    begin()
    for call in calls:
        producer.produce_audit_api_call_event(**call)
    producer.close(60)
    assert producer.stats().delivered == 1 + len(calls)


def by_hand(servers: str, calls: Calls) -> None:
    """librdkafka as a service without the library would use it: the same envelope, JSON and headers, unchecked."""
    names = {attribute: name for name, attribute in _NAMES.items()}

    def made(call: dict[str, Any]) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
        event_id, now = str(uuid.uuid4()), time.time()
        event = {"eventId": event_id, "eventType": "AuditAPICallEvent", "timestamp": int(now * 1000), "source": "kong"}
        event |= {"version": "1.0.0", "correlationId": event_id} | {names[key]: value for key, value in call.items()}
        headers = [
            ("ce_id", event_id.encode()),
            ("ce_type", b"AuditAPICallEvent"),
            ("ce_source", b"kong"),
            ("ce_specversion", b"1.0"),
            ("content-type", b"application/json"),
            ("ce_time", datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").encode()),
        ]
        return json.dumps(event, separators=(",", ":")).encode(), call["service"].encode(), headers

    _bare(servers, calls, made)


def prepared(servers: str, calls: Calls) -> None:
    """librdkafka given bytes that were made before the clock started: what no library that makes events can reach."""
    ready = [(orjson.dumps(call), call["service"].encode()) for call in calls]
    at = iter(ready)
    _bare(servers, calls, lambda _: (*next(at), None))


def _bare(servers: str, calls: Calls, made: Callable[[dict[str, Any]], tuple[bytes, bytes, Any]]) -> None:
    delivered = 0

    def report(error: Any, _: Any) -> None:
        nonlocal delivered
        delivered += error is None

    producer = Producer({**_LIBRDKAFKA, "bootstrap.servers": servers, "partitioner": "murmur2_random"})
    producer.produce(TOPIC, b"{}", b"first")
    assert producer.flush(60) == 0
    begin()
    for number, call in enumerate(calls):
        value, key, headers = made(call)
        while True:
            try:
                producer.produce(TOPIC, value, key, on_delivery=report, headers=headers)
            except BufferError:
                producer.poll(0.1)
            else:
                break
        if not number % 64:
            producer.poll(0)
    producer.flush(60)
    assert delivered == len(calls)


async def library_asyncio(servers: str, calls: Calls) -> None:
    """The producer library over aiokafka."""
    async with AsyncEventProducer("kong", transport=AiokafkaTransport(KafkaSettings(servers))) as producer:
        await (await producer.produce_audit_api_call_event(**calls[0]))
        begin()
        for call in calls:
            await producer.produce_audit_api_call_event(**call)
    assert producer.stats().delivered == 1 + len(calls)


async def prepared_asyncio(servers: str, calls: Calls) -> None:
    """The bare aiokafka, given bytes that were made before the clock started."""
    ready = [(orjson.dumps(call), call["service"].encode()) for call in calls]
    options = {"acks": "all", "enable_idempotence": True, "compression_type": "lz4", "linger_ms": 10}
    async with AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=64 << 10, **options) as producer:
        await producer.send_and_wait(TOPIC, ready[0][0], key=ready[0][1])
        begin()
        for at in range(0, len(ready), _IN_FLIGHT):
            sent = [await producer.send(TOPIC, value, key=key) for value, key in ready[at : at + _IN_FLIGHT]]
            await asyncio.gather(*sent)


_began = (0.0, 0.0)


def begin() -> None:
    """All is prepared: wait for the word, then start the clock."""
    global _began
    wait_for_go()
    _began = (time.perf_counter(), time.process_time())


def main(told: dict[str, Any]) -> None:
    """One turn of one contender."""
    made = api_calls(told["count"], seed=told["seed"])
    calls = [{_NAMES[name]: value for name, value in call.items() if name in _NAMES} for call in made]
    contender = globals()[told["contender"]]
    if asyncio.iscoroutinefunction(contender):
        asyncio.run(contender(told["servers"], calls))
    else:
        contender(told["servers"], calls)
    wall, cpu = _began
    answer({"count": len(calls), "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu})


if __name__ == "__main__":
    main(arguments())
