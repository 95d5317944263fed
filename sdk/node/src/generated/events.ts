/**
 * An interface for each event type.
 *
 * Made from carbon_stream/contracts/exports by `python -m sdk.generator`: do not edit.
 */

/** What all event types have; absent parts are filled in when the event is sent. */
export interface Event {
  /** Identity of the event; a repeat is the same event. A random UUID where it is absent. */
  readonly eventId?: string | null | undefined;
  /** Milliseconds since the epoch, or a Date; now, where it is absent. */
  readonly timestamp?: number | bigint | Date | null | undefined;
  /** The related flow; that of the context (`flow`), else the trace, else the event itself. */
  readonly correlationId?: string | null | undefined;
  /** The event that caused this one; that of the context (`causedBy`). */
  readonly causationId?: string | null | undefined;
  /** Fields that the contract does not name. */
  readonly extra?: { readonly [name: string]: unknown } | null | undefined;
}

/** One column of the target and the column of the source that it comes from. */
export interface ColumnMapping {
  /** Column of the source dataset. */
  readonly sourceColumn: string;
  /** Column of the target dataset. */
  readonly targetColumn: string;
  /** How the one is made from the other. */
  readonly transformation?: string | null | undefined;
}

/** A dataset was loaded: wholly, in part, or not at all. */
export interface DataIngestionEvent extends Event {
  /** The dataset that was loaded. */
  readonly datasetName: string;
  /** Records loaded. */
  readonly recordCount: number | bigint;
  /** Bytes loaded. */
  readonly sizeBytes: number | bigint;
  /** Format of the data, such as parquet. */
  readonly format: string;
  /** Where the data is, such as s3://lake/prices. */
  readonly location: string;
  /** How the load ended. */
  readonly status: 'SUCCESS' | 'FAILURE' | 'PARTIAL';
  /** Anything else about the load. */
  readonly metadata?: { readonly [name: string]: unknown } | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** A quality check ran on a dataset. */
export interface DataQualityEvent extends Event {
  /** The dataset that was checked. */
  readonly datasetName: string;
  /** Kind of check, such as completeness. */
  readonly checkType: string;
  /** The check. */
  readonly checkName: string;
  /** What the check found. */
  readonly result: 'PASS' | 'FAIL' | 'WARNING';
  /** Share of what was checked that is good, 0 to 1. */
  readonly score: number;
  /** Records that failed the check. */
  readonly failedRecords: number | bigint;
  /** Records that were checked. */
  readonly totalRecords: number | bigint;
  /** What a person should know. */
  readonly message?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** One dataset was made from another: an edge of the lineage graph was seen. */
export interface DataLineageEvent extends Event {
  /** The dataset that was read. */
  readonly sourceDataset: string;
  /** The dataset that was written. */
  readonly targetDataset: string;
  /** What was done on the way. */
  readonly transformationType: 'COPY' | 'TRANSFORM' | 'AGGREGATE' | 'JOIN' | 'FILTER';
  /** The job or statement that did it. */
  readonly transformationName: string;
  /** The statement, where there is one. */
  readonly query?: string | null | undefined;
  /** Which column comes from which. */
  readonly columns?: readonly ColumnMapping[] | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** A run of a transformation job is under way, or has ended. */
export interface DataTransformationEvent extends Event {
  /** The job. */
  readonly job: string;
  /** The run of the job. */
  readonly run?: string | null | undefined;
  /** Datasets read. */
  readonly inputs?: readonly string[] | null | undefined;
  /** Datasets written. */
  readonly outputs?: readonly string[] | null | undefined;
  /** How far the run is, or how it ended. */
  readonly status?: 'RUNNING' | 'SUCCESS' | 'FAILURE' | 'PARTIAL' | 'CANCELLED' | null | undefined;
  /** How long the run took, milliseconds. */
  readonly durationMs?: number | null | undefined;
  /** Rows read. */
  readonly rowsIn?: number | bigint | null | undefined;
  /** Rows written. */
  readonly rowsOut?: number | bigint | null | undefined;
  /** What a person should know. */
  readonly message?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** A service told how it is, or was probed. */
export interface ServiceHealthEvent extends Event {
  /** The service. */
  readonly serviceName: string;
  /** Its Kubernetes namespace. */
  readonly namespace: string;
  /** How it is. */
  readonly healthStatus: 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY' | 'UNKNOWN';
  /** Latency of the probe or of recent requests, milliseconds. */
  readonly latencyMs: number;
  /** Share of recent requests that failed, 0 to 1. */
  readonly errorRate: number;
  /** What a person should know. */
  readonly message?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** A deployment was changed. `version` is the deployed version: it is required, and never filled in. */
export interface DeploymentEvent extends Event {
  /** The deployed version. */
  readonly version: string;
  /** The deployment. */
  readonly deploymentName: string;
  /** Its Kubernetes namespace. */
  readonly namespace: string;
  /** What was done. */
  readonly action: 'DEPLOY' | 'ROLLBACK' | 'SCALE' | 'RESTART';
  /** Replicas asked for. */
  readonly replicas: number | bigint;
  /** Who did it. */
  readonly deployedBy: string;
  /** The version before. */
  readonly previousVersion?: string | null | undefined;
}

/** A setting of a component was changed. Secret values are given as hashes only. */
export interface ConfigChangeEvent extends Event {
  /** The component whose setting was changed. */
  readonly component: string;
  /** The setting. */
  readonly key: string;
  /** Its Kubernetes namespace. */
  readonly namespace?: string | null | undefined;
  /** The value before, any JSON value; null when there was none. */
  readonly oldValue?: unknown;
  /** The value after, any JSON value; null when it was removed. */
  readonly newValue?: unknown;
  /** A hash of the value before, where the value is secret. */
  readonly oldValueHash?: string | null | undefined;
  /** A hash of the value after, where the value is secret. */
  readonly newValueHash?: string | null | undefined;
  /** Who changed it. */
  readonly changedBy?: string | null | undefined;
  /** Why. */
  readonly reason?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** Something that matters to security was seen. */
export interface SecurityEvent extends Event {
  /** Kind of event, such as authentication, authorization, network, secret. */
  readonly category: string;
  /** How grave it is. */
  readonly severity: 'LOW' | 'MEDIUM' | 'HIGH' | 'CRITICAL';
  /** Who acted, where that is known. */
  readonly principal?: string | null | undefined;
  /** Address it came from; "unknown" where it is not known. */
  readonly ipAddress?: string | null | undefined;
  /** What was acted upon. */
  readonly resource?: string | null | undefined;
  /** What was tried. */
  readonly action?: string | null | undefined;
  /** How it ended, such as SUCCESS, FAILURE, DENIED, BLOCKED. */
  readonly outcome?: string | null | undefined;
  /** What a person should know. */
  readonly message?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** A user did something on the platform, or was kept from it. */
export interface AuditUserActionEvent extends Event {
  /** The user. */
  readonly userId: string;
  /** The user's name. */
  readonly username: string;
  /** What the user did. */
  readonly action: string;
  /** What it was done to. */
  readonly resource: string;
  /** Kind of resource. */
  readonly resourceType: string;
  /** How it ended. */
  readonly result: 'SUCCESS' | 'FAILURE' | 'DENIED';
  /** Address of the user; "unknown" where it is not known. */
  readonly ipAddress: string;
  /** The user's agent. */
  readonly userAgent?: string | null | undefined;
  /** Anything else about the action. */
  readonly details?: { readonly [name: string]: unknown } | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** A service answered a request. */
export interface AuditAPICallEvent extends Event {
  /** The service that answered. */
  readonly service: string;
  /** Path of the request. */
  readonly endpoint: string;
  /** Method of the request. */
  readonly method: string;
  /** HTTP status of the answer. */
  readonly statusCode: number;
  /** Time to the answer, milliseconds. */
  readonly latencyMs: number;
  /** Size of the request. */
  readonly requestSizeBytes: number | bigint;
  /** Size of the answer. */
  readonly responseSizeBytes: number | bigint;
  /** Address of the caller; "unknown" where it is not known. */
  readonly ipAddress: string;
  /** The user, where one was known. */
  readonly userId?: string | null | undefined;
  /** Name or identifier of the API key, never the key itself. */
  readonly apiKey?: string | null | undefined;
  /** What went wrong. */
  readonly errorMessage?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** A user read, wrote, deleted or exported data, or was kept from it. */
export interface AuditDataAccessEvent extends Event {
  /** The user. */
  readonly userId: string;
  /** The dataset. */
  readonly datasetName: string;
  /** What was done with the data. */
  readonly operation: 'READ' | 'WRITE' | 'DELETE' | 'EXPORT';
  /** How it ended. */
  readonly result: 'SUCCESS' | 'FAILURE' | 'DENIED';
  /** The user's name. */
  readonly username?: string | null | undefined;
  /** Columns touched. */
  readonly columns?: readonly string[] | null | undefined;
  /** Rows touched. */
  readonly rowCount?: number | bigint | null | undefined;
  /** The statement, where there is one. */
  readonly query?: string | null | undefined;
  /** Engine that ran it, such as trino. */
  readonly engine?: string | null | undefined;
  /** Address of the user; "unknown" where it is not known. */
  readonly ipAddress?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}

/** An administrator changed the platform itself, or was kept from it. */
export interface AuditAdminOperationEvent extends Event {
  /** The administrator. */
  readonly userId: string;
  /** What was done. */
  readonly operation: string;
  /** How it ended. */
  readonly result: 'SUCCESS' | 'FAILURE' | 'DENIED';
  /** What it was done to. */
  readonly target?: string | null | undefined;
  /** Kind of target. */
  readonly targetType?: string | null | undefined;
  /** Parameters of the operation. */
  readonly parameters?: { readonly [name: string]: unknown } | null | undefined;
  /** Address of the administrator; "unknown" where not known. */
  readonly ipAddress?: string | null | undefined;
  /** Contract version. */
  readonly version?: string | null | undefined;
}
