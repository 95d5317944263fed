"""Quick checks: what they say yes to is valid, the tables decide the rest.

Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
"""

from typing import Any


def data_ingestion_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid DataIngestionEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "DataIngestionEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("datasetName")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("recordCount")) is not None and type(v) is int and 0 <= v <= 9223372036854775807)
        and ((v := get("sizeBytes")) is not None and type(v) is int and 0 <= v <= 9223372036854775807)
        and ((v := get("format")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("location")) is not None and type(v) is str and len(v) <= 8192)
        and ((v := get("status")) is not None and v in ("SUCCESS", "FAILURE", "PARTIAL"))
        and ((v := get("metadata")) is None or (type(v) is dict and len(v) <= 1024))
    )


def data_quality_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid DataQualityEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "DataQualityEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("datasetName")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("checkType")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("checkName")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("result")) is not None and v in ("PASS", "FAIL", "WARNING"))
        and ((v := get("score")) is not None and (type(v) is float or type(v) is int) and 0 <= v <= 1)
        and ((v := get("failedRecords")) is not None and type(v) is int and 0 <= v <= 9223372036854775807)
        and ((v := get("totalRecords")) is not None and type(v) is int and 0 <= v <= 9223372036854775807)
        and ((v := get("message")) is None or (type(v) is str and len(v) <= 65536))
    )


def data_lineage_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid DataLineageEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "DataLineageEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("sourceDataset")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("targetDataset")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("transformationType")) is not None and v in ("COPY", "TRANSFORM", "AGGREGATE", "JOIN", "FILTER"))
        and ((v := get("transformationName")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("query")) is None or (type(v) is str and len(v) <= 262144))
        and ((v := get("columns")) is None or (v == []))
    )


def data_transformation_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid DataTransformationEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "DataTransformationEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("job")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("run")) is None or (type(v) is str and len(v) <= 1024))
        and (
            (v := get("inputs")) is None
            or (type(v) is list and len(v) <= 1024 and all(type(i) is str and 1 <= len(i) <= 1024 for i in v))
        )
        and (
            (v := get("outputs")) is None
            or (type(v) is list and len(v) <= 1024 and all(type(i) is str and 1 <= len(i) <= 1024 for i in v))
        )
        and ((v := get("status")) is None or (v in ("RUNNING", "SUCCESS", "FAILURE", "PARTIAL", "CANCELLED")))
        and (
            (v := get("durationMs")) is None or ((type(v) is float or type(v) is int) and 0 <= v <= 1000000000000000.0)
        )
        and ((v := get("rowsIn")) is None or (type(v) is int and 0 <= v <= 9223372036854775807))
        and ((v := get("rowsOut")) is None or (type(v) is int and 0 <= v <= 9223372036854775807))
        and ((v := get("message")) is None or (type(v) is str and len(v) <= 65536))
    )


def service_health_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid ServiceHealthEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "ServiceHealthEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("serviceName")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("namespace")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("healthStatus")) is not None and v in ("HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"))
        and (
            (v := get("latencyMs")) is not None
            and (type(v) is float or type(v) is int)
            and 0 <= v <= 1000000000000000.0
        )
        and ((v := get("errorRate")) is not None and (type(v) is float or type(v) is int) and 0 <= v <= 1)
        and ((v := get("message")) is None or (type(v) is str and len(v) <= 65536))
    )


def deployment_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid DeploymentEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "DeploymentEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("deploymentName")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("namespace")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("action")) is not None and v in ("DEPLOY", "ROLLBACK", "SCALE", "RESTART"))
        and ((v := get("previousVersion")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("replicas")) is not None and type(v) is int and 0 <= v <= 9223372036854775807)
        and ((v := get("deployedBy")) is not None and type(v) is str and len(v) <= 1024)
    )


def config_change_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid ConfigChangeEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "ConfigChangeEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("component")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("namespace")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("key")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("oldValueHash")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("newValueHash")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("changedBy")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("reason")) is None or (type(v) is str and len(v) <= 65536))
    )


