"""What the brokers say of all our topics, changelogs and dead letters included, as metrics: asked about each minute."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from aiohttp import web
from aiokafka.errors import KafkaError

from carbon_stream.bootstrap.topics.broker import connected
from carbon_stream.bootstrap.topics.desired import wanted_topics
from carbon_stream.bootstrap.topics.found import Cluster
from carbon_stream.bootstrap.topics.plan import make_plan
from carbon_stream.errors import OperatorError
from carbon_stream.observability import metrics

EVERY_S: Final = 60.0
_TIMEOUT_S: Final = 30.0

log = logging.getLogger(__name__)


def topic_metrics(
    kafka: Mapping[str, Any], group: str, every_s: float = EVERY_S
) -> Callable[[web.Application], AsyncIterator[None]]:
    """An aiohttp cleanup context that keeps the gauges about topics current. `kafka` is `Settings.kafka_client()`."""

    async def context(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(_repeat(kafka, group, every_s), name="topic metrics")
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    return context


async def _repeat(kafka: Mapping[str, Any], group: str, every_s: float) -> None:
    names = [topic.name for topic in wanted_topics()]
    while True:
        try:
            async with asyncio.timeout(_TIMEOUT_S), connected(kafka) as broker:
                show(await broker.read(names, group))
        except (KafkaError, OperatorError, OSError, TimeoutError) as error:
            log.info("the topics cannot be asked for, trying again in %g s: %r", every_s, error)
        except Exception:
            log.exception("asking for the topics failed, trying again in %g s", every_s)
        await asyncio.sleep(every_s)


def show(cluster: Cluster) -> None:
    """Set the gauges of every topic that should be there; what the brokers last said stands while they are away."""
    wanted = wanted_topics()
    plan = make_plan(wanted, cluster)
    for topic in wanted:
        found = cluster.topics.get(topic.name)
        metrics.TOPIC_PARTITIONS.labels(topic.name).set(found.partitions if found else 0)
        metrics.TOPIC_UNDER_REPLICATED.labels(topic.name).set(len(found.under_replicated) if found else 0)
        metrics.TOPIC_DRIFTS.labels(topic.name).set(len(plan.of(topic.name)))
