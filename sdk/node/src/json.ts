/**
 * An event as JSON: the bytes that the service itself writes for it. What JSON cannot say is refused with its place.
 *
 * JSON.stringify would not do: it turns NaN into null, drops functions, throws at a bigint without a place, and writes
 * some numbers otherwise (1e+300 for 1e300).
 */

import { ERRORS, EVENT_BYTES, INT64_MIN, NESTING, UINT64_MAX, type Json } from './contract.js';
import { InvalidEvent, type FieldError } from './errors.js';

const names = new Map<string, string>();
const NAMES_KEPT_MAX = 4_096;
// What a string may hold to be written as it is: no quotes, control characters or surrogates.
const PLAIN = /^[\u0020\u0021\u0023-\u005b\u005d-\ud7ff\ue000-\uffff]*$/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

class Unwritable extends Error {}
const UNWRITABLE = new Unwritable('unwritable');
UNWRITABLE.stack = '';

/** UTF-8, no spaces, fields in the order they have; InvalidEvent for what cannot be an event. */
export function encode(eventType: string, event: Json): Buffer {
  const text = isFlat(event) ? flatText(eventType, event) : fullText(eventType, event);
  const bytes = Buffer.from(text);
  if (bytes.length > EVENT_BYTES) {
    const told =
      `the event has ${bytes.length.toLocaleString('en')} bytes, ${EVENT_BYTES.toLocaleString('en')} are allowed:` +
      ' send less, or where the data is';
    throw new InvalidEvent(eventType, [{ pointer: '', type: 'too-large', message: told, field: '' }]);
  }
  return bytes;
}

/** Whether it has no maps and lists, and only numbers that JSON.stringify writes as we do. */
function isFlat(event: Json): boolean {
  for (const name in event) {
    const value = event[name];
    if (typeof value === 'number') {
      const size = Math.abs(value);
      if (!(size <= Number.MAX_SAFE_INTEGER && (size >= 1e-5 || value === 0))) return false;
    } else if (typeof value !== 'string' && typeof value !== 'boolean' && value !== null) return false;
  }
  return true;
}

/** JSON.stringify writes it several times faster; half a surrogate pair it would escape. */
function flatText(eventType: string, event: Json): string {
  const text = JSON.stringify(event);
  return text.includes('\\ud') ? fullText(eventType, event) : text;
}

function fullText(eventType: string, event: Json): string {
  try {
    return objectText(event, 0);
  } catch (error) {
    if (error !== UNWRITABLE) throw error;
    throw new InvalidEvent(eventType, unwritable(event));
  }
}

/** An RFC 6901 pointer one step further. */
export function pointer(parent: string, part: string | number): string {
  return `${parent}/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Whether this is a map of names to values: no array, no Map, Buffer or Error, which JSON would make nonsense of. */
export function isMap(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object Object]';
}

/** A number as the service writes it: the shortest text that reads back as the same, integers without exponent. */
export function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  if (!Number.isInteger(value)) return Math.abs(value) < 1e-5 ? value.toExponential() : String(value);
  const whole = BigInt(value);
  return INT64_MIN <= whole && whole <= UINT64_MAX ? whole.toString() : value.toExponential().replace('+', '');
}

function valueText(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return stringText(value);
    case 'number':
      if (!Number.isFinite(value)) throw UNWRITABLE;
      return numberText(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      if (value < INT64_MIN || value > UINT64_MAX) throw UNWRITABLE;
      return value.toString();
    case 'object':
      return value === null ? 'null' : compoundText(value, depth);
  }
  throw UNWRITABLE;
}

function compoundText(value: object, depth: number): string {
  if (depth >= NESTING) throw UNWRITABLE;
  if (Array.isArray(value)) {
    let text = '';
    for (let at = 0; at < value.length; at += 1) text += (at ? ',' : '') + valueText(value[at], depth + 1);
    return `[${text}]`;
  }
  if (value instanceof Date) return dateText(value);
  if (!isMap(value)) throw UNWRITABLE;
  return objectText(value, depth);
}

function objectText(value: Json, depth: number): string {
  let text = '';
  for (const name of Object.keys(value)) {
    const child = value[name];
    if (child === undefined) continue;
    text += (text && ',') + nameText(name) + valueText(child, depth + 1);
  }
  return `{${text}}`;
}

function nameText(name: string): string {
  const found = names.get(name);
  if (found !== undefined) return found;
  const made = `${stringText(name)}:`;
  if (names.size < NAMES_KEPT_MAX && name.length < 64) names.set(name, made);
  return made;
}

function stringText(value: string): string {
  if (PLAIN.test(value)) return `"${value}"`;
  if (LONE_SURROGATE.test(value)) throw UNWRITABLE;
  return JSON.stringify(value);
}

function dateText(value: Date): string {
  if (Number.isNaN(value.getTime())) throw UNWRITABLE;
  return `"${value.toISOString()}"`;
}

/** Every value that JSON, or the contract's JSON, cannot say. Walks no deeper than an event may be. */
function unwritable(event: Json): FieldError[] {
  const found: FieldError[] = [];
  const walk = (value: unknown, where: string, depth: number): boolean => {
    const problem = problemOf(value, depth);
    if (problem !== undefined) {
      const [type, message] = problem;
      const place = type === 'too-deep' ? '' : where;
      found.push({ pointer: place, type, message, field: place.slice(1) });
      return type !== 'too-deep' && found.length < ERRORS;
    }
    if (Array.isArray(value)) return value.every((child, at) => walk(child, pointer(where, at), depth + 1));
    if (!isMap(value)) return true;
    return Object.entries(value).every(([name, child]) => {
      if (LONE_SURROGATE.test(name)) {
        found.push(error(pointer(where, name), 'type', 'has half of a surrogate pair in its name'));
      }
      return child === undefined || walk(child, pointer(where, name), depth + 1);
    });
  };
  walk(event, '', 0);
  return found;
}

function problemOf(value: unknown, depth: number): [type: string, message: string] | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'string':
      return LONE_SURROGATE.test(value) ? ['type', 'is no Unicode text: it has half of a surrogate pair'] : undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : ['range', 'must be a finite number'];
    case 'bigint': {
      const beyond = value < INT64_MIN || value > UINT64_MAX;
      return beyond ? ['big-integer', 'is an integer beyond 64 bits: send it as a string'] : undefined;
    }
    case 'object':
      if (value === null) return undefined;
      if (value instanceof Date) {
        return Number.isNaN(value.getTime()) ? ['type', 'is an invalid Date: leave it out'] : undefined;
      }
      if (!Array.isArray(value) && !isMap(value)) break;
      return depth < NESTING
        ? undefined
        : ['too-deep', `maps and lists nest more than ${NESTING} deep: flatten them (or is there a cycle?)`];
  }
  const what =
    typeof value === 'object' ? `a ${value?.constructor?.name ?? 'strange object'}` : `of type ${typeof value}`;
  return ['type', `cannot be written as JSON: it is ${what}; pass a string, number, list or plain object`];
}

function error(where: string, type: string, message: string): FieldError {
  return { pointer: where, type, message, field: where.slice(1) };
}
