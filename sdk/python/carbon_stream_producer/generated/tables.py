"""What the library knows of each event type.

Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
"""

from typing import Any, Final

from carbon_stream_producer.contract import EventType, Field
from carbon_stream_producer.generated import checks

DEFAULT_VERSION: Final = "1.0.0"


def never(event: dict[str, Any]) -> bool:  # noqa: ARG001
    """No quick check: the table decides."""
    return False


ENVELOPE: Final = (
    Field("eventId", "event_id", "string", nullable=True, low=1, high=256),
    Field("eventType", "event_type", "string", required=True),
    Field("timestamp", "timestamp", "integer", nullable=True, low=100000000000, high=9223372036854775807),
    Field("source", "source", "string", required=True, low=1, high=1024),
    Field("version", "version", "string", nullable=True, high=1024),
    Field("correlationId", "correlation_id", "string", nullable=True, high=1024),
    Field("causationId", "causation_id", "string", nullable=True, high=1024),
    Field("context", "context", "any", nullable=True),
)
DATA_INGESTION_EVENT: Final = EventType(
    "DataIngestionEvent",
    "data-ingestion",
    ("datasetName",),
    (
        *ENVELOPE,
        Field("datasetName", "dataset_name", "string", required=True, low=1, high=1024),
        Field("recordCount", "record_count", "integer", required=True, low=0, high=9223372036854775807),
        Field("sizeBytes", "size_bytes", "integer", required=True, low=0, high=9223372036854775807),
        Field("format", "format", "string", required=True, high=1024),
        Field("location", "location", "string", required=True, high=8192),
        Field("status", "status", "string", required=True, enum=("SUCCESS", "FAILURE", "PARTIAL")),
        Field("metadata", "metadata", "object", nullable=True, high=1024),
    ),
    checks.data_ingestion_event,
    version_of_its_own=False,
)
DATA_QUALITY_EVENT: Final = EventType(
    "DataQualityEvent",
    "data-quality",
    ("datasetName",),
    (
        *ENVELOPE,
        Field("datasetName", "dataset_name", "string", required=True, low=1, high=1024),
        Field("checkType", "check_type", "string", required=True, high=1024),
        Field("checkName", "check_name", "string", required=True, high=1024),
        Field("result", "result", "string", required=True, enum=("PASS", "FAIL", "WARNING")),
        Field("score", "score", "number", required=True, low=0, high=1),
        Field("failedRecords", "failed_records", "integer", required=True, low=0, high=9223372036854775807),
        Field("totalRecords", "total_records", "integer", required=True, low=0, high=9223372036854775807),
        Field("message", "message", "string", nullable=True, high=65536),
    ),
    checks.data_quality_event,
    version_of_its_own=False,
)
DATA_LINEAGE_EVENT: Final = EventType(
    "DataLineageEvent",
    "data-lineage",
    ("targetDataset",),
    (
        *ENVELOPE,
        Field("sourceDataset", "source_dataset", "string", required=True, low=1, high=1024),
        Field("targetDataset", "target_dataset", "string", required=True, low=1, high=1024),
        Field(
            "transformationType",
            "transformation_type",
            "string",
            required=True,
            enum=("COPY", "TRANSFORM", "AGGREGATE", "JOIN", "FILTER"),
        ),
        Field("transformationName", "transformation_name", "string", required=True, high=1024),
        Field("query", "query", "string", nullable=True, high=262144),
        Field(
            "columns",
            "columns",
            "array",
            nullable=True,
            high=10000,
            items=Field(
                "",
                "columns",
                "record",
                record=(
                    Field("sourceColumn", "source_column", "string", required=True, high=1024),
                    Field("targetColumn", "target_column", "string", required=True, high=1024),
                    Field("transformation", "transformation", "string", nullable=True, high=65536),
                ),
            ),
        ),
    ),
    checks.data_lineage_event,
    version_of_its_own=False,
)
DATA_TRANSFORMATION_EVENT: Final = EventType(
    "DataTransformationEvent",
    "data-transformation",
    ("job",),
    (
        *ENVELOPE,
        Field("job", "job", "string", required=True, low=1, high=1024),
        Field("run", "run", "string", nullable=True, high=1024),
        Field(
            "inputs", "inputs", "array", nullable=True, high=1024, items=Field("", "inputs", "string", low=1, high=1024)
        ),
        Field(
            "outputs",
            "outputs",
            "array",
            nullable=True,
            high=1024,
            items=Field("", "outputs", "string", low=1, high=1024),
        ),
        Field(
            "status", "status", "string", nullable=True, enum=("RUNNING", "SUCCESS", "FAILURE", "PARTIAL", "CANCELLED")
        ),
        Field("durationMs", "duration_ms", "number", nullable=True, low=0, high=1000000000000000.0),
        Field("rowsIn", "rows_in", "integer", nullable=True, low=0, high=9223372036854775807),
        Field("rowsOut", "rows_out", "integer", nullable=True, low=0, high=9223372036854775807),
        Field("message", "message", "string", nullable=True, high=65536),
    ),
    checks.data_transformation_event,
    version_of_its_own=False,
)
SERVICE_HEALTH_EVENT: Final = EventType(
    "ServiceHealthEvent",
    "system-health",
    ("serviceName",),
    (
        *ENVELOPE,
        Field("serviceName", "service_name", "string", required=True, low=1, high=1024),
        Field("namespace", "namespace", "string", required=True, low=1, high=1024),
        Field(
            "healthStatus",
            "health_status",
            "string",
            required=True,
            enum=("HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"),
        ),
        Field("latencyMs", "latency_ms", "number", required=True, low=0, high=1000000000000000.0),
        Field("errorRate", "error_rate", "number", required=True, low=0, high=1),
        Field("message", "message", "string", nullable=True, high=65536),
    ),
    checks.service_health_event,
    version_of_its_own=False,
)
DEPLOYMENT_EVENT: Final = EventType(
    "DeploymentEvent",
    "deployment-events",
    ("deploymentName",),
    (
        ENVELOPE[0],
        ENVELOPE[1],
        ENVELOPE[2],
        ENVELOPE[3],
        Field("version", "version", "string", required=True, high=1024),
        ENVELOPE[5],
        ENVELOPE[6],
        ENVELOPE[7],
        Field("deploymentName", "deployment_name", "string", required=True, low=1, high=1024),
        Field("namespace", "namespace", "string", required=True, low=1, high=1024),
        Field("action", "action", "string", required=True, enum=("DEPLOY", "ROLLBACK", "SCALE", "RESTART")),
        Field("previousVersion", "previous_version", "string", nullable=True, high=1024),
        Field("replicas", "replicas", "integer", required=True, low=0, high=9223372036854775807),
        Field("deployedBy", "deployed_by", "string", required=True, high=1024),
    ),
    checks.deployment_event,
    version_of_its_own=True,
)
CONFIG_CHANGE_EVENT: Final = EventType(
    "ConfigChangeEvent",
    "config-changes",
    ("component",),
    (
        *ENVELOPE,
        Field("component", "component", "string", required=True, low=1, high=1024),
        Field("namespace", "namespace", "string", nullable=True, high=1024),
        Field("key", "key", "string", required=True, low=1, high=1024),
        Field("oldValue", "old_value", "any", nullable=True),
        Field("newValue", "new_value", "any", nullable=True),
        Field("oldValueHash", "old_value_hash", "string", nullable=True, high=1024),
        Field("newValueHash", "new_value_hash", "string", nullable=True, high=1024),
        Field("changedBy", "changed_by", "string", nullable=True, high=1024),
        Field("reason", "reason", "string", nullable=True, high=65536),
    ),
    checks.config_change_event,
    version_of_its_own=False,
)
SECURITY_EVENT: Final = EventType(
    "SecurityEvent",
    "security-events",
    ("principal", "ipAddress"),
    (
        *ENVELOPE,
        Field("category", "category", "string", required=True, low=1, high=1024),
        Field("severity", "severity", "string", required=True, enum=("LOW", "MEDIUM", "HIGH", "CRITICAL")),
        Field("principal", "principal", "string", nullable=True, high=1024),
        Field("ipAddress", "ip_address", "string", nullable=True, high=256),
        Field("resource", "resource", "string", nullable=True, high=8192),
        Field("action", "action", "string", nullable=True, high=1024),
        Field("outcome", "outcome", "string", nullable=True, high=1024),
        Field("message", "message", "string", nullable=True, high=65536),
    ),
    checks.security_event,
    version_of_its_own=False,
)
AUDIT_USER_ACTION_EVENT: Final = EventType(
    "AuditUserActionEvent",
    "audit-user-actions",
    ("userId",),
    (
        *ENVELOPE,
        Field("userId", "user_id", "string", required=True, low=1, high=1024),
        Field("username", "username", "string", required=True, high=1024),
        Field("action", "action", "string", required=True, high=1024),
        Field("resource", "resource", "string", required=True, high=8192),
        Field("resourceType", "resource_type", "string", required=True, high=1024),
        Field("result", "result", "string", required=True, enum=("SUCCESS", "FAILURE", "DENIED")),
        Field("ipAddress", "ip_address", "string", required=True, high=256),
        Field("userAgent", "user_agent", "string", nullable=True, high=8192),
        Field("details", "details", "object", nullable=True, high=1024),
    ),
    checks.audit_user_action_event,
    version_of_its_own=False,
)
AUDIT_API_CALL_EVENT: Final = EventType(
    "AuditAPICallEvent",
    "audit-api-calls",
    ("service",),
    (
        *ENVELOPE,
        Field("service", "service", "string", required=True, low=1, high=1024),
        Field("endpoint", "endpoint", "string", required=True, high=8192),
        Field("method", "method", "string", required=True, high=1024),
        Field("statusCode", "status_code", "integer", required=True, low=100, high=599),
        Field("latencyMs", "latency_ms", "number", required=True, low=0, high=1000000000000000.0),
        Field("requestSizeBytes", "request_size_bytes", "integer", required=True, low=0, high=9223372036854775807),
        Field("responseSizeBytes", "response_size_bytes", "integer", required=True, low=0, high=9223372036854775807),
        Field("userId", "user_id", "string", nullable=True, high=1024),
        Field("apiKey", "api_key", "string", nullable=True, high=1024),
        Field("ipAddress", "ip_address", "string", required=True, high=256),
        Field("errorMessage", "error_message", "string", nullable=True, high=65536),
    ),
    checks.audit_api_call_event,
    version_of_its_own=False,
)
AUDIT_DATA_ACCESS_EVENT: Final = EventType(
    "AuditDataAccessEvent",
    "audit-data-access",
    ("datasetName",),
    (
        *ENVELOPE,
        Field("userId", "user_id", "string", required=True, low=1, high=1024),
        Field("username", "username", "string", nullable=True, high=1024),
        Field("datasetName", "dataset_name", "string", required=True, low=1, high=1024),
        Field("operation", "operation", "string", required=True, enum=("READ", "WRITE", "DELETE", "EXPORT")),
        Field(
            "columns",
            "columns",
            "array",
            nullable=True,
            high=10000,
            items=Field("", "columns", "string", low=1, high=1024),
        ),
        Field("rowCount", "row_count", "integer", nullable=True, low=0, high=9223372036854775807),
        Field("query", "query", "string", nullable=True, high=262144),
        Field("engine", "engine", "string", nullable=True, high=1024),
        Field("result", "result", "string", required=True, enum=("SUCCESS", "FAILURE", "DENIED")),
        Field("ipAddress", "ip_address", "string", nullable=True, high=256),
    ),
    checks.audit_data_access_event,
    version_of_its_own=False,
)
AUDIT_ADMIN_OPERATION_EVENT: Final = EventType(
    "AuditAdminOperationEvent",
    "audit-admin-ops",
    ("userId",),
    (
        *ENVELOPE,
        Field("userId", "user_id", "string", required=True, low=1, high=1024),
        Field("operation", "operation", "string", required=True, low=1, high=1024),
        Field("target", "target", "string", nullable=True, high=8192),
        Field("targetType", "target_type", "string", nullable=True, high=1024),
        Field("result", "result", "string", required=True, enum=("SUCCESS", "FAILURE", "DENIED")),
        Field("parameters", "parameters", "object", nullable=True, high=1024),
        Field("ipAddress", "ip_address", "string", nullable=True, high=256),
    ),
    checks.audit_admin_operation_event,
    version_of_its_own=False,
)
ALL: Final = (
    DATA_INGESTION_EVENT,
    DATA_QUALITY_EVENT,
    DATA_LINEAGE_EVENT,
    DATA_TRANSFORMATION_EVENT,
    SERVICE_HEALTH_EVENT,
    DEPLOYMENT_EVENT,
    CONFIG_CHANGE_EVENT,
    SECURITY_EVENT,
    AUDIT_USER_ACTION_EVENT,
    AUDIT_API_CALL_EVENT,
    AUDIT_DATA_ACCESS_EVENT,
    AUDIT_ADMIN_OPERATION_EVENT,
)
BY_EVENT_TYPE: Final = {kind.name: kind for kind in ALL}
BY_TOPIC: Final = {kind.topic: kind for kind in ALL}
