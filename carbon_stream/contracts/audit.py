"""Payload models of the AUDIT group: user actions, API calls, data access, administration."""

from typing import Literal

from pydantic import Field

from carbon_stream.contracts.envelope import Event
from carbon_stream.contracts.scalars import (
    Address,
    ColumnNames,
    Count,
    FreeMap,
    Label,
    LatencyMs,
    Location,
    Name,
    Outcome,
    Query,
    StatusCode,
    Text,
)


class AuditUserActionEvent(Event):
    """A user did something, or was kept from it."""

    user_id: Name = Field(description="The user.")
    username: Label = Field(description="The user's name.")
    action: Label = Field(description="What the user did.")
    resource: Location = Field(description="What it was done to.")
    resource_type: Label = Field(description="Kind of resource.")
    result: Outcome = Field(description="How it ended.")
    ip_address: Address = Field(description='Address of the user; "unknown" where it is not known.')
    user_agent: Location | None = Field(None, description="The user's agent.")
    details: FreeMap = Field(default_factory=dict, description="Anything else about the action.")


class AuditAPICallEvent(Event):
    """A service answered a request."""

    service: Name = Field(description="The service that answered.")
    endpoint: Location = Field(description="Path of the request.")
    method: Label = Field(description="Method of the request.")
    status_code: StatusCode = Field(description="HTTP status of the answer.")
    latency_ms: LatencyMs = Field(description="Time to the answer, milliseconds.")
    request_size_bytes: Count = Field(description="Size of the request.")
    response_size_bytes: Count = Field(description="Size of the answer.")
    user_id: Label | None = Field(None, description="The user, where one was known.")
    api_key: Label | None = Field(None, description="Name or identifier of the API key, never the key itself.")
    ip_address: Address = Field(description='Address of the caller; "unknown" where it is not known.')
    error_message: Text | None = Field(None, description="What went wrong.")


class AuditDataAccessEvent(Event):
    """A user read, wrote, deleted or exported data."""

    user_id: Name = Field(description="The user.")
    username: Label | None = Field(None, description="The user's name.")
    dataset_name: Name = Field(description="The dataset.")
    operation: Literal["READ", "WRITE", "DELETE", "EXPORT"] = Field(description="What was done with the data.")
    columns: ColumnNames = Field(default_factory=list, description="Columns touched.")
    row_count: Count | None = Field(None, description="Rows touched.")
    query: Query | None = Field(None, description="The statement, where there is one.")
    engine: Label | None = Field(None, description="Engine that ran it, such as trino.")
    result: Outcome = Field(description="How it ended.")
    ip_address: Address | None = Field(None, description='Address of the user; "unknown" where it is not known.')


class AuditAdminOperationEvent(Event):
    """An administrator changed the platform itself."""

    user_id: Name = Field(description="The administrator.")
    operation: Name = Field(description="What was done.")
    target: Location | None = Field(None, description="What it was done to.")
    target_type: Label | None = Field(None, description="Kind of target.")
    result: Outcome = Field(description="How it ended.")
    parameters: FreeMap = Field(default_factory=dict, description="Parameters of the operation.")
    ip_address: Address | None = Field(None, description='Address of the administrator; "unknown" where not known.')
