"""What the brokers have: plain data, read by `broker.py` and planned on by `plan.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Cluster", "Found"]


@dataclass(frozen=True, slots=True)
class Found:
    """A topic that exists: replicas (broker ids) of each partition, and the settings in force, defaults included.

    `overrides` are the settings set on the topic itself. `under_replicated` are the partitions that have fewer replicas
    in sync than replicas, by number.
    """

    name: str
    replicas: tuple[tuple[int, ...], ...]
    settings: Mapping[str, str]
    overrides: Mapping[str, str] = field(default_factory=dict)
    under_replicated: tuple[int, ...] = ()

    @property
    def partitions(self) -> int:
        return len(self.replicas)

    @property
    def replication(self) -> int:
        """The smallest number of replicas that a partition has."""
        return min((len(each) for each in self.replicas), default=0)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The brokers' ids, the topics by name (only those asked for), and who is working in our consumer group."""

    brokers: tuple[int, ...]
    topics: Mapping[str, Found]
    workers: tuple[str, ...] = ()
