"""A class for each event type.

Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from carbon_stream_producer.contract import EventType
from carbon_stream_producer.generated import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all event types have; absent parts are filled in when the event is sent."""

    KIND: ClassVar[EventType]

    event_id: str | None = None
    timestamp: int | datetime | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    extra: Mapping[str, Any] | None = None
    """Fields that the contract does not name, by their JSON names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """One column of the target and the column of the source that it comes from."""

    source_column: str = field(metadata={"json": "sourceColumn"})
    """Column of the source dataset."""
    target_column: str = field(metadata={"json": "targetColumn"})
    """Column of the target dataset."""
    transformation: str | None = field(default=None, metadata={"json": "transformation"})
    """How the one is made from the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataIngestionEvent(Event):
    """A dataset was loaded: wholly, in part, or not at all."""

    KIND: ClassVar[EventType] = tables.DATA_INGESTION_EVENT

    dataset_name: str
    """The dataset that was loaded."""
    record_count: int
    """Records loaded."""
    size_bytes: int
    """Bytes loaded."""
    format: str
    """Format of the data, such as parquet."""
    location: str
    """Where the data is, such as s3://lake/prices."""
    status: Literal["SUCCESS", "FAILURE", "PARTIAL"]
    """How the load ended."""
    metadata: Mapping[str, Any] | None = None
    """Anything else about the load."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQualityEvent(Event):
    """A quality check ran on a dataset."""

    KIND: ClassVar[EventType] = tables.DATA_QUALITY_EVENT

    dataset_name: str
    """The dataset that was checked."""
    check_type: str
    """Kind of check, such as completeness."""
    check_name: str
    """The check."""
    result: Literal["PASS", "FAIL", "WARNING"]
    """What the check found."""
    score: float
    """Share of what was checked that is good, 0 to 1."""
    failed_records: int
    """Records that failed the check."""
    total_records: int
    """Records that were checked."""
    message: str | None = None
    """What a person should know."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLineageEvent(Event):
    """One dataset was made from another: an edge of the lineage graph was seen."""

    KIND: ClassVar[EventType] = tables.DATA_LINEAGE_EVENT

    source_dataset: str
    """The dataset that was read."""
    target_dataset: str
    """The dataset that was written."""
    transformation_type: Literal["COPY", "TRANSFORM", "AGGREGATE", "JOIN", "FILTER"]
    """What was done on the way."""
    transformation_name: str
    """The job or statement that did it."""
    query: str | None = None
    """The statement, where there is one."""
    columns: Sequence[ColumnMapping | Mapping[str, Any]] | None = None
    """Which column comes from which."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataTransformationEvent(Event):
    """A run of a transformation job is under way, or has ended."""

    KIND: ClassVar[EventType] = tables.DATA_TRANSFORMATION_EVENT

    job: str
    """The job."""
    run: str | None = None
    """The run of the job."""
    inputs: Sequence[str | None] | None = None
    """Datasets read."""
    outputs: Sequence[str | None] | None = None
    """Datasets written."""
    status: Literal["RUNNING", "SUCCESS", "FAILURE", "PARTIAL", "CANCELLED"] | None = None
    """How far the run is, or how it ended."""
    duration_ms: float | None = None
    """How long the run took, milliseconds."""
    rows_in: int | None = None
    """Rows read."""
    rows_out: int | None = None
    """Rows written."""
    message: str | None = None
    """What a person should know."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceHealthEvent(Event):
    """A service told how it is, or was probed."""

    KIND: ClassVar[EventType] = tables.SERVICE_HEALTH_EVENT

    service_name: str
    """The service."""
    namespace: str
    """Its Kubernetes namespace."""
    health_status: Literal["HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"]
    """How it is."""
    latency_ms: float
    """Latency of the probe or of recent requests, milliseconds."""
    error_rate: float
    """Share of recent requests that failed, 0 to 1."""
    message: str | None = None
    """What a person should know."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentEvent(Event):
    """A deployment was changed. `version` is the deployed version: it is required, and never filled in."""

    KIND: ClassVar[EventType] = tables.DEPLOYMENT_EVENT

    version: str
    """The deployed version."""
    deployment_name: str
    """The deployment."""
    namespace: str
    """Its Kubernetes namespace."""
    action: Literal["DEPLOY", "ROLLBACK", "SCALE", "RESTART"]
    """What was done."""
    replicas: int
    """Replicas asked for."""
    deployed_by: str
    """Who did it."""
    previous_version: str | None = None
    """The version before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChangeEvent(Event):
    """A setting of a component was changed. Secret values are given as hashes only."""

    KIND: ClassVar[EventType] = tables.CONFIG_CHANGE_EVENT

    component: str
    """The component whose setting was changed."""
    key: str
    """The setting."""
    namespace: str | None = None
    """Its Kubernetes namespace."""
    old_value: Any = None
    """The value before, any JSON value; null when there was none."""
    new_value: Any = None
    """The value after, any JSON value; null when it was removed."""
    old_value_hash: str | None = None
    """A hash of the value before, where the value is secret."""
    new_value_hash: str | None = None
    """A hash of the value after, where the value is secret."""
    changed_by: str | None = None
    """Who changed it."""
    reason: str | None = None
    """Why."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityEvent(Event):
    """Something that matters to security was seen."""

    KIND: ClassVar[EventType] = tables.SECURITY_EVENT

    category: str
    """Kind of event, such as authentication, authorization, network, secret."""
    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
    """How grave it is."""
    principal: str | None = None
    """Who acted, where that is known."""
    ip_address: str | None = None
    """Address it came from; "unknown" where it is not known."""
    resource: str | None = None
    """What was acted upon."""
    action: str | None = None
    """What was tried."""
    outcome: str | None = None
    """How it ended, such as SUCCESS, FAILURE, DENIED, BLOCKED."""
    message: str | None = None
    """What a person should know."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditUserActionEvent(Event):
    """A user did something on the platform, or was kept from it."""

    KIND: ClassVar[EventType] = tables.AUDIT_USER_ACTION_EVENT

    user_id: str
    """The user."""
    username: str
    """The user's name."""
    action: str
    """What the user did."""
    resource: str
    """What it was done to."""
    resource_type: str
    """Kind of resource."""
    result: Literal["SUCCESS", "FAILURE", "DENIED"]
    """How it ended."""
    ip_address: str
    """Address of the user; "unknown" where it is not known."""
    user_agent: str | None = None
    """The user's agent."""
    details: Mapping[str, Any] | None = None
    """Anything else about the action."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAPICallEvent(Event):
    """A service answered a request."""

    KIND: ClassVar[EventType] = tables.AUDIT_API_CALL_EVENT

    service: str
    """The service that answered."""
    endpoint: str
    """Path of the request."""
    method: str
    """Method of the request."""
    status_code: int
    """HTTP status of the answer."""
    latency_ms: float
    """Time to the answer, milliseconds."""
    request_size_bytes: int
    """Size of the request."""
    response_size_bytes: int
    """Size of the answer."""
    ip_address: str
    """Address of the caller; "unknown" where it is not known."""
    user_id: str | None = None
    """The user, where one was known."""
    api_key: str | None = None
    """Name or identifier of the API key, never the key itself."""
    error_message: str | None = None
    """What went wrong."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDataAccessEvent(Event):
    """A user read, wrote, deleted or exported data, or was kept from it."""

    KIND: ClassVar[EventType] = tables.AUDIT_DATA_ACCESS_EVENT

    user_id: str
    """The user."""
    dataset_name: str
    """The dataset."""
    operation: Literal["READ", "WRITE", "DELETE", "EXPORT"]
    """What was done with the data."""
    result: Literal["SUCCESS", "FAILURE", "DENIED"]
    """How it ended."""
    username: str | None = None
    """The user's name."""
    columns: Sequence[str | None] | None = None
    """Columns touched."""
    row_count: int | None = None
    """Rows touched."""
    query: str | None = None
    """The statement, where there is one."""
    engine: str | None = None
    """Engine that ran it, such as trino."""
    ip_address: str | None = None
    """Address of the user; "unknown" where it is not known."""
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditAdminOperationEvent(Event):
    """An administrator changed the platform itself, or was kept from it."""

    KIND: ClassVar[EventType] = tables.AUDIT_ADMIN_OPERATION_EVENT

    user_id: str
    """The administrator."""
    operation: str
    """What was done."""
    result: Literal["SUCCESS", "FAILURE", "DENIED"]
    """How it ended."""
    target: str | None = None
    """What it was done to."""
    target_type: str | None = None
    """Kind of target."""
    parameters: Mapping[str, Any] | None = None
    """Parameters of the operation."""
    ip_address: str | None = None
    """Address of the administrator; "unknown" where not known."""
    version: str | None = None


EVENTS: tuple[type[Event], ...] = (
    DataIngestionEvent,
    DataQualityEvent,
    DataLineageEvent,
    DataTransformationEvent,
    ServiceHealthEvent,
    DeploymentEvent,
    ConfigChangeEvent,
    SecurityEvent,
    AuditUserActionEvent,
    AuditAPICallEvent,
    AuditDataAccessEvent,
    AuditAdminOperationEvent,
)
