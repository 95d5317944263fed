"""The catalog says what the platform's list of topics says."""

import pytest

from carbon_stream.contracts import names
from carbon_stream.contracts.catalog import BY_EVENT_TYPE, BY_NAME, PARTITIONS, TOPICS, Group, Topic
from carbon_stream.contracts.fields import fields

PLATFORM = """
data-ingestion DATA DataIngestionEvent datasetName 7
data-quality DATA DataQualityEvent datasetName 30
data-lineage DATA DataLineageEvent targetDataset 90
data-transformation DATA DataTransformationEvent job 7
system-health SYSTEM ServiceHealthEvent serviceName 7
deployment-events SYSTEM DeploymentEvent deploymentName 90
config-changes SYSTEM ConfigChangeEvent component 365
security-events SYSTEM SecurityEvent principal,ipAddress 365
audit-user-actions AUDIT AuditUserActionEvent userId 365
audit-api-calls AUDIT AuditAPICallEvent service 30
audit-data-access AUDIT AuditDataAccessEvent datasetName 90
audit-admin-ops AUDIT AuditAdminOperationEvent userId 365
"""


def test_topics_are_those_of_the_platform() -> None:
    told = [
        f"{topic.name} {topic.group} {topic.event_type} {','.join(topic.key_fields)} {topic.retention_ms // 86_400_000}"
        for topic in TOPICS
    ]
    assert told == PLATFORM.split("\n")[1:-1]


def test_groups_have_one_partition_count() -> None:
    assert dict(PARTITIONS) == {Group.DATA: 12, Group.SYSTEM: 6, Group.AUDIT: 12}
    assert all(topic.partitions == PARTITIONS[topic.group] for topic in TOPICS)


def test_indexes_hold_every_topic() -> None:
    assert [BY_NAME[topic.name] for topic in TOPICS] == list(TOPICS)
    assert [BY_EVENT_TYPE[topic.event_type] for topic in TOPICS] == list(TOPICS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_key_is_the_entity(topic: Topic) -> None:
    *others, last = topic.key_fields
    assert topic.key({last: "entity", "source": "s"}) == "entity"
    assert topic.key({**dict.fromkeys(others), last: "entity"}) == "entity"
    assert topic.key({**dict.fromkeys(others, ""), last: "entity"}) == "entity"
    assert topic.key(dict.fromkeys(topic.key_fields)) is None
    assert topic.key({last: 7}) is None
    assert topic.key({}) is None


def test_principal_comes_before_the_address() -> None:
    event = {"principal": "svc-reporting", "ipAddress": "203.0.113.7"}
    assert BY_NAME["security-events"].key(event) == "svc-reporting"


def test_every_key_field_is_a_field_of_the_type() -> None:
    for topic in TOPICS:
        known = {spec.name: spec for spec in fields(topic.model)}
        for name in topic.key_fields:
            assert known[name].shape.kind == "string"


REQUIRED = {
    "DataIngestionEvent": "datasetName recordCount sizeBytes format location status",
    "DataQualityEvent": "datasetName checkType checkName result score failedRecords totalRecords",
    "DataLineageEvent": "sourceDataset targetDataset transformationType transformationName",
    "DataTransformationEvent": "job",
    "ServiceHealthEvent": "serviceName namespace healthStatus latencyMs errorRate",
    "DeploymentEvent": "version deploymentName namespace action replicas deployedBy",
    "ConfigChangeEvent": "component key",
    "SecurityEvent": "category severity",
    "AuditUserActionEvent": "userId username action resource resourceType result ipAddress",
    "AuditAPICallEvent": ("service endpoint method statusCode latencyMs requestSizeBytes responseSizeBytes ipAddress"),
    "AuditDataAccessEvent": "userId datasetName operation result",
    "AuditAdminOperationEvent": "userId operation result",
}


@pytest.mark.parametrize("event_type", BY_EVENT_TYPE)
def test_required_fields_are_those_of_the_platform(event_type: str) -> None:
    required = [spec.name for spec in fields(BY_EVENT_TYPE[event_type].model) if spec.required]
    assert sorted(required) == sorted(["eventType", "source", *REQUIRED[event_type].split()])


def test_names_on_kafka() -> None:
    assert names.changelog("audit") == "carbon-stream-audit-changelog"
    assert (names.APP_ID, names.DEAD_LETTERS, names.ALERTS) == (
        "carbon-stream",
        "carbon-stream.dead-letters",
        "carbon-stream.alerts",
    )
