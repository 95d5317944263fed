/**
 * From a valid event to its Kafka record: topic, key, what picks the partition, CloudEvents headers. Pure.
 *
 * The service routes what comes by HTTP in the same way, byte for byte; tests/contract/vectors holds both to it.
 */

import type { Json } from './contract.js';

export type Header = readonly [name: string, value: Buffer];

/** An event ready to be sent. `spread` picks the partition: the key, or the eventId where there is none. */
export interface Record {
  readonly eventId: string;
  readonly eventType: string;
  readonly topic: string;
  readonly key: Buffer | null;
  readonly value: Buffer;
  readonly headers: readonly Header[];
  readonly spread: Buffer;
  readonly traceparent: string | undefined;
}

const YEAR_10000_MS = 253_402_300_800_000;
const KEPT_MAX = 1_024;
const KEY_CHARS_KEPT = 128;
const VERSION: Header = ['ce_specversion', Buffer.from('1.0')];
const CONTENT_TYPE: Header = ['content-type', Buffer.from('application/json')];
const types = new Map<string, Header>();
const sources = new Map<string, Header>();
const keys = new Map<string, Buffer>();
let lastTime = NaN;
let lastTimeHeader: Header = ['ce_time', Buffer.alloc(0)];

/**
 * The record of an event whose envelope is whole; `value` is its JSON.
 *
 * Headers are those of a CloudEvent in Kafka's binary mode (CloudEvents Kafka protocol binding 1.0.2) and
 * `traceparent` (W3C). An event whose time RFC 3339 cannot say has no `ce_time`.
 */
export function recordOf(
  eventType: string,
  topic: string,
  key: string | null,
  event: Json,
  value: Buffer,
  traceparent: string | undefined,
): Record {
  const eventId = event['eventId'] as string;
  const id = Buffer.from(eventId);
  const type = kept(types, eventType, () => ['ce_type', Buffer.from(eventType)] as const);
  const source = event['source'] as string;
  const from = kept(sources, source, () => ['ce_source', Buffer.from(uriReference(source))] as const);
  const headers: Header[] = [['ce_id', id], type, from, VERSION, CONTENT_TYPE];
  const timestamp = Number(event['timestamp']);
  if (timestamp < YEAR_10000_MS) headers.push(timeHeader(timestamp));
  if (traceparent !== undefined) headers.push(['traceparent', Buffer.from(traceparent, 'latin1')]);
  const keyBytes = key === null ? null : key.length > KEY_CHARS_KEPT ? Buffer.from(key) : kept(keys, key, bytesOf);
  return { eventId, eventType, topic, key: keyBytes, value, headers, spread: keyBytes ?? id, traceparent };
}

/** The one key rule: the first of the fields that holds a non-empty string. */
export function keyOf(fields: readonly string[], event: Json): string | null {
  for (const name of fields) {
    const value = event[name];
    if (typeof value === 'string' && value) return value;
  }
  return null;
}

/** Text as a URI reference: what may stand in one as it is stays, the rest is percent-encoded UTF-8. */
function uriReference(text: string): string {
  return encodeURI(text).replace(/%(25|5B|5D)/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text);
}

/** Many events have the same millisecond. */
function timeHeader(timestamp: number): Header {
  if (timestamp !== lastTime) {
    lastTime = timestamp;
    lastTimeHeader = ['ce_time', Buffer.from(new Date(timestamp).toISOString())];
  }
  return lastTimeHeader;
}

/** What comes again, such as keys: made once, as long as there are not too many. */
function kept<T>(store: Map<string, T>, name: string, make: (name: string) => T): T {
  const found = store.get(name);
  if (found !== undefined) return found;
  if (store.size >= KEPT_MAX) store.clear();
  const made = make(name);
  store.set(name, made);
  return made;
}
