/** The shape of the generated tables: what the library knows of each event type. */

export type Kind = 'string' | 'integer' | 'number' | 'object' | 'array' | 'any' | 'record';

export const EVENT_BYTES = 1024 * 1024;
export const NESTING = 32;
export const INT64_MIN = -(2n ** 63n);
export const UINT64_MAX = 2n ** 64n - 1n;
/** The most errors that are listed for one event. */
export const ERRORS = 20;

/** One field. `low` and `high` are inclusive: of a number, or of the length of a string, map or list. */
export interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly required?: boolean;
  readonly nullable?: boolean;
  readonly low?: number;
  readonly high?: number | bigint;
  readonly oneOf?: readonly string[];
  readonly items?: Field;
  readonly record?: readonly Field[];
}

/** An event by its JSON names. */
export type Json = { [name: string]: unknown };

/** One event type. `check` is quick and sure when it says yes; what it says no to, the table decides. */
export interface EventType {
  readonly name: string;
  readonly topic: string;
  readonly keyFields: readonly string[];
  readonly fields: readonly Field[];
  readonly check: (event: Json) => boolean;
  /** `version` is part of the payload, and never filled in. */
  readonly versionOfItsOwn: boolean;
}
