/**
 * One method an event type.
 *
 * Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
 */

import type { EventType } from '../contract.js';
import type { ProduceOptions, Receipt } from '../delivery.js';
import type * as events from './events.js';
import * as tables from './tables.js';

/**
 * The twelve. Each throws InvalidEvent, which names the field, before anything is sent; what becomes of the
 * event is the promise.
 */
export abstract class EventMethods {
  protected abstract send(kind: EventType, event: object, options?: ProduceOptions): Promise<Receipt>;

  /**
   * A dataset was loaded: wholly, in part, or not at all.
   *
   * Topic `data-ingestion`, keyed by `datasetName`.
   */
  produceDataIngestionEvent(event: events.DataIngestionEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.DATA_INGESTION_EVENT, event, options);
  }

  /**
   * A quality check ran on a dataset.
   *
   * Topic `data-quality`, keyed by `datasetName`.
   */
  produceDataQualityEvent(event: events.DataQualityEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.DATA_QUALITY_EVENT, event, options);
  }

  /**
   * One dataset was made from another: an edge of the lineage graph was seen.
   *
   * Topic `data-lineage`, keyed by `targetDataset`.
   */
  produceDataLineageEvent(event: events.DataLineageEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.DATA_LINEAGE_EVENT, event, options);
  }

  /**
   * A run of a transformation job is under way, or has ended.
   *
   * Topic `data-transformation`, keyed by `job`.
   */
  produceDataTransformationEvent(event: events.DataTransformationEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.DATA_TRANSFORMATION_EVENT, event, options);
  }

  /**
   * A service told how it is, or was probed.
   *
   * Topic `system-health`, keyed by `serviceName`.
   */
  produceServiceHealthEvent(event: events.ServiceHealthEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.SERVICE_HEALTH_EVENT, event, options);
  }

  /**
   * A deployment was changed. `version` is the deployed version: it is required, and never filled in.
   *
   * Topic `deployment-events`, keyed by `deploymentName`.
   */
  produceDeploymentEvent(event: events.DeploymentEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.DEPLOYMENT_EVENT, event, options);
  }

  /**
   * A setting of a component was changed. Secret values are given as hashes only.
   *
   * Topic `config-changes`, keyed by `component`.
   */
  produceConfigChangeEvent(event: events.ConfigChangeEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.CONFIG_CHANGE_EVENT, event, options);
  }

  /**
   * Something that matters to security was seen.
   *
   * Topic `security-events`, keyed by `principal`, else `ipAddress`.
   */
  produceSecurityEvent(event: events.SecurityEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.SECURITY_EVENT, event, options);
  }

  /**
   * A user did something on the platform, or was kept from it.
   *
   * Topic `audit-user-actions`, keyed by `userId`.
   */
  produceAuditUserActionEvent(event: events.AuditUserActionEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.AUDIT_USER_ACTION_EVENT, event, options);
  }

  /**
   * A service answered a request.
   *
   * Topic `audit-api-calls`, keyed by `service`.
   */
  produceAuditAPICallEvent(event: events.AuditAPICallEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.AUDIT_API_CALL_EVENT, event, options);
  }

  /**
   * A user read, wrote, deleted or exported data, or was kept from it.
   *
   * Topic `audit-data-access`, keyed by `datasetName`.
   */
  produceAuditDataAccessEvent(event: events.AuditDataAccessEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.AUDIT_DATA_ACCESS_EVENT, event, options);
  }

  /**
   * An administrator changed the platform itself, or was kept from it.
   *
   * Topic `audit-admin-ops`, keyed by `userId`.
   */
  produceAuditAdminOperationEvent(event: events.AuditAdminOperationEvent, options?: ProduceOptions): Promise<Receipt> {
    return this.send(tables.AUDIT_ADMIN_OPERATION_EVENT, event, options);
  }
}
