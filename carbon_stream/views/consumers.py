"""Consumers without a group, as the views and queries use them: what they may read."""

from __future__ import annotations

from collections.abc import Collection

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient


async def partitions_of(admin: AIOKafkaAdminClient, topics: Collection[str]) -> set[TopicPartition]:
    """The partitions that these topics have now; a topic that is not there has none.

    Asks for all topics: asking for one that is missing would create it where brokers create topics by themselves. And
    a consumer knows of no topic before it is assigned one.
    """
    return {
        TopicPartition(topic["topic"], partition["partition"])
        for topic in await admin.describe_topics()
        if topic["topic"] in topics
        for partition in topic["partitions"]
    }
