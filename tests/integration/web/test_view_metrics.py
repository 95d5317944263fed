"""A process that only answers queries tells of what its views lack, and whether the brokers answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from aiohttp import ClientSession
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from carbon_stream.contracts.names import changelog
from carbon_stream.local import LocalKafka
from carbon_stream.settings import Settings
from carbon_stream.web.application import query_application

Serving = Callable[..., AbstractAsyncContextManager[ClientSession]]


async def shown(session: ClientSession, name: str, value: float, **labels: str) -> None:
    """Until a metric has a value."""
    found: dict[str, float] = {}
    async with asyncio.timeout(90):
        while found.get(name) != value:
            await asyncio.sleep(0.2)
            async with session.get("/metrics") as answer:
                text = await answer.text()
            found = {
                sample.name: sample.value
                for family in text_string_to_metric_families(text)
                for sample in family.samples
                if labels.items() <= sample.labels.items()
            }


async def test_what_no_worker_has_folded_is_a_lag_and_what_no_view_understands_is_counted(
    serving: Serving, settings: Settings, platform: LocalKafka
) -> None:
    async with (
        serving(query_application, settings) as session,
        AIOKafkaProducer(bootstrap_servers=platform.bootstrap_servers) as producer,
    ):
        await shown(session, "carbon_stream_kafka_ready", 1)
        for partition in (0, 5):
            await producer.send_and_wait("audit-user-actions", b"{}", partition=partition)
        await shown(session, "carbon_stream_view_source_lag_records", 2, topic="audit-user-actions")
        await shown(session, "carbon_stream_view_source_lag_records", 0, topic="audit-api-calls")
        await producer.send_and_wait(changelog("lineage"), b"no row", key=b'["edge"]', partition=0)
        await shown(session, "carbon_stream_skipped_rows_total", 1, table="lineage")


async def test_brokers_that_are_away_are_told(serving: Serving, settings: Settings, platform: LocalKafka) -> None:
    async with serving(query_application, settings) as session:
        await shown(session, "carbon_stream_kafka_ready", 1)
        platform.pause(1)
        try:
            await shown(session, "carbon_stream_kafka_ready", 0)
            async with session.get("/readyz") as answer:
                assert answer.status == 200, "what has been loaded is still answered"
        finally:
            platform.resume(1)
        await shown(session, "carbon_stream_kafka_ready", 1)


async def test_topics_are_told_as_the_brokers_have_them(serving: Serving, settings: Settings) -> None:
    async with serving(query_application, settings) as session:
        await shown(session, "carbon_stream_topic_partitions", 12, topic="data-quality")
        await shown(session, "carbon_stream_topic_under_replicated_partitions", 0, topic="data-quality")
        await shown(session, "carbon_stream_topic_drifts", 0, topic=changelog("health"))
