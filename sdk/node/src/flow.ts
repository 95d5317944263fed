/**
 * What an event belongs to: correlation, causation and trace, taken from the caller's context.
 *
 * AsyncLocalStorage follows a request through promises, timers and callbacks, so that a middleware sets it once.
 */

import { AsyncLocalStorage } from 'node:async_hooks';

import { ConfigurationError } from './errors.js';

/** What events made now belong to. `traceId` is the trace id in `traceparent`. */
export interface Flow {
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly traceparent?: string | undefined;
  readonly traceId?: string | undefined;
}

export type FlowOptions = Pick<Flow, 'correlationId' | 'causationId' | 'traceparent'>;

// https://www.w3.org/TR/trace-context/#traceparent-header-field-values; version ff and ids of zeros are invalid.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NONE: Flow = Object.freeze({});
const current = new AsyncLocalStorage<Flow>();

/** The flow of the calling context. */
export function currentFlow(): Flow {
  return current.getStore() ?? NONE;
}

/**
 * Runs `work`; events made in it, and in all that it starts, belong to this flow. What is not given stays as it is.
 *
 * `traceparent` is a request's header as it came; one that is not valid is passed over, as W3C Trace Context says.
 */
export function flow<T>(options: FlowOptions, work: () => T): T {
  const outer = currentFlow();
  const given = options.traceparent;
  const traceId = given === undefined ? undefined : traceIdOf(given);
  const inner: Flow = {
    correlationId: options.correlationId ?? outer.correlationId,
    causationId: options.causationId ?? outer.causationId,
    traceparent: traceId === undefined || given === undefined ? outer.traceparent : asVersion00(given),
    traceId: traceId ?? outer.traceId,
  };
  return current.run(inner, work);
}

/** Runs `work`; events made in it were caused by this one (JSON names, as it was read), and belong to its flow. */
export function causedBy<T>(event: { eventId?: unknown; correlationId?: unknown }, work: () => T): T {
  const { eventId, correlationId } = event;
  if (typeof eventId !== 'string') {
    throw new ConfigurationError('causedBy needs an event with an eventId, as it was read from its topic');
  }
  const belongs = typeof correlationId === 'string' ? correlationId : eventId;
  return flow({ correlationId: belongs, causationId: eventId }, work);
}

/** The trace id of a valid W3C traceparent, else undefined. */
export function traceIdOf(traceparent: string): string | undefined {
  const found = TRACEPARENT.exec(traceparent.trim());
  return found === null || (found[1] === '00' && found[5] !== undefined) ? undefined : found[2];
}

/** What is sent on: the parts that this version knows. */
function asVersion00(traceparent: string): string {
  return `00-${traceparent.trim().slice(3, 55)}`;
}
