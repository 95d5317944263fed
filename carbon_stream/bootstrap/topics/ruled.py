"""Topics that the routing rules need: those under `topics` in their file, and an outbox for each endpoint."""

from __future__ import annotations

from carbon_stream.bootstrap.topics.desired import LOG, MAX_MESSAGE_BYTES, Wanted, wanted_topics
from carbon_stream.rules.hosts import Hosts
from carbon_stream.rules.model import RuleSet, outbox
from carbon_stream.rules.reading import load
from carbon_stream.settings import Settings

__all__ = ["rule_topics", "topics_of"]

OUTBOX_KEPT_MS = 14 * 86_400_000
"""Twice the longest time for which delivery is tried."""


def topics_of(settings: Settings) -> tuple[Wanted, ...]:
    """All topics that an installation with these settings needs. Raises BadRules."""
    return (*wanted_topics(), *rule_topics(load(settings.rules, Hosts(settings.rules_hosts))))


def rule_topics(rules: RuleSet) -> tuple[Wanted, ...]:
    """The topics that these rules need beside the product's own; each is a group of its own, and never grows."""
    log = {**LOG, "max.message.bytes": str(MAX_MESSAGE_BYTES)}
    own = [
        Wanted(topic.name, topic.name, topic.partitions, {**log, "retention.ms": str(topic.retention_ms)})
        for topic in rules.topics.values()
    ]
    outboxes = [
        Wanted(
            outbox(endpoint.name),
            outbox(endpoint.name),
            endpoint.parallel,
            {**log, "retention.ms": str(OUTBOX_KEPT_MS)},
        )
        for endpoint in rules.endpoints.values()
    ]
    return (*own, *outboxes)
