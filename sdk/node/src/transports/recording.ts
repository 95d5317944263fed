/** The fake for your tests: remembers what was produced, and fails when it is told to. */

import type { Json } from '../contract.js';
import { DeliveryFailed } from '../errors.js';
import type { Record } from '../record.js';
import type { Done } from './base.js';
import { NoopTransport } from './noop.js';

export interface FailNext {
  readonly times?: number;
  readonly retriable?: boolean;
}

/** Events are checked, filled in and routed as they would be, then kept in memory. */
export class RecordingTransport extends NoopTransport {
  protected override readonly status = 'recorded';
  readonly records: Record[] = [];
  #failures: { reason: string; retriable: boolean }[] = [];

  /** All events, in order, as their JSON. */
  get events(): Json[] {
    return this.records.map((record) => JSON.parse(record.value.toString()) as Json);
  }

  /** The events of a type. */
  of(eventType: string): Json[] {
    return this.events.filter((event) => event['eventType'] === eventType);
  }

  /** Let the next deliveries fail. */
  failNext(reason = 'told to fail', { times = 1, retriable = true }: FailNext = {}): void {
    for (let count = 0; count < times; count += 1) this.#failures.push({ reason, retriable });
  }

  /** Forget everything. */
  clear(): void {
    this.records.length = 0;
    this.#failures = [];
  }

  override send(record: Record, done: Done): void {
    const failure = this.#failures.shift();
    if (failure !== undefined) {
      done(new DeliveryFailed(record.eventId, failure.reason, failure.retriable));
      return;
    }
    this.records.push(record);
    super.send(record, done);
  }
}
