/**
 * What the library knows of each event type.
 *
 * Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
 */

import type { EventType, Field } from '../contract.js';
import * as checks from './checks.js';

export const DEFAULT_VERSION = '1.0.0';

export const ENVELOPE: readonly Field[] = [
  { name: 'eventId', kind: 'string', nullable: true, low: 1, high: 256 },
  { name: 'eventType', kind: 'string', required: true },
  { name: 'timestamp', kind: 'integer', nullable: true, low: 100000000000, high: 9223372036854775807n },
  { name: 'source', kind: 'string', required: true, low: 1, high: 1024 },
  { name: 'version', kind: 'string', nullable: true, high: 1024 },
  { name: 'correlationId', kind: 'string', nullable: true, high: 1024 },
  { name: 'causationId', kind: 'string', nullable: true, high: 1024 },
  { name: 'context', kind: 'any', nullable: true },
];

export const DATA_INGESTION_EVENT: EventType = {
  name: 'DataIngestionEvent',
  topic: 'data-ingestion',
  keyFields: ['datasetName'],
  fields: [
    ...ENVELOPE,
    { name: 'datasetName', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'recordCount', kind: 'integer', required: true, low: 0, high: 9223372036854775807n },
    { name: 'sizeBytes', kind: 'integer', required: true, low: 0, high: 9223372036854775807n },
    { name: 'format', kind: 'string', required: true, high: 1024 },
    { name: 'location', kind: 'string', required: true, high: 8192 },
    { name: 'status', kind: 'string', required: true, oneOf: ['SUCCESS', 'FAILURE', 'PARTIAL'] },
    { name: 'metadata', kind: 'object', nullable: true, high: 1024 },
  ],
  check: checks.dataIngestionEvent,
  versionOfItsOwn: false,
};

export const DATA_QUALITY_EVENT: EventType = {
  name: 'DataQualityEvent',
  topic: 'data-quality',
  keyFields: ['datasetName'],
  fields: [
    ...ENVELOPE,
    { name: 'datasetName', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'checkType', kind: 'string', required: true, high: 1024 },
    { name: 'checkName', kind: 'string', required: true, high: 1024 },
    { name: 'result', kind: 'string', required: true, oneOf: ['PASS', 'FAIL', 'WARNING'] },
    { name: 'score', kind: 'number', required: true, low: 0, high: 1 },
    { name: 'failedRecords', kind: 'integer', required: true, low: 0, high: 9223372036854775807n },
    { name: 'totalRecords', kind: 'integer', required: true, low: 0, high: 9223372036854775807n },
    { name: 'message', kind: 'string', nullable: true, high: 65536 },
  ],
  check: checks.dataQualityEvent,
  versionOfItsOwn: false,
};

export const DATA_LINEAGE_EVENT: EventType = {
  name: 'DataLineageEvent',
  topic: 'data-lineage',
  keyFields: ['targetDataset'],
  fields: [
    ...ENVELOPE,
    { name: 'sourceDataset', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'targetDataset', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'transformationType', kind: 'string', required: true, oneOf: ['COPY', 'TRANSFORM', 'AGGREGATE', 'JOIN', 'FILTER'] },
    { name: 'transformationName', kind: 'string', required: true, high: 1024 },
    { name: 'query', kind: 'string', nullable: true, high: 262144 },
    { name: 'columns', kind: 'array', nullable: true, high: 10000, items: { name: '', kind: 'record', record: [{ name: 'sourceColumn', kind: 'string', required: true, high: 1024 }, { name: 'targetColumn', kind: 'string', required: true, high: 1024 }, { name: 'transformation', kind: 'string', nullable: true, high: 65536 }] } },
  ],
  check: checks.dataLineageEvent,
  versionOfItsOwn: false,
};

