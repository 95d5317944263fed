"""Gauges about topics: one that is missing, one that lacks replicas, one that differs from the plan."""

from __future__ import annotations

from carbon_stream.bootstrap.topics.desired import wanted_topics
from carbon_stream.bootstrap.topics.found import Cluster, Found
from carbon_stream.observability.instruments import REGISTRY
from carbon_stream.web.topic_metrics import show


def told(name: str, topic: str) -> float | None:
    return REGISTRY.get_sample_value(f"carbon_stream_topic_{name}", {"topic": topic})


def test_every_topic_is_told_of() -> None:
    topics = {
        topic.name: Found(topic.name, ((1, 2, 3),) * topic.partitions, {**topic.settings, "min.insync.replicas": "2"})
        for topic in wanted_topics()
    }
    del topics["data-lineage"]
    quality, health = topics["data-quality"], topics["system-health"]
    topics["data-quality"] = Found("data-quality", quality.replicas, quality.settings, under_replicated=(3, 7))
    topics["system-health"] = Found("system-health", health.replicas, {**health.settings, "retention.ms": "1"})
    show(Cluster((1, 2, 3), topics))
    assert (told("partitions", "data-lineage"), told("drifts", "data-lineage")) == (0, 1)
    assert told("under_replicated_partitions", "data-lineage") == 0
    assert (told("partitions", "data-quality"), told("under_replicated_partitions", "data-quality")) == (12, 2)
    assert (told("drifts", "data-quality"), told("drifts", "system-health")) == (0, 1)
    assert all(told("partitions", topic.name) is not None for topic in wanted_topics())
