/** What a transport has to do. Records come valid and routed; a transport brings each to its end, once. */

import type { Outcome } from '../delivery.js';
import type { Record } from '../record.js';

/** To be called for each record; the first word counts. */
export type Done = (outcome: Outcome) => void;

/** Where the library writes what an operator should know: `console`, pino, winston and the like have these. */
export interface Log {
  warn(message: string): void;
  error(message: string): void;
}

/** What a transport is told when it is opened. Times are milliseconds. */
export interface Opening {
  readonly service: string;
  readonly log: Log;
  readonly deliveryTimeoutMs: number;
}

export interface Transport {
  /** Get ready; reject with ConfigurationError for what cannot work. Must not wait for a server. */
  open(opening: Opening): Promise<void> | void;
  /** Reach the server where there is one: reject with ConfigurationError for what it will never take. */
  connect?(): Promise<void>;
  /** Take a record without waiting. Its end is told to `done`, within the delivery timeout. */
  send(record: Record, done: Done): void;
  /** Send what waits without lingering. */
  flush(): void;
  /** End: whatever has no end yet fails. */
  close(): Promise<void> | void;
}