export const DATA_TRANSFORMATION_EVENT: EventType = {
  name: 'DataTransformationEvent',
  topic: 'data-transformation',
  keyFields: ['job'],
  fields: [
    ...ENVELOPE,
    { name: 'job', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'run', kind: 'string', nullable: true, high: 1024 },
    { name: 'inputs', kind: 'array', nullable: true, high: 1024, items: { name: '', kind: 'string', low: 1, high: 1024 } },
    { name: 'outputs', kind: 'array', nullable: true, high: 1024, items: { name: '', kind: 'string', low: 1, high: 1024 } },
    { name: 'status', kind: 'string', nullable: true, oneOf: ['RUNNING', 'SUCCESS', 'FAILURE', 'PARTIAL', 'CANCELLED'] },
    { name: 'durationMs', kind: 'number', nullable: true, low: 0, high: 1000000000000000 },
    { name: 'rowsIn', kind: 'integer', nullable: true, low: 0, high: 9223372036854775807n },
    { name: 'rowsOut', kind: 'integer', nullable: true, low: 0, high: 9223372036854775807n },
    { name: 'message', kind: 'string', nullable: true, high: 65536 },
  ],
  check: checks.dataTransformationEvent,
  versionOfItsOwn: false,
};

export const SERVICE_HEALTH_EVENT: EventType = {
  name: 'ServiceHealthEvent',
  topic: 'system-health',
  keyFields: ['serviceName'],
  fields: [
    ...ENVELOPE,
    { name: 'serviceName', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'namespace', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'healthStatus', kind: 'string', required: true, oneOf: ['HEALTHY', 'DEGRADED', 'UNHEALTHY', 'UNKNOWN'] },
    { name: 'latencyMs', kind: 'number', required: true, low: 0, high: 1000000000000000 },
    { name: 'errorRate', kind: 'number', required: true, low: 0, high: 1 },
    { name: 'message', kind: 'string', nullable: true, high: 65536 },
  ],
  check: checks.serviceHealthEvent,
  versionOfItsOwn: false,
};

export const DEPLOYMENT_EVENT: EventType = {
  name: 'DeploymentEvent',
  topic: 'deployment-events',
  keyFields: ['deploymentName'],
  fields: [
    ENVELOPE[0]!,
    ENVELOPE[1]!,
    ENVELOPE[2]!,
    ENVELOPE[3]!,
    { name: 'version', kind: 'string', required: true, high: 1024 },
    ENVELOPE[5]!,
    ENVELOPE[6]!,
    ENVELOPE[7]!,
    { name: 'deploymentName', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'namespace', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'action', kind: 'string', required: true, oneOf: ['DEPLOY', 'ROLLBACK', 'SCALE', 'RESTART'] },
    { name: 'previousVersion', kind: 'string', nullable: true, high: 1024 },
    { name: 'replicas', kind: 'integer', required: true, low: 0, high: 9223372036854775807n },
    { name: 'deployedBy', kind: 'string', required: true, high: 1024 },
  ],
  check: checks.deploymentEvent,
  versionOfItsOwn: true,
};

export const CONFIG_CHANGE_EVENT: EventType = {
  name: 'ConfigChangeEvent',
  topic: 'config-changes',
  keyFields: ['component'],
  fields: [
    ...ENVELOPE,
    { name: 'component', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'namespace', kind: 'string', nullable: true, high: 1024 },
    { name: 'key', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'oldValue', kind: 'any', nullable: true },
    { name: 'newValue', kind: 'any', nullable: true },
    { name: 'oldValueHash', kind: 'string', nullable: true, high: 1024 },
    { name: 'newValueHash', kind: 'string', nullable: true, high: 1024 },
    { name: 'changedBy', kind: 'string', nullable: true, high: 1024 },
    { name: 'reason', kind: 'string', nullable: true, high: 65536 },
  ],
  check: checks.configChangeEvent,
  versionOfItsOwn: false,
};

