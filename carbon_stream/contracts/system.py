"""Payload models of the SYSTEM group: health, deployments, configuration, security."""

from typing import Any, Literal

from pydantic import Field

from carbon_stream.contracts.envelope import Event
from carbon_stream.contracts.scalars import Address, Count, Label, LatencyMs, Location, Name, Ratio, Text


class ServiceHealthEvent(Event):
    """A service told how it is, or was probed."""

    service_name: Name = Field(description="The service.")
    namespace: Name = Field(description="Its Kubernetes namespace.")
    health_status: Literal["HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"] = Field(description="How it is.")
    latency_ms: LatencyMs = Field(description="Latency of the probe or of recent requests, milliseconds.")
    error_rate: Ratio = Field(description="Share of recent requests that failed, 0 to 1.")
    message: Text | None = Field(None, description="What a person should know.")


class DeploymentEvent(Event):
    """A deployment was changed. `version` is the deployed version here, is required, and is never filled in."""

    version: Label = Field(description="The deployed version.")
    deployment_name: Name = Field(description="The deployment.")
    namespace: Name = Field(description="Its Kubernetes namespace.")
    action: Literal["DEPLOY", "ROLLBACK", "SCALE", "RESTART"] = Field(description="What was done.")
    previous_version: Label | None = Field(None, description="The version before.")
    replicas: Count = Field(description="Replicas asked for.")
    deployed_by: Label = Field(description="Who did it.")


class ConfigChangeEvent(Event):
    """A setting was changed. Values that are secret are given as hashes only."""

    component: Name = Field(description="The component whose setting was changed.")
    namespace: Label | None = Field(None, description="Its Kubernetes namespace.")
    key: Name = Field(description="The setting.")
    old_value: Any = Field(None, description="The value before, any JSON value; null when there was none.")
    new_value: Any = Field(None, description="The value after, any JSON value; null when it was removed.")
    old_value_hash: Label | None = Field(None, description="A hash of the value before, where the value is secret.")
    new_value_hash: Label | None = Field(None, description="A hash of the value after, where the value is secret.")
    changed_by: Label | None = Field(None, description="Who changed it.")
    reason: Text | None = Field(None, description="Why.")


class SecurityEvent(Event):
    """Something that matters to security was seen."""

    category: Name = Field(description="Kind of event, such as authentication, authorization, network, secret.")
    severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"] = Field(description="How grave it is.")
    principal: Label | None = Field(None, description="Who acted, where that is known.")
    ip_address: Address | None = Field(None, description='Address it came from; "unknown" where it is not known.')
    resource: Location | None = Field(None, description="What was acted upon.")
    action: Label | None = Field(None, description="What was tried.")
    outcome: Label | None = Field(None, description="How it ended, such as SUCCESS, FAILURE, DENIED, BLOCKED.")
    message: Text | None = Field(None, description="What a person should know.")
