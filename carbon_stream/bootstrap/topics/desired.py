"""What the topics should be: the twelve of the catalog, the dead letters, our own, and the tables' changelogs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from carbon_stream.contracts import limits
from carbon_stream.contracts.catalog import PARTITIONS, TOPICS, Group
from carbon_stream.contracts.names import ALERTS, DEAD_LETTERS, RULE_REPEATS, SERVICE_STATUS, changelog

__all__ = ["CHANGELOG_MAX_BYTES", "LOG", "MAX_MESSAGE_BYTES", "TABLE_GROUPS", "Wanted", "wanted_topics"]

_DAY_MS = 86_400_000
MAX_MESSAGE_BYTES = limits.RECORD_BYTES + 64 * 1024
"""The largest batch a source topic takes: the largest event, and room for its key, its headers and the batch's own."""
DEAD_LETTER_ROOM_BYTES = 65_536
"""A dead letter is the original record and headers of ours, so its topic takes that much more than the sources."""
CHANGELOG_MAX_BYTES = 4 << 20

TABLE_GROUPS: Mapping[str, Group] = {
    "audit": Group.AUDIT,
    "health": Group.SYSTEM,
    "lineage": Group.DATA,
    "datasets": Group.DATA,
}
"""Each table and the group of topics that feeds it: rows of source partition n are on partition n of the changelog."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One topic as it should be.

    `partitions` is the least count. `group` names topics whose counts go together. `settings` are the topic's own;
    those in `at_least` may be larger on the broker. With `room_bytes`, the largest record of any source, as the brokers
    take it now, must fit with so many bytes more.
    """

    name: str
    group: str
    partitions: int
    settings: Mapping[str, str]
    at_least: frozenset[str] = frozenset({"max.message.bytes"})
    is_changelog: bool = False
    room_bytes: int = 0


LOG: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "compression.type": "lz4",
    "message.timestamp.type": "LogAppendTime",
}
"""Settings of every topic with events."""
_COMPACTED: Mapping[str, str] = {
    "cleanup.policy": "compact",
    # As the worker has compressed it: aiokafka's lz4 takes ten times the time of its zstd, for more bytes.
    "compression.type": "producer",
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(CHANGELOG_MAX_BYTES),
    # The active segment is never compacted: small ones, rolled hourly, keep restoring a table quick.
    "segment.bytes": str(32 << 20),
    "segment.ms": str(3_600_000),
    "min.cleanable.dirty.ratio": "0.2",
    # A reader that was away for so long still learns of each row that has expired.
    "delete.retention.ms": str(2 * _DAY_MS),
}


def wanted_topics() -> tuple[Wanted, ...]:
    """All topics, changelogs first."""
    changelogs = [
        Wanted(changelog(table), group, PARTITIONS[group], _COMPACTED, is_changelog=True)
        for table, group in TABLE_GROUPS.items()
    ]
    dead_letters = Wanted(
        DEAD_LETTERS,
        DEAD_LETTERS,
        max(PARTITIONS.values()),
        {
            **LOG,
            "retention.ms": str(90 * _DAY_MS),
            "max.message.bytes": str(MAX_MESSAGE_BYTES + DEAD_LETTER_ROOM_BYTES),
        },
        room_bytes=DEAD_LETTER_ROOM_BYTES,
    )
    log = {**LOG, "max.message.bytes": str(MAX_MESSAGE_BYTES)}
    sources = [
        Wanted(
            topic.name,
            topic.group,
            topic.partitions,
            {**log, "retention.ms": str(topic.retention_ms)},
        )
        for topic in TOPICS
    ]
    count = PARTITIONS[Group.SYSTEM]
    # a group of their own, which does not grow: what is known of a service stands where its key has led it so far
    own = (
        Wanted(changelog("alerts"), SERVICE_STATUS, count, _COMPACTED, is_changelog=True),
        Wanted(SERVICE_STATUS, SERVICE_STATUS, count, {**log, "retention.ms": str(7 * _DAY_MS)}),
        Wanted(ALERTS, ALERTS, count, {**log, "retention.ms": str(90 * _DAY_MS)}),
    )
    counted = PARTITIONS[Group.AUDIT]
    repeats = (
        Wanted(changelog("repeats"), RULE_REPEATS, counted, _COMPACTED, is_changelog=True),
        Wanted(RULE_REPEATS, RULE_REPEATS, counted, {**log, "retention.ms": str(7 * _DAY_MS)}),
    )
    return (*changelogs, dead_letters, *own, *repeats, *sources)
