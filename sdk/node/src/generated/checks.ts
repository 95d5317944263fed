/**
 * Quick checks: what they say yes to is valid, the tables decide the rest.
 *
 * Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
 */

import type { Json } from '../contract.js';
import { isMap } from '../json.js';

function isString(value: unknown, least: number, most: number): boolean {
  return typeof value === 'string' && value.length >= least && value.length <= most;
}

function isInteger(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

function isNumber(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most;
}

function isSmallMap(value: unknown, most: number): boolean {
  return isMap(value) && Object.keys(value).length <= most;
}

function isStrings(value: unknown, most: number, shortest: number, longest: number): boolean {
  if (!Array.isArray(value) || value.length > most) return false;
  return value.every((one) => isString(one, shortest, longest));
}

/** Whether this is surely a valid DataIngestionEvent. */
export function dataIngestionEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'DataIngestionEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['datasetName'])), isString(v, 1, 1024)) &&
    (((v = event['recordCount'])), isInteger(v, 0, 9007199254740991)) &&
    (((v = event['sizeBytes'])), isInteger(v, 0, 9007199254740991)) &&
    (((v = event['format'])), isString(v, 0, 1024)) &&
    (((v = event['location'])), isString(v, 0, 8192)) &&
    (((v = event['status'])), (v === 'SUCCESS' || v === 'FAILURE' || v === 'PARTIAL')) &&
    ((v = event['metadata']) === undefined || v === null || isSmallMap(v, 1024))
  );
}

/** Whether this is surely a valid DataQualityEvent. */
export function dataQualityEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'DataQualityEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['datasetName'])), isString(v, 1, 1024)) &&
    (((v = event['checkType'])), isString(v, 0, 1024)) &&
    (((v = event['checkName'])), isString(v, 0, 1024)) &&
    (((v = event['result'])), (v === 'PASS' || v === 'FAIL' || v === 'WARNING')) &&
    (((v = event['score'])), isNumber(v, 0, 1)) &&
    (((v = event['failedRecords'])), isInteger(v, 0, 9007199254740991)) &&
    (((v = event['totalRecords'])), isInteger(v, 0, 9007199254740991)) &&
    ((v = event['message']) === undefined || v === null || isString(v, 0, 65536))
  );
}

/** Whether this is surely a valid DataLineageEvent. */
export function dataLineageEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'DataLineageEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['sourceDataset'])), isString(v, 1, 1024)) &&
    (((v = event['targetDataset'])), isString(v, 1, 1024)) &&
    (((v = event['transformationType'])), (v === 'COPY' || v === 'TRANSFORM' || v === 'AGGREGATE' || v === 'JOIN' || v === 'FILTER')) &&
    (((v = event['transformationName'])), isString(v, 0, 1024)) &&
    ((v = event['query']) === undefined || v === null || isString(v, 0, 262144)) &&
    ((v = event['columns']) === undefined || v === null || (Array.isArray(v) && v.length === 0))
  );
}

/** Whether this is surely a valid DataTransformationEvent. */
export function dataTransformationEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'DataTransformationEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['job'])), isString(v, 1, 1024)) &&
    ((v = event['run']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['inputs']) === undefined || v === null || isStrings(v, 1024, 1, 1024)) &&
    ((v = event['outputs']) === undefined || v === null || isStrings(v, 1024, 1, 1024)) &&
    ((v = event['status']) === undefined || v === null || (v === 'RUNNING' || v === 'SUCCESS' || v === 'FAILURE' || v === 'PARTIAL' || v === 'CANCELLED')) &&
    ((v = event['durationMs']) === undefined || v === null || isNumber(v, 0, 1000000000000000)) &&
    ((v = event['rowsIn']) === undefined || v === null || isInteger(v, 0, 9007199254740991)) &&
    ((v = event['rowsOut']) === undefined || v === null || isInteger(v, 0, 9007199254740991)) &&
    ((v = event['message']) === undefined || v === null || isString(v, 0, 65536))
  );
}

/** Whether this is surely a valid ServiceHealthEvent. */
export function serviceHealthEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'ServiceHealthEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['serviceName'])), isString(v, 1, 1024)) &&
    (((v = event['namespace'])), isString(v, 1, 1024)) &&
    (((v = event['healthStatus'])), (v === 'HEALTHY' || v === 'DEGRADED' || v === 'UNHEALTHY' || v === 'UNKNOWN')) &&
    (((v = event['latencyMs'])), isNumber(v, 0, 1000000000000000)) &&
    (((v = event['errorRate'])), isNumber(v, 0, 1)) &&
    ((v = event['message']) === undefined || v === null || isString(v, 0, 65536))
  );
}

/** Whether this is surely a valid DeploymentEvent. */
export function deploymentEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'DeploymentEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    (((v = event['version'])), isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['deploymentName'])), isString(v, 1, 1024)) &&
    (((v = event['namespace'])), isString(v, 1, 1024)) &&
    (((v = event['action'])), (v === 'DEPLOY' || v === 'ROLLBACK' || v === 'SCALE' || v === 'RESTART')) &&
    ((v = event['previousVersion']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['replicas'])), isInteger(v, 0, 9007199254740991)) &&
    (((v = event['deployedBy'])), isString(v, 0, 1024))
  );
}