export const SECURITY_EVENT: EventType = {
  name: 'SecurityEvent',
  topic: 'security-events',
  keyFields: ['principal', 'ipAddress'],
  fields: [
    ...ENVELOPE,
    { name: 'category', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'severity', kind: 'string', required: true, oneOf: ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'] },
    { name: 'principal', kind: 'string', nullable: true, high: 1024 },
    { name: 'ipAddress', kind: 'string', nullable: true, high: 256 },
    { name: 'resource', kind: 'string', nullable: true, high: 8192 },
    { name: 'action', kind: 'string', nullable: true, high: 1024 },
    { name: 'outcome', kind: 'string', nullable: true, high: 1024 },
    { name: 'message', kind: 'string', nullable: true, high: 65536 },
  ],
  check: checks.securityEvent,
  versionOfItsOwn: false,
};

export const AUDIT_USER_ACTION_EVENT: EventType = {
  name: 'AuditUserActionEvent',
  topic: 'audit-user-actions',
  keyFields: ['userId'],
  fields: [
    ...ENVELOPE,
    { name: 'userId', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'username', kind: 'string', required: true, high: 1024 },
    { name: 'action', kind: 'string', required: true, high: 1024 },
    { name: 'resource', kind: 'string', required: true, high: 8192 },
    { name: 'resourceType', kind: 'string', required: true, high: 1024 },
    { name: 'result', kind: 'string', required: true, oneOf: ['SUCCESS', 'FAILURE', 'DENIED'] },
    { name: 'ipAddress', kind: 'string', required: true, high: 256 },
    { name: 'userAgent', kind: 'string', nullable: true, high: 8192 },
    { name: 'details', kind: 'object', nullable: true, high: 1024 },
  ],
  check: checks.auditUserActionEvent,
  versionOfItsOwn: false,
};

export const AUDIT_API_CALL_EVENT: EventType = {
  name: 'AuditAPICallEvent',
  topic: 'audit-api-calls',
  keyFields: ['service'],
  fields: [
    ...ENVELOPE,
    { name: 'service', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'endpoint', kind: 'string', required: true, high: 8192 },
    { name: 'method', kind: 'string', required: true, high: 1024 },
    { name: 'statusCode', kind: 'integer', required: true, low: 100, high: 599 },
    { name: 'latencyMs', kind: 'number', required: true, low: 0, high: 1000000000000000 },
    { name: 'requestSizeBytes', kind: 'integer', required: true, low: 0, high: 9223372036854775807n },
    { name: 'responseSizeBytes', kind: 'integer', required: true, low: 0, high: 9223372036854775807n },
    { name: 'userId', kind: 'string', nullable: true, high: 1024 },
    { name: 'apiKey', kind: 'string', nullable: true, high: 1024 },
    { name: 'ipAddress', kind: 'string', required: true, high: 256 },
    { name: 'errorMessage', kind: 'string', nullable: true, high: 65536 },
  ],
  check: checks.auditApiCallEvent,
  versionOfItsOwn: false,
};

export const AUDIT_DATA_ACCESS_EVENT: EventType = {
  name: 'AuditDataAccessEvent',
  topic: 'audit-data-access',
  keyFields: ['datasetName'],
  fields: [
    ...ENVELOPE,
    { name: 'userId', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'username', kind: 'string', nullable: true, high: 1024 },
    { name: 'datasetName', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'operation', kind: 'string', required: true, oneOf: ['READ', 'WRITE', 'DELETE', 'EXPORT'] },
    { name: 'columns', kind: 'array', nullable: true, high: 10000, items: { name: '', kind: 'string', low: 1, high: 1024 } },
    { name: 'rowCount', kind: 'integer', nullable: true, low: 0, high: 9223372036854775807n },
    { name: 'query', kind: 'string', nullable: true, high: 262144 },
    { name: 'engine', kind: 'string', nullable: true, high: 1024 },
    { name: 'result', kind: 'string', required: true, oneOf: ['SUCCESS', 'FAILURE', 'DENIED'] },
    { name: 'ipAddress', kind: 'string', nullable: true, high: 256 },
  ],
  check: checks.auditDataAccessEvent,
  versionOfItsOwn: false,
};

export const AUDIT_ADMIN_OPERATION_EVENT: EventType = {
  name: 'AuditAdminOperationEvent',
  topic: 'audit-admin-ops',
  keyFields: ['userId'],
  fields: [
    ...ENVELOPE,
    { name: 'userId', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'operation', kind: 'string', required: true, low: 1, high: 1024 },
    { name: 'target', kind: 'string', nullable: true, high: 8192 },
    { name: 'targetType', kind: 'string', nullable: true, high: 1024 },
    { name: 'result', kind: 'string', required: true, oneOf: ['SUCCESS', 'FAILURE', 'DENIED'] },
    { name: 'parameters', kind: 'object', nullable: true, high: 1024 },
    { name: 'ipAddress', kind: 'string', nullable: true, high: 256 },
  ],
  check: checks.auditAdminOperationEvent,
  versionOfItsOwn: false,
};

export const ALL: readonly EventType[] = [
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
];
export const BY_EVENT_TYPE: ReadonlyMap<string, EventType> = new Map(ALL.map((kind) => [kind.name, kind]));
export const BY_TOPIC: ReadonlyMap<string, EventType> = new Map(ALL.map((kind) => [kind.topic, kind]));
