"""The topics: the twelve with their settings, our own, and their replicas."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.errors import KafkaError

from carbon_stream.bootstrap.topics.broker import connected
from carbon_stream.bootstrap.topics.desired import Wanted, wanted_topics
from carbon_stream.bootstrap.topics.found import Cluster
from carbon_stream.bootstrap.topics.plan import Plan, make_plan
from carbon_stream.bootstrap.verify.check import Check, judged, unknown
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["check_topics", "judge_topics"]

_AREA = "topics"
_LOOK = "carbon-stream bootstrap plan topics"
_UNDER = "kafka-topics.sh --describe --under-replicated-partitions"


async def check_topics(settings: Settings) -> list[Check]:
    """Asks the brokers."""
    wanted = wanted_topics()
    try:
        async with connected(settings.kafka_client()) as broker:
            cluster = await broker.read([topic.name for topic in wanted], settings.app_id)
    except (KafkaError, TimeoutError, OSError, OperatorError) as error:
        why = str(error) or f"no broker answers at {settings.kafka_bootstrap_servers} ({type(error).__name__})"
        return [
            unknown(_AREA, "event topics", str(len(TOPICS)), _LOOK, why),
            unknown(_AREA, "own topics", str(len(wanted) - len(TOPICS)), _LOOK, why),
            unknown(_AREA, "replicas in sync", "all", _UNDER, why),
        ]
    return judge_topics(wanted, cluster, make_plan(wanted, cluster, replicas=settings.topic_replication))


def judge_topics(wanted: Sequence[Wanted], cluster: Cluster, plan: Plan) -> list[Check]:
    """The checks, from what the brokers have and what the plan says of it."""
    events = {topic.name for topic in TOPICS}
    checks = []
    for name, names in (
        ("event topics", [topic.name for topic in wanted if topic.name in events]),
        ("own topics", [topic.name for topic in wanted if topic.name not in events]),
    ):
        wrong = {topic: lines for topic in names if (lines := plan.of(topic))}
        seen = f"{sum(topic in cluster.topics for topic in names)}, {len(wrong)} of them not as they should be"
        details = [f"{topic}: {line}" for topic, lines in wrong.items() for line in lines]
        checks.append(judged(_AREA, name, f"{len(names)} with their settings", seen, _LOOK, details))
    behind = {found.name: found.under_replicated for found in cluster.topics.values() if found.under_replicated}
    partitions = sum(found.partitions for found in cluster.topics.values())
    lacking = sum(map(len, behind.values()))
    details = [f"{topic}: partitions {', '.join(map(str, numbers))}" for topic, numbers in behind.items()]
    seen = f"{partitions - lacking} of {partitions} partitions"
    checks.append(judged(_AREA, "replicas in sync", "all partitions", seen, _UNDER, details))
    return checks
