"""Events about access itself: security events, and reads of the audit trail. Pure; time and id are added later."""

from __future__ import annotations

from typing import Any, Final, Literal

from carbon_stream.access.principal import Principal

__all__ = ["READ_EVENT", "read_event", "security_event"]

Severity = Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"]
READ_EVENT: Final = "AuditDataAccessEvent"
_QUERY_CHARS: Final = 4_096


def security_event(
    action: str,
    message: str,
    *,
    severity: Severity,
    outcome: Literal["DENIED", "ACCEPTED"],
    principal: str | None = None,
    address: str | None = None,
    resource: str | None = None,
) -> dict[str, Any]:
    """A SecurityEvent of the category `access`."""
    event = {
        "eventType": "SecurityEvent",
        "category": "access",
        "severity": severity,
        "principal": principal,
        "ipAddress": address or "unknown",
        "resource": resource,
        "action": action,
        "outcome": outcome,
        "message": message,
    }
    return {name: value for name, value in event.items() if value is not None}


def read_event(
    principal: Principal, dataset: str, query: str, address: str | None, row_count: int | None
) -> dict[str, Any]:
    """An AuditDataAccessEvent: somebody has read from the audit trail, with these parameters."""
    event = {
        "eventType": READ_EVENT,
        "userId": principal.name,
        "username": principal.name,
        "datasetName": dataset,
        "operation": "READ",
        "rowCount": row_count,
        "query": query[:_QUERY_CHARS] or None,
        "engine": "carbon-stream",
        "result": "SUCCESS",
        "ipAddress": address or "unknown",
    }
    return {name: value for name, value in event.items() if value is not None}
