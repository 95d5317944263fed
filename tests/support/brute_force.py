"""What the topics hold, counted by brute force: read whole, decoded by the slow path, summed without any cleverness.

Run as a program: `python brute_force.py BOOTSTRAP` prints JSON.
"""

import asyncio
import sys
from collections import Counter
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import TOPICS, Group


async def read(bootstrap: str, topics: list[str]) -> list[Any]:
    """All committed records of these topics."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        tps = await _partitions(bootstrap, topics)
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends, out = await consumer.end_offsets(tps), []
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for records in (await consumer.getmany(timeout_ms=300)).values():
                out += records
        return out
    finally:
        await consumer.stop()


async def _partitions(bootstrap: str, topics: list[str]) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics(topics)
    finally:
        await admin.close()
    return [TopicPartition(t["topic"], p["partition"]) for t in described for p in t["partitions"]]


def result(event: dict[str, Any]) -> str:
    if event["eventType"] != "AuditAPICallEvent":
        return event.get("result") or "SUCCESS"
    status = event["statusCode"]
    if status in (401, 403):
        return "DENIED"
    return "FAILURE" if status >= 400 else "SUCCESS"


def facets(event: dict[str, Any]) -> dict[str, str]:
    """User, service, action and resource of an audit event, as the documentation defines them."""
    kind = event["eventType"]
    if kind == "AuditAPICallEvent":
        named = (event.get("userId") or "anonymous", event["service"], event["method"], event["endpoint"].split("?")[0])
    elif kind == "AuditDataAccessEvent":
        named = (event["userId"], event.get("engine") or event["source"], event["operation"], event["datasetName"])
    elif kind == "AuditAdminOperationEvent":
        named = (event["userId"], event["source"], event["operation"], event["target"])
    else:
        named = (event["userId"], event["source"], event["action"], event["resource"])
    return dict(zip(("user", "service", "action", "resource"), named, strict=True))


def count(records: list[Any]) -> dict[str, Any]:
    """Counts by dimension and key, and what became of each topic's records."""
    groups: dict[str, Counter[str]] = {}
    results: Counter[str] = Counter()
    fates: dict[str, Counter[str]] = {}
    seen: set[tuple[str, int, str, str]] = set()
    for record in records:
        fate = fates.setdefault(record.topic, Counter())
        try:
            event = codec.parse(record.value if record.value is not None else b"")
            topic, _ = codec.validate(event)
            if topic.name != record.topic:
                raise ValueError("on another type's topic")
        except ValueError:
            fate["dead"] += 1
            continue
        if event.get("eventId") is not None:
            identity = (record.topic, record.partition, event["source"], event["eventId"])
            if identity in seen:
                fate["duplicate"] += 1
                continue
            seen.add(identity)
        fate["applied"] += 1
        if record.topic.startswith("audit-"):
            outcome = result(event)
            results[outcome] += 1
            for dimension, key in {**facets(event), "result": outcome, "eventType": event["eventType"]}.items():
                groups.setdefault(dimension, Counter())[key] += 1
    return {"groups": groups, "results": results, "fates": fates}


async def main(bootstrap: str) -> None:
    topics = [topic.name for topic in TOPICS if topic.group in Group]
    sys.stdout.buffer.write(orjson.dumps(count(await read(bootstrap, topics))))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
