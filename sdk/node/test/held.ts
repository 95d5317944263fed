/** For tests: a transport that keeps deliveries open until they are let go. */

import { DeliveryFailed, type Done, type Record, type Transport } from '../src/index.js';

export class Held implements Transport {
  readonly waiting: (readonly [Record, Done])[] = [];

  open(): void {
    // nothing to open
  }

  send(record: Record, done: Done): void {
    this.waiting.push([record, done]);
  }

  letGo(count: number): void {
    for (const [{ eventId }, done] of this.waiting.splice(0, count)) done({ eventId, status: 'accepted' });
  }

  flush(): void {
    // nothing lingers
  }

  close(): void {
    for (const [{ eventId }, done] of this.waiting.splice(0)) done(new DeliveryFailed(eventId, 'closed', true));
  }
}

/** A logger that remembers. */
export class Lines {
  readonly told: string[] = [];

  warn(message: string): void {
    this.told.push(message);
  }

  error(message: string): void {
    this.told.push(message);
  }
}

export const HEALTH = {
  serviceName: 'trino',
  namespace: 'data-platform',
  healthStatus: 'HEALTHY',
  latencyMs: 12,
  errorRate: 0,
} as const;

export const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
