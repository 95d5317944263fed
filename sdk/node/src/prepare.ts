/** From what a caller says to a record that may be sent: the envelope filled in, the contract checked, JSON made. */

import { randomUUID } from 'node:crypto';

import type { EventType, Json } from './contract.js';
import { InvalidEvent } from './errors.js';
import { currentFlow, traceIdOf, type Flow } from './flow.js';
import { BY_EVENT_TYPE, BY_TOPIC, DEFAULT_VERSION, ENVELOPE } from './generated/tables.js';
import { encode } from './json.js';
import { keyOf, recordOf, type Record } from './record.js';
import { check } from './validation.js';

/** Gives the calling context's W3C traceparent, such as from a tracing library. */
export type Traceparent = () => string | undefined;

/** Makes the records of one service's events. `traceparent` is asked where `flow` has not been told a trace. */
export class Preparer {
  readonly source: string;
  readonly #traceparent: Traceparent | undefined;

  constructor(source: string, traceparent?: Traceparent) {
    this.source = source;
    this.#traceparent = traceparent;
  }

  /** The record of an event of the catalog; null and undefined are absent. InvalidEvent names what is wrong. */
  typed(kind: EventType, given: Json): Record {
    checkGiven(kind, given, this.source);
    const { correlationId, causationId, traceparent, traceId } = this.#flow();
    const eventId = given['eventId'] ?? randomUUID();
    const event: Json = {
      eventId,
      eventType: given['eventType'] ?? kind.name,
      timestamp: milliseconds(given['timestamp'] ?? Date.now()),
      source: this.source,
    };
    const version = given['version'] ?? (kind.versionOfItsOwn ? undefined : DEFAULT_VERSION);
    if (version !== undefined) event['version'] = version;
    event['correlationId'] = given['correlationId'] ?? correlationId ?? traceId ?? eventId;
    const cause = given['causationId'] ?? causationId;
    if (cause !== undefined) event['causationId'] = cause;
    let taken = 0;
    for (const { name } of kind.fields) {
      const value = given[name];
      if (value === undefined) continue;
      taken += 1;
      if (value !== null && !(name in event)) event[name] = value;
    }
    if (taken < Object.keys(given).length) addExtra(kind, event, given);
    return checked(kind, event, traceparent);
  }

  /**
   * The record of an event given by its JSON names.
   *
   * On one of the twelve topics it has to be that topic's type, keeps the contract and is keyed by the catalog; on any
   * other topic only the envelope is checked, and the key is the caller's.
   */
  custom(topic: string, given: Json, key: string | undefined): Record {
    const event: Json = { ...given };
    const kind = BY_TOPIC.get(topic);
    event['eventType'] ??= kind?.name;
    const name = String(event['eventType']);
    const known = BY_EVENT_TYPE.get(name);
    if (known !== kind) {
      const where = known?.topic ?? "a topic that is none of the catalog's";
      throw refused(name, '/eventType', 'wrong-topic', `belongs on ${where}, this is ${topic}`);
    }
    if (kind !== undefined && key !== undefined && key !== keyOf(kind.keyFields, event)) {
      const told = `the key of ${kind.name} is ${kind.keyFields.join(', or else ')}: leave key out`;
      throw refused(kind.name, '', 'key', told);
    }
    const { traceparent } = this.#fill(kind, event);
    if (kind !== undefined) return checked(kind, event, traceparent);
    check({ name, topic, keyFields: [], fields: ENVELOPE, check: () => false, versionOfItsOwn: false }, event);
    return recordOf(name, topic, key || null, event, encode(name, event), traceparent);
  }

  /** Fills in what is missing of the envelope, as ingest does. */
  #fill(kind: EventType | undefined, event: Json): Flow {
    const flow = this.#flow();
    event['eventId'] ??= randomUUID();
    event['timestamp'] = milliseconds(event['timestamp'] ?? Date.now());
    if (event['source'] === undefined) event['source'] = this.source;
    if (!kind?.versionOfItsOwn) event['version'] ??= DEFAULT_VERSION;
    event['correlationId'] ??= flow.correlationId ?? flow.traceId ?? event['eventId'];
    event['causationId'] ??= flow.causationId;
    return flow;
  }

  #flow(): Flow {
    const flow = currentFlow();
    if (flow.traceparent !== undefined || this.#traceparent === undefined) return flow;
    const traceparent = this.#traceparent();
    const traceId = traceparent === undefined ? undefined : traceIdOf(traceparent);
    return traceId === undefined ? flow : { ...flow, traceparent, traceId };
  }
}

function checked(kind: EventType, event: Json, traceparent: string | undefined): Record {
  check(kind, event);
  return recordOf(kind.name, kind.topic, keyOf(kind.keyFields, event), event, encode(kind.name, event), traceparent);
}

/** What is not the caller's to give. */
function checkGiven(kind: EventType, given: Json, source: string): void {
  if (given['source'] !== undefined && given['source'] !== source) {
    const told = `is the producer's service, ${source}: get a producer of the other service`;
    throw refused(kind.name, '/source', 'source', told);
  }
  if (given['context'] !== undefined) {
    throw refused(kind.name, '/context', 'context', 'is filled in by the service that takes events: leave it out');
  }
}

/** What the contract does not name: beside its fields, or in `extra`. */
function addExtra(kind: EventType, event: Json, given: Json): void {
  const names = new Set(kind.fields.map((field) => field.name));
  for (const [name, value] of Object.entries(given)) {
    if (names.has(name) || name === 'extra') continue;
    const meant = kind.fields.find((field) => plain(field.name) === plain(name));
    if (meant !== undefined) {
      throw refused(kind.name, `/${name}`, 'name', `is no field of the contract: did you mean ${meant.name}?`);
    }
    if (value !== undefined) put(event, name, value);
  }
  const { extra } = given;
  if (extra === undefined || extra === null) return;
  if (typeof extra !== 'object' || Array.isArray(extra)) {
    throw refused(kind.name, '/extra', 'type', 'must be a plain object of further fields');
  }
  for (const [name, value] of Object.entries(extra)) {
    if (names.has(name)) {
      throw refused(
        kind.name,
        `/${name}`,
        'extra',
        'is a field of the contract: pass it beside the others, not in extra',
      );
    }
    if (value !== undefined) put(event, name, value);
  }
}

/** As an own property, whatever its name: __proto__ is a name like any other here. */
function put(event: Json, name: string, value: unknown): void {
  Object.defineProperty(event, name, { value, enumerable: true, writable: true, configurable: true });
}

function plain(name: string): string {
  return name.replace(/[_-]/g, '').toLowerCase();
}

function milliseconds(timestamp: unknown): unknown {
  return timestamp instanceof Date ? timestamp.getTime() : timestamp;
}

function refused(eventType: string, pointer: string, type: string, message: string): InvalidEvent {
  return new InvalidEvent(eventType, [{ pointer, type, message, field: pointer.slice(1) || 'event' }]);
}
