"""The catalog: one record for each of the twelve topics, each with exactly one event type.

Topics, partitions and retention are the platform's (its topic list); partitions are one count a group, so that one
table can be fed by a whole group.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from carbon_stream.contracts import audit, data, system
from carbon_stream.contracts.envelope import Event


class Group(StrEnum):
    """Topics of one group have one partition count and may feed one table."""

    DATA = "DATA"
    SYSTEM = "SYSTEM"
    AUDIT = "AUDIT"


PARTITIONS: Mapping[Group, int] = MappingProxyType({Group.DATA: 12, Group.SYSTEM: 6, Group.AUDIT: 12})

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic and its event type.

    `entity` describes the natural key; `key_fields` are the JSON names of the fields that give it, the first one with
    a non-empty string is the record's key.
    """

    name: str
    group: Group
    model: type[Event]
    entity: str
    key_fields: tuple[str, ...]
    retention_ms: int
    description: str

    @property
    def event_type(self) -> str:
        return self.model.__name__

    @property
    def partitions(self) -> int:
        return PARTITIONS[self.group]

    def key(self, event: Mapping[str, Any]) -> str | None:
        """The key of an event's record (JSON field names), or None when the event names no entity."""
        return first_name(event, self.key_fields)


def first_name(event: Mapping[str, Any], fields: tuple[str, ...]) -> str | None:
    """The one key rule: the first of the fields that holds a non-empty string."""
    for field in fields:
        value = event.get(field)
        if isinstance(value, str) and value:
            return value
    return None


def _topic(name: str, model: type[Event], entity: str, fields: str, days: int, description: str) -> Topic:
    group = _GROUP_OF_MODULE[model.__module__]
    return Topic(name, group, model, entity, tuple(fields.split()), days * _DAY_MS, description)


_GROUP_OF_MODULE = {data.__name__: Group.DATA, system.__name__: Group.SYSTEM, audit.__name__: Group.AUDIT}

TOPICS: tuple[Topic, ...] = (
    _topic(
        "data-ingestion",
        data.DataIngestionEvent,
        "the dataset",
        "datasetName",
        7,
        "A dataset was loaded: wholly, in part, or not at all.",
    ),
    _topic(
        "data-quality",
        data.DataQualityEvent,
        "the dataset",
        "datasetName",
        30,
        "A quality check ran on a dataset.",
    ),
    _topic(
        "data-lineage",
        data.DataLineageEvent,
        "the target dataset",
        "targetDataset",
        90,
        "One dataset was made from another: an edge of the lineage graph was seen.",
    ),
    _topic(
        "data-transformation",
        data.DataTransformationEvent,
        "the job",
        "job",
        7,
        "A run of a transformation job is under way, or has ended.",
    ),
    _topic(
        "system-health",
        system.ServiceHealthEvent,
        "the service",
        "serviceName",
        7,
        "A service told how it is, or was probed.",
    ),
    _topic(
        "deployment-events",
        system.DeploymentEvent,
        "the deployment",
        "deploymentName",
        90,
        "A deployment was changed. `version` is the deployed version: it is required, and never filled in.",
    ),
    _topic(
        "config-changes",
        system.ConfigChangeEvent,
        "the component",
        "component",
        365,
        "A setting of a component was changed. Secret values are given as hashes only.",
    ),
    _topic(
        "security-events",
        system.SecurityEvent,
        "the principal, else the address",
        "principal ipAddress",
        365,
        "Something that matters to security was seen.",
    ),
    _topic(
        "audit-user-actions",
        audit.AuditUserActionEvent,
        "the user",
        "userId",
        365,
        "A user did something on the platform, or was kept from it.",
    ),
    _topic(
        "audit-api-calls",
        audit.AuditAPICallEvent,
        "the service",
        "service",
        30,
        "A service answered a request.",
    ),
    _topic(
        "audit-data-access",
        audit.AuditDataAccessEvent,
        "the dataset",
        "datasetName",
        90,
        "A user read, wrote, deleted or exported data, or was kept from it.",
    ),
    _topic(
        "audit-admin-ops",
        audit.AuditAdminOperationEvent,
        "the administrator",
        "userId",
        365,
        "An administrator changed the platform itself, or was kept from it.",
    ),
)

BY_NAME: Mapping[str, Topic] = MappingProxyType({topic.name: topic for topic in TOPICS})
BY_EVENT_TYPE: Mapping[str, Topic] = MappingProxyType({topic.event_type: topic for topic in TOPICS})