def security_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid SecurityEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "SecurityEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("category")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("severity")) is not None and v in ("LOW", "MEDIUM", "HIGH", "CRITICAL"))
        and ((v := get("principal")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("ipAddress")) is None or (type(v) is str and len(v) <= 256))
        and ((v := get("resource")) is None or (type(v) is str and len(v) <= 8192))
        and ((v := get("action")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("outcome")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("message")) is None or (type(v) is str and len(v) <= 65536))
    )


def audit_user_action_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid AuditUserActionEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "AuditUserActionEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("userId")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("username")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("action")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("resource")) is not None and type(v) is str and len(v) <= 8192)
        and ((v := get("resourceType")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("result")) is not None and v in ("SUCCESS", "FAILURE", "DENIED"))
        and ((v := get("ipAddress")) is not None and type(v) is str and len(v) <= 256)
        and ((v := get("userAgent")) is None or (type(v) is str and len(v) <= 8192))
        and ((v := get("details")) is None or (type(v) is dict and len(v) <= 1024))
    )


def audit_api_call_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid AuditAPICallEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "AuditAPICallEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("service")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("endpoint")) is not None and type(v) is str and len(v) <= 8192)
        and ((v := get("method")) is not None and type(v) is str and len(v) <= 1024)
        and ((v := get("statusCode")) is not None and type(v) is int and 100 <= v <= 599)
        and (
            (v := get("latencyMs")) is not None
            and (type(v) is float or type(v) is int)
            and 0 <= v <= 1000000000000000.0
        )
        and ((v := get("requestSizeBytes")) is not None and type(v) is int and 0 <= v <= 9223372036854775807)
        and ((v := get("responseSizeBytes")) is not None and type(v) is int and 0 <= v <= 9223372036854775807)
        and ((v := get("userId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("apiKey")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("ipAddress")) is not None and type(v) is str and len(v) <= 256)
        and ((v := get("errorMessage")) is None or (type(v) is str and len(v) <= 65536))
    )


def audit_data_access_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid AuditDataAccessEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "AuditDataAccessEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("userId")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("username")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("datasetName")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("operation")) is not None and v in ("READ", "WRITE", "DELETE", "EXPORT"))
        and (
            (v := get("columns")) is None
            or (type(v) is list and len(v) <= 10000 and all(type(i) is str and 1 <= len(i) <= 1024 for i in v))
        )
        and ((v := get("rowCount")) is None or (type(v) is int and 0 <= v <= 9223372036854775807))
        and ((v := get("query")) is None or (type(v) is str and len(v) <= 262144))
        and ((v := get("engine")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("result")) is not None and v in ("SUCCESS", "FAILURE", "DENIED"))
        and ((v := get("ipAddress")) is None or (type(v) is str and len(v) <= 256))
    )


def audit_admin_operation_event(event: dict[str, Any]) -> bool:
    """Whether this is surely a valid AuditAdminOperationEvent."""
    get = event.get
    return (
        ((v := get("eventId")) is None or (type(v) is str and 1 <= len(v) <= 256))
        and ((v := get("eventType")) is not None and v == "AuditAdminOperationEvent")
        and ((v := get("timestamp")) is None or (type(v) is int and 100000000000 <= v <= 9223372036854775807))
        and ((v := get("source")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("version")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("correlationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("causationId")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("userId")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("operation")) is not None and type(v) is str and 1 <= len(v) <= 1024)
        and ((v := get("target")) is None or (type(v) is str and len(v) <= 8192))
        and ((v := get("targetType")) is None or (type(v) is str and len(v) <= 1024))
        and ((v := get("result")) is not None and v in ("SUCCESS", "FAILURE", "DENIED"))
        and ((v := get("parameters")) is None or (type(v) is dict and len(v) <= 1024))
        and ((v := get("ipAddress")) is None or (type(v) is str and len(v) <= 256))
    )
