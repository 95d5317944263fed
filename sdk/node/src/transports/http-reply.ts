/**
 * What a reply to POST /v1/events says of each event that was sent. Pure.
 *
 * 202, 422 and 503 have a receipt for each event. Another 4xx is final: nothing of it is ever sent again. Everything
 * else (no answer, 5xx from a gateway) is tried again, which the eventId makes safe.
 */

import type { Json } from '../contract.js';
import type { Outcome } from '../delivery.js';
import { DeliveryFailed, type FieldError } from '../errors.js';
import { isMap } from '../json.js';

const TAKEN: readonly unknown[] = ['accepted', 'spooled', 'duplicate'];
const LONGEST_PAUSE_MS = 60_000;

/** What became of each event, in order; undefined for one that should be sent again. */
export function outcomes(status: number, body: string, eventIds: readonly string[]): (Outcome | undefined)[] {
  const document = documentOf(body);
  if (status === 202 || status === 422 || status === 503) {
    const { receipts } = document;
    if (Array.isArray(receipts) && receipts.length === eventIds.length && receipts.every(isMap)) {
      return receipts.map((receipt, at) => outcomeOf(receipt, eventIds[at]!));
    }
  }
  if (status < 200 || status >= 500) return eventIds.map(() => undefined);
  const reason = `the service answered ${status}${detailOf(document)}`;
  return eventIds.map((eventId) => new DeliveryFailed(eventId, reason, false));
}

/** Milliseconds to wait by a Retry-After header (RFC 9110: seconds, or a date), at most a minute. */
export function retryAfterMs(header: string | null, now = Date.now()): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_PAUSE_MS);
  const then = /[a-z]{3}/i.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(then) ? undefined : Math.min(Math.max(then - now, 0), LONGEST_PAUSE_MS);
}

function outcomeOf(receipt: Json, eventId: string): Outcome | undefined {
  const { status, topic, partition, offset } = receipt;
  if (TAKEN.includes(status)) {
    return {
      eventId,
      status: status as string,
      topic: typeof topic === 'string' ? topic : undefined,
      partition: typeof partition === 'number' ? partition : undefined,
      offset: typeof offset === 'number' ? offset : undefined,
    };
  }
  if (receipt['retriable']) return undefined;
  const errors = (Array.isArray(receipt['errors']) ? receipt['errors'] : []).filter(isMap).map(errorOf);
  const told = errors.map(({ pointer, message }) => `${pointer} ${message}`.trim()).join('; ');
  return new DeliveryFailed(eventId, `the service refused it: ${told || String(status)}`, false, errors);
}

function errorOf(error: Json): FieldError {
  const text = (name: string): string => (typeof error[name] === 'string' ? error[name] : '');
  return { pointer: text('pointer'), type: text('type'), message: text('message'), field: text('pointer').slice(1) };
}

function detailOf(document: Json): string {
  const told = document['detail'] || document['title'];
  return typeof told === 'string' ? `: ${told}` : '';
}

function documentOf(body: string): Json {
  try {
    const document: unknown = JSON.parse(body);
    return isMap(document) ? document : {};
  } catch {
    return {};
  }
}
