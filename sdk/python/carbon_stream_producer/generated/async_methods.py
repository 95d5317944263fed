"""One coroutine an event type.

Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from carbon_stream_producer.contract import EventType
from carbon_stream_producer.delivery import Receipt
from carbon_stream_producer.generated import tables
from carbon_stream_producer.prepare import Envelope, as_json

if TYPE_CHECKING:
    from carbon_stream_producer.generated.events import ColumnMapping


class AsyncEventMethods:
    """The twelve. Each raises InvalidEvent, which names the field, before anything is sent."""

    async def _produce(self, kind: EventType, payload: dict[str, Any], envelope: Envelope) -> "asyncio.Future[Receipt]":
        raise NotImplementedError

    async def produce_data_ingestion_event(
        self,
        *,
        dataset_name: str,
        record_count: int,
        size_bytes: int,
        format: str,
        location: str,
        status: Literal["SUCCESS", "FAILURE", "PARTIAL"],
        metadata: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A dataset was loaded: wholly, in part, or not at all.

        Topic `data-ingestion`, keyed by `datasetName`.
        """
        return await self._produce(
            tables.DATA_INGESTION_EVENT,
            {
                "datasetName": dataset_name,
                "recordCount": record_count,
                "sizeBytes": size_bytes,
                "format": format,
                "location": location,
                "status": status,
                "metadata": as_json(metadata),
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_data_quality_event(
        self,
        *,
        dataset_name: str,
        check_type: str,
        check_name: str,
        result: Literal["PASS", "FAIL", "WARNING"],
        score: float,
        failed_records: int,
        total_records: int,
        message: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A quality check ran on a dataset.

        Topic `data-quality`, keyed by `datasetName`.
        """
        return await self._produce(
            tables.DATA_QUALITY_EVENT,
            {
                "datasetName": dataset_name,
                "checkType": check_type,
                "checkName": check_name,
                "result": result,
                "score": score,
                "failedRecords": failed_records,
                "totalRecords": total_records,
                "message": message,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_data_lineage_event(
        self,
        *,
        source_dataset: str,
        target_dataset: str,
        transformation_type: Literal["COPY", "TRANSFORM", "AGGREGATE", "JOIN", "FILTER"],
        transformation_name: str,
        query: str | None = None,
        columns: "Sequence[ColumnMapping | Mapping[str, Any]] | None" = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """One dataset was made from another: an edge of the lineage graph was seen.

        Topic `data-lineage`, keyed by `targetDataset`.
        """
        return await self._produce(
            tables.DATA_LINEAGE_EVENT,
            {
                "sourceDataset": source_dataset,
                "targetDataset": target_dataset,
                "transformationType": transformation_type,
                "transformationName": transformation_name,
                "query": query,
                "columns": as_json(columns),
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_data_transformation_event(
        self,
        *,
        job: str,
        run: str | None = None,
        inputs: Sequence[str | None] | None = None,
        outputs: Sequence[str | None] | None = None,
        status: Literal["RUNNING", "SUCCESS", "FAILURE", "PARTIAL", "CANCELLED"] | None = None,
        duration_ms: float | None = None,
        rows_in: int | None = None,
        rows_out: int | None = None,
        message: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A run of a transformation job is under way, or has ended.

        Topic `data-transformation`, keyed by `job`.
        """
        return await self._produce(
            tables.DATA_TRANSFORMATION_EVENT,
            {
                "job": job,
                "run": run,
                "inputs": as_json(inputs),
                "outputs": as_json(outputs),
                "status": status,
                "durationMs": duration_ms,
                "rowsIn": rows_in,
                "rowsOut": rows_out,
                "message": message,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_service_health_event(
        self,
        *,
        service_name: str,
        namespace: str,
        health_status: Literal["HEALTHY", "DEGRADED", "UNHEALTHY", "UNKNOWN"],
        latency_ms: float,
        error_rate: float,
        message: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A service told how it is, or was probed.

        Topic `system-health`, keyed by `serviceName`.
        """
        return await self._produce(
            tables.SERVICE_HEALTH_EVENT,
            {
                "serviceName": service_name,
                "namespace": namespace,
                "healthStatus": health_status,
                "latencyMs": latency_ms,
                "errorRate": error_rate,
                "message": message,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_deployment_event(
        self,
        *,
        version: str,
        deployment_name: str,
        namespace: str,
        action: Literal["DEPLOY", "ROLLBACK", "SCALE", "RESTART"],
        replicas: int,
        deployed_by: str,
        previous_version: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A deployment was changed. `version` is the deployed version: it is required, and never filled in.

        Topic `deployment-events`, keyed by `deploymentName`.
        """
        return await self._produce(
            tables.DEPLOYMENT_EVENT,
            {
                "version": version,
                "deploymentName": deployment_name,
                "namespace": namespace,
                "action": action,
                "previousVersion": previous_version,
                "replicas": replicas,
                "deployedBy": deployed_by,
            },
            (event_id, timestamp, None, correlation_id, causation_id, extra),
        )

    async def produce_config_change_event(
        self,
        *,
        component: str,
        key: str,
        namespace: str | None = None,
        old_value: Any = None,
        new_value: Any = None,
        old_value_hash: str | None = None,
        new_value_hash: str | None = None,
        changed_by: str | None = None,
        reason: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A setting of a component was changed. Secret values are given as hashes only.

        Topic `config-changes`, keyed by `component`.
        """
        return await self._produce(
            tables.CONFIG_CHANGE_EVENT,
            {
                "component": component,
                "namespace": namespace,
                "key": key,
                "oldValue": old_value,
                "newValue": new_value,
                "oldValueHash": old_value_hash,
                "newValueHash": new_value_hash,
                "changedBy": changed_by,
                "reason": reason,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_security_event(
        self,
        *,
        category: str,
        severity: Literal["LOW", "MEDIUM", "HIGH", "CRITICAL"],
        principal: str | None = None,
        ip_address: str | None = None,
        resource: str | None = None,
        action: str | None = None,
        outcome: str | None = None,
        message: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """Something that matters to security was seen.

        Topic `security-events`, keyed by `principal`, else `ipAddress`.
        """
        return await self._produce(
            tables.SECURITY_EVENT,
            {
                "category": category,
                "severity": severity,
                "principal": principal,
                "ipAddress": ip_address,
                "resource": resource,
                "action": action,
                "outcome": outcome,
                "message": message,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_audit_user_action_event(
        self,
        *,
        user_id: str,
        username: str,
        action: str,
        resource: str,
        resource_type: str,
        result: Literal["SUCCESS", "FAILURE", "DENIED"],
        ip_address: str,
        user_agent: str | None = None,
        details: Mapping[str, Any] | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A user did something on the platform, or was kept from it.

        Topic `audit-user-actions`, keyed by `userId`.
        """
        return await self._produce(
            tables.AUDIT_USER_ACTION_EVENT,
            {
                "userId": user_id,
                "username": username,
                "action": action,
                "resource": resource,
                "resourceType": resource_type,
                "result": result,
                "ipAddress": ip_address,
                "userAgent": user_agent,
                "details": as_json(details),
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_audit_api_call_event(
        self,
        *,
        service: str,
        endpoint: str,
        method: str,
        status_code: int,
        latency_ms: float,
        request_size_bytes: int,
        response_size_bytes: int,
        ip_address: str,
        user_id: str | None = None,
        api_key: str | None = None,
        error_message: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A service answered a request.

        Topic `audit-api-calls`, keyed by `service`.
        """
        return await self._produce(
            tables.AUDIT_API_CALL_EVENT,
            {
                "service": service,
                "endpoint": endpoint,
                "method": method,
                "statusCode": status_code,
                "latencyMs": latency_ms,
                "requestSizeBytes": request_size_bytes,
                "responseSizeBytes": response_size_bytes,
                "userId": user_id,
                "apiKey": api_key,
                "ipAddress": ip_address,
                "errorMessage": error_message,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_audit_data_access_event(
        self,
        *,
        user_id: str,
        dataset_name: str,
        operation: Literal["READ", "WRITE", "DELETE", "EXPORT"],
        result: Literal["SUCCESS", "FAILURE", "DENIED"],
        username: str | None = None,
        columns: Sequence[str | None] | None = None,
        row_count: int | None = None,
        query: str | None = None,
        engine: str | None = None,
        ip_address: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """A user read, wrote, deleted or exported data, or was kept from it.

        Topic `audit-data-access`, keyed by `datasetName`.
        """
        return await self._produce(
            tables.AUDIT_DATA_ACCESS_EVENT,
            {
                "userId": user_id,
                "username": username,
                "datasetName": dataset_name,
                "operation": operation,
                "columns": as_json(columns),
                "rowCount": row_count,
                "query": query,
                "engine": engine,
                "result": result,
                "ipAddress": ip_address,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )

    async def produce_audit_admin_operation_event(
        self,
        *,
        user_id: str,
        operation: str,
        result: Literal["SUCCESS", "FAILURE", "DENIED"],
        target: str | None = None,
        target_type: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        ip_address: str | None = None,
        event_id: str | None = None,
        timestamp: int | datetime | None = None,
        version: str | None = None,
        correlation_id: str | None = None,
        causation_id: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> "asyncio.Future[Receipt]":
        """An administrator changed the platform itself, or was kept from it.

        Topic `audit-admin-ops`, keyed by `userId`.
        """
        return await self._produce(
            tables.AUDIT_ADMIN_OPERATION_EVENT,
            {
                "userId": user_id,
                "operation": operation,
                "target": target,
                "targetType": target_type,
                "result": result,
                "parameters": as_json(parameters),
                "ipAddress": ip_address,
            },
            (event_id, timestamp, version, correlation_id, causation_id, extra),
        )
