"""What the brokers say of the twelve topics, compared with the plan: partitions, replication, records, drift.

Asked at most once a second, however many requests there are, and by one request at a time.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from carbon_stream.bootstrap.topics.broker import connected
from carbon_stream.bootstrap.topics.desired import wanted_topics
from carbon_stream.bootstrap.topics.found import Cluster, Found
from carbon_stream.bootstrap.topics.plan import make_plan
from carbon_stream.contracts.catalog import TOPICS, Topic
from carbon_stream.errors import OperatorError, ProblemError
from carbon_stream.streaming import clients

_FRESH_S: Final = 1.0
_TIMEOUT_S: Final = 10.0


class TopicFacts:
    """Reads the topics with connections of its own. `kafka` is `Settings.kafka_client()`, `group` the workers'."""

    def __init__(self, kafka: Mapping[str, Any], group: str) -> None:
        self._kafka = dict(kafka)
        self._group = group
        self._lock = asyncio.Lock()
        self._known: list[dict[str, Any]] = []
        self._read_at = float("-inf")

    async def topics(self) -> list[dict[str, Any]]:
        """One object a topic, in the catalog's order. ProblemError 503 when Kafka does not answer."""
        async with self._lock:
            if time.monotonic() - self._read_at > _FRESH_S:
                try:
                    async with asyncio.timeout(_TIMEOUT_S):
                        self._known = await self._read()
                except (KafkaError, OperatorError, OSError, TimeoutError) as error:
                    raise ProblemError(
                        503,
                        "Kafka is away",
                        f"the brokers did not answer: {error or type(error).__name__}",
                        headers={"Retry-After": "5"},
                    ) from error
                self._read_at = time.monotonic()
            return self._known

    async def _read(self) -> list[dict[str, Any]]:
        wanted = wanted_topics()
        async with connected(self._kafka) as broker:
            cluster = await broker.read([topic.name for topic in wanted], self._group)
        records = await self._records(cluster)
        plan = make_plan(wanted, cluster)
        return [
            _document(topic, cluster.topics.get(topic.name), records.get(topic.name, 0), plan.of(topic.name))
            for topic in TOPICS
        ]

    async def _records(self, cluster: Cluster) -> dict[str, int]:
        """Offsets from the first to the next one, summed: records that are there, markers of transactions included."""
        partitions = [
            TopicPartition(topic.name, number)
            for topic in TOPICS
            if (found := cluster.topics.get(topic.name)) is not None
            for number in range(found.partitions)
        ]
        consumer = AIOKafkaConsumer(**self._kafka, group_id=None, enable_auto_commit=False)
        try:
            await consumer.start()
            begins = await consumer.beginning_offsets(partitions)
            ends = await consumer.end_offsets(partitions)
        finally:
            await clients.stop(consumer)
        sums: dict[str, int] = {}
        for partition in partitions:
            sums[partition.topic] = sums.get(partition.topic, 0) + ends[partition] - begins[partition]
        return sums


def _document(topic: Topic, found: Found | None, records: int, drift: list[str]) -> dict[str, Any]:
    """A topic that is missing has no partitions, and its drift says so."""
    retention = found.settings.get("retention.ms") if found else None
    return {
        "name": topic.name,
        "group": topic.group.value,
        "eventType": topic.event_type,
        "partitions": found.partitions if found else 0,
        "replicationFactor": found.replication if found else 0,
        "retentionMs": int(retention) if retention is not None else None,
        "records": records,
        "drift": drift,
    }