/** Whether this is surely a valid ConfigChangeEvent. */
export function configChangeEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'ConfigChangeEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['component'])), isString(v, 1, 1024)) &&
    ((v = event['namespace']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['key'])), isString(v, 1, 1024)) &&
    ((v = event['oldValueHash']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['newValueHash']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['changedBy']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['reason']) === undefined || v === null || isString(v, 0, 65536))
  );
}

/** Whether this is surely a valid SecurityEvent. */
export function securityEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'SecurityEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['category'])), isString(v, 1, 1024)) &&
    (((v = event['severity'])), (v === 'LOW' || v === 'MEDIUM' || v === 'HIGH' || v === 'CRITICAL')) &&
    ((v = event['principal']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['ipAddress']) === undefined || v === null || isString(v, 0, 256)) &&
    ((v = event['resource']) === undefined || v === null || isString(v, 0, 8192)) &&
    ((v = event['action']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['outcome']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['message']) === undefined || v === null || isString(v, 0, 65536))
  );
}

/** Whether this is surely a valid AuditUserActionEvent. */
export function auditUserActionEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'AuditUserActionEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['userId'])), isString(v, 1, 1024)) &&
    (((v = event['username'])), isString(v, 0, 1024)) &&
    (((v = event['action'])), isString(v, 0, 1024)) &&
    (((v = event['resource'])), isString(v, 0, 8192)) &&
    (((v = event['resourceType'])), isString(v, 0, 1024)) &&
    (((v = event['result'])), (v === 'SUCCESS' || v === 'FAILURE' || v === 'DENIED')) &&
    (((v = event['ipAddress'])), isString(v, 0, 256)) &&
    ((v = event['userAgent']) === undefined || v === null || isString(v, 0, 8192)) &&
    ((v = event['details']) === undefined || v === null || isSmallMap(v, 1024))
  );
}

/** Whether this is surely a valid AuditAPICallEvent. */
export function auditApiCallEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'AuditAPICallEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['service'])), isString(v, 1, 1024)) &&
    (((v = event['endpoint'])), isString(v, 0, 8192)) &&
    (((v = event['method'])), isString(v, 0, 1024)) &&
    (((v = event['statusCode'])), isInteger(v, 100, 599)) &&
    (((v = event['latencyMs'])), isNumber(v, 0, 1000000000000000)) &&
    (((v = event['requestSizeBytes'])), isInteger(v, 0, 9007199254740991)) &&
    (((v = event['responseSizeBytes'])), isInteger(v, 0, 9007199254740991)) &&
    ((v = event['userId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['apiKey']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['ipAddress'])), isString(v, 0, 256)) &&
    ((v = event['errorMessage']) === undefined || v === null || isString(v, 0, 65536))
  );
}

/** Whether this is surely a valid AuditDataAccessEvent. */
export function auditDataAccessEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'AuditDataAccessEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['userId'])), isString(v, 1, 1024)) &&
    ((v = event['username']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['datasetName'])), isString(v, 1, 1024)) &&
    (((v = event['operation'])), (v === 'READ' || v === 'WRITE' || v === 'DELETE' || v === 'EXPORT')) &&
    ((v = event['columns']) === undefined || v === null || isStrings(v, 10000, 1, 1024)) &&
    ((v = event['rowCount']) === undefined || v === null || isInteger(v, 0, 9007199254740991)) &&
    ((v = event['query']) === undefined || v === null || isString(v, 0, 262144)) &&
    ((v = event['engine']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['result'])), (v === 'SUCCESS' || v === 'FAILURE' || v === 'DENIED')) &&
    ((v = event['ipAddress']) === undefined || v === null || isString(v, 0, 256))
  );
}

/** Whether this is surely a valid AuditAdminOperationEvent. */
export function auditAdminOperationEvent(event: Json): boolean {
  let v: unknown;
  return (
    ((v = event['eventId']) === undefined || v === null || isString(v, 1, 256)) &&
    (((v = event['eventType'])), v === 'AuditAdminOperationEvent') &&
    ((v = event['timestamp']) === undefined || v === null || isInteger(v, 100000000000, 9007199254740991)) &&
    (((v = event['source'])), isString(v, 1, 1024)) &&
    ((v = event['version']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['correlationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    ((v = event['causationId']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['userId'])), isString(v, 1, 1024)) &&
    (((v = event['operation'])), isString(v, 1, 1024)) &&
    ((v = event['target']) === undefined || v === null || isString(v, 0, 8192)) &&
    ((v = event['targetType']) === undefined || v === null || isString(v, 0, 1024)) &&
    (((v = event['result'])), (v === 'SUCCESS' || v === 'FAILURE' || v === 'DENIED')) &&
    ((v = event['parameters']) === undefined || v === null || isSmallMap(v, 1024)) &&
    ((v = event['ipAddress']) === undefined || v === null || isString(v, 0, 256))
  );
}
