/**
 * Says what is wrong with an event, by the tables that are made from its JSON Schema. Pure.
 *
 * Errors have the pointers and types that the service gives for the same event.
 */

import { ERRORS, INT64_MIN, UINT64_MAX, type EventType, type Field, type Json } from './contract.js';
import { InvalidEvent, type FieldError } from './errors.js';
import { isMap } from './json.js';

const WANTED = {
  string: 'a string',
  integer: 'an integer',
  number: 'a number',
  object: 'a plain object',
  array: 'an array',
  record: 'a plain object',
  any: 'anything',
} as const;
const SHOWN_CHARS = 60;

/** InvalidEvent unless the event (JSON names) keeps its contract. */
export function check(kind: EventType, event: Json): void {
  if (kind.check(event)) return;
  const found = errorsOf(kind, event);
  if (found.length) throw new InvalidEvent(kind.name, found);
}

/** Every error, up to ERRORS; none for an event that is valid. */
export function errorsOf(kind: EventType, event: Json): readonly FieldError[] {
  const found: FieldError[] = [];
  ofRecord(kind.fields, event, '', (error) => found.length < ERRORS && found.push(error) < ERRORS);
  return found;
}

/** Takes an error; false when there are enough of them. */
type Tell = (error: FieldError) => boolean;

function ofRecord(fields: readonly Field[], values: Json, parent: string, tell: Tell): boolean {
  return fields.every((field) => {
    const where = `${parent}/${field.name}`;
    const value = values[field.name];
    if (value !== undefined) return ofValue(field, value, where, field.name, tell);
    return (
      !field.required || tell({ pointer: where, type: 'missing', message: 'is required: pass it', field: field.name })
    );
  });
}

function ofValue(field: Field, value: unknown, where: string, name: string, tell: Tell): boolean {
  if (field.kind === 'any' || (value === null && field.nullable)) return true;
  const problem = problemOf(field, value);
  if (problem !== undefined) return tell({ pointer: where, type: problem[0], message: problem[1], field: name });
  if (field.kind === 'record') return ofRecord(field.record ?? [], value as Json, where, tell);
  const { items } = field;
  if (items === undefined) return true;
  return (value as unknown[]).every((item, at) => ofValue(items, item, `${where}/${at}`, name, tell));
}

type Problem = readonly [type: string, message: string] | undefined;

function problemOf(field: Field, value: unknown): Problem {
  if (field.oneOf !== undefined) return ofChoice(field.oneOf, value);
  if (!isOfKind(field, value)) {
    const found = typeof value === 'number' ? String(value) : described(value);
    return ['type', `must be ${WANTED[field.kind]}, not ${found}`];
  }
  if (typeof value === 'number' || typeof value === 'bigint') return ofNumber(field, value);
  return ofLength(field, value as string | unknown[] | Json);
}

function ofChoice(choices: readonly string[], value: unknown): Problem {
  if (typeof value === 'string' && choices.includes(value)) return undefined;
  const near = typeof value === 'string' ? nearest(value.toUpperCase(), choices) : undefined;
  const hint = near === undefined ? '' : ` (did you mean ${near}?)`;
  return ['enum', `must be one of ${choices.join(', ')}; not ${shown(value)}${hint}`];
}

function isOfKind(field: Field, value: unknown): boolean {
  switch (field.kind) {
    case 'string':
      return typeof value === 'string';
    case 'integer':
      return typeof value === 'bigint' || Number.isInteger(value);
    case 'number':
      return typeof value === 'bigint' || typeof value === 'number';
    case 'array':
      return Array.isArray(value);
    default:
      return isMap(value);
  }
}

function ofNumber({ name, low, high }: Field, value: number | bigint): Problem {
  if (typeof value === 'number' && !Number.isFinite(value)) return ['range', 'must be a finite number'];
  if (low !== undefined && value < low) {
    if (name !== 'timestamp') return ['range', `must be at least ${low}, not ${shown(value)}`];
    const hint = value > 0 ? 'this looks like seconds: multiply by 1000' : 'leave it out where it is not known';
    return ['timestamp', `must be milliseconds since the epoch, not ${shown(value)}; ${hint}`];
  }
  if (high !== undefined && value > high) {
    return ['range', `must be at most ${high.toLocaleString('en')}, not ${shown(value)}`];
  }
  return undefined;
}

function ofLength({ low, high }: Field, value: string | unknown[] | Json): Problem {
  const most = Number(high ?? Infinity);
  const length = sizeOf(value, most);
  if (low !== undefined && length < low) return ['empty', 'must not be empty'];
  if (length <= most) return undefined;
  const what = typeof value === 'string' ? 'characters' : 'entries';
  const told = `must have at most ${most.toLocaleString('en')} ${what}, not ${length.toLocaleString('en')}: shorten it`;
  return ['too-long', told];
}

/** Code points of a string (counted only where its UTF-16 units are too many), entries of a list or map. */
function sizeOf(value: string | unknown[] | Json, most: number): number {
  if (typeof value === 'string') return value.length <= most ? value.length : [...value].length;
  if (Array.isArray(value)) return value.length;
  return Object.values(value).filter((child) => child !== undefined).length;
}

/** The choice that differs in few letters. */
function nearest(text: string, choices: readonly string[]): string | undefined {
  const [best] = choices
    .map((choice) => [distance(text.slice(0, SHOWN_CHARS), choice), choice] as const)
    .sort(([a], [b]) => a - b);
  return best !== undefined && best[0] <= best[1].length / 3 ? best[1] : undefined;
}

/** Levenshtein's. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1])));
    }
    row = next;
  }
  return row[b.length]!;
}

function described(value: unknown): string {
  switch (typeof value) {
    case 'boolean':
      return 'a boolean';
    case 'bigint':
      return 'an integer';
    case 'string':
      return `the string ${shown(value)}`;
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'an array';
      return isMap(value) ? 'an object' : `a ${value.constructor?.name ?? 'strange object'}`;
    default:
      return `of type ${typeof value}`;
  }
}

/** A value in a message: short, and printable. */
function shown(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length <= SHOWN_CHARS ? value : `${value.slice(0, SHOWN_CHARS - 3)}...`);
  }
  if (typeof value === 'bigint' && (value < INT64_MIN || value > UINT64_MAX)) return 'an integer beyond 64 bits';
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : described(value);
}
