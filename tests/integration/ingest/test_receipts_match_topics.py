"""What a receipt says is where the event is, as it was answered."""

import asyncio
import gzip
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import orjson
from aiokafka.partitioner import murmur2

from carbon_stream.contracts import codec

ApiCall = Callable[..., dict[str, Any]]


async def test_each_receipt_names_the_place_of_its_event_in_order(
    service_on_shared_broker: Any, bootstrap_servers: str, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    run = str(uuid4())
    events = [api_call(eventId=f"{run}-{n}", service=f"service-{n % 17}") for n in range(500)]
    events += [
        {
            "eventType": "SecurityEvent",
            "eventId": f"{run}-security-{n}",
            "source": "kong",
            "category": "login",
            "severity": "LOW",
            "outcome": "SUCCESS",
            "message": "x",
        }
        for n in range(50)
    ]
    status, answer = await service_on_shared_broker.post(events)
    assert (status, answer["accepted"], answer["rejected"]) == (202, 550, 0), answer["receipts"][-1]
    assert [receipt["eventId"] for receipt in answer["receipts"]] == [event["eventId"] for event in events]

    records = await read_topic(bootstrap_servers, ["audit-api-calls", "security-events"])
    at = {(record.topic, record.partition, record.offset): record for record in records}
    offsets: dict[tuple[str, int], list[int]] = defaultdict(list)
    for event, receipt in zip(events, answer["receipts"], strict=True):
        record = at[receipt["topic"], receipt["partition"], receipt["offset"]]
        stored = orjson.loads(record.value)
        assert {name: stored[name] for name in event} == event
        offsets[receipt["topic"], receipt["partition"]].append(receipt["offset"])
        if event["eventType"] == "AuditAPICallEvent":
            assert record.key == event["service"].encode()
            assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 12
        else:
            assert record.key is None
    assert all(numbers == sorted(numbers) for numbers in offsets.values())
    assert len({partition for topic, partition in offsets if topic == "security-events"}) > 1, "keyless events spread"


async def test_a_record_is_a_cloud_event_with_the_trace_of_its_request(
    service_on_shared_broker: Any, bootstrap_servers: str, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    event = api_call(eventId=str(uuid4()), timestamp=1_700_000_000_123, source="a b/ü")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    status, answer = await service_on_shared_broker.post(event, traceparent=trace)
    assert status == 202
    receipt = answer["receipts"][0]
    record = next(
        record
        for record in await read_topic(bootstrap_servers, ["audit-api-calls"])
        if (record.partition, record.offset) == (receipt["partition"], receipt["offset"])
    )
    assert dict(record.headers) == {
        "ce_id": event["eventId"].encode(),
        "ce_type": b"AuditAPICallEvent",
        "ce_source": b"a%20b/%C3%BC",
        "ce_specversion": b"1.0",
        "ce_time": b"2023-11-14T22:13:20.123Z",
        "content-type": b"application/json",
        "traceparent": trace.encode(),
    }
    assert orjson.loads(record.value)["context"]["traceId"] == trace[3:35]
    assert orjson.loads(record.value)["correlationId"] == trace[3:35]


async def test_a_mixed_gzipped_ndjson_batch(
    service_on_shared_broker: Any, bootstrap_servers: str, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    good = api_call(eventId=str(uuid4()))
    body = b"\n".join([orjson.dumps(good), b"", b"{nonsense", orjson.dumps(api_call(latencyMs="x")), b""])
    async with service_on_shared_broker.client.post(
        f"{service_on_shared_broker.url}/v1/events",
        data=gzip.compress(body),
        headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
    ) as response:
        answer = await response.json()
        assert (response.status, answer["accepted"], answer["rejected"]) == (202, 1, 2)
    assert [receipt["status"] for receipt in answer["receipts"]] == ["accepted", "rejected", "rejected"]
    found = [orjson.loads(record.value) for record in await read_topic(bootstrap_servers, ["audit-api-calls"])]
    assert [event for event in found if event["eventId"] == good["eventId"]]


async def test_a_thousand_requests_at_once_keep_their_receipts_apart(
    service_on_shared_broker: Any, bootstrap_servers: str, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    run = str(uuid4())
    bodies = [
        [api_call(eventId=f"{run}-{n}-{m}", service=f"service-{(n + m) % 5}") for m in range(max(1, n % 9 - 4))]
        for n in range(1_000)
    ]
    sent = [body if len(body) > 1 else body[0] for body in bodies]  # single events go another way than arrays
    answers = await asyncio.gather(*(service_on_shared_broker.post(body) for body in sent))
    records = await read_topic(bootstrap_servers, ["audit-api-calls"])
    at = {(record.partition, record.offset): orjson.loads(record.value)["eventId"] for record in records}
    for body, (status, answer) in zip(bodies, answers, strict=True):
        assert status == 202
        places = [(receipt["partition"], receipt["offset"]) for receipt in answer["receipts"]]
        assert [at[place] for place in places] == [event["eventId"] for event in body]
    ours = [event_id for event_id in at.values() if event_id.startswith(run)]
    assert len(ours) == len(set(ours)) == sum(map(len, bodies))


async def test_the_largest_event_fits_its_topic_and_the_agents_limits(
    service_on_shared_broker: Any, bootstrap_servers: str, read_topic: Callable[..., Awaitable[Any]], api_call: ApiCall
) -> None:
    noise = random.Random(1)
    event = api_call(eventId=str(uuid4()), more="")
    room = (1 << 20) - len(orjson.dumps(event))
    event["more"] = "".join(noise.choices([chr(code) for code in range(0x23, 0x5B)], k=room))
    assert len(orjson.dumps(event)) == 1 << 20
    async with service_on_shared_broker.client.post(
        f"{service_on_shared_broker.url}/v1/events",
        data=gzip.compress(orjson.dumps(event)),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ) as response:
        answer = await response.json(content_type=None)
        assert response.status == 202, answer
    records = await read_topic(bootstrap_servers, ["audit-api-calls"])
    value = next(record.value for record in records if len(record.value) > 1 << 20)
    assert codec.decoder("audit-api-calls")(value).event_id == event["eventId"]
