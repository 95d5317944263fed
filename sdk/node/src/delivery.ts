/** What becomes of an event. */

import type { ProducerError } from './errors.js';

/**
 * An event that is safe. `status` is 'accepted', 'spooled' or 'duplicate' (HTTP only), or 'noop' and the like.
 * `topic`, `partition` and `offset` say where it is, as far as the transport knows.
 */
export interface Receipt {
  readonly eventId: string;
  readonly status: string;
  readonly topic?: string | undefined;
  readonly partition?: number | undefined;
  readonly offset?: number | undefined;
}

export type Outcome = Receipt | ProducerError;

/** Called when it is known what became of an event: with the failure, or with null and the receipt. */
export type OnDelivery = (error: ProducerError | null, receipt?: Receipt) => void;

/** The second argument of every method. */
export interface ProduceOptions {
  readonly onDelivery?: OnDelivery | undefined;
}

/** The promise of one event, settled once. */
export class Delivery {
  readonly eventId: string;
  readonly promise: Promise<Receipt>;
  #resolve!: (receipt: Receipt) => void;
  #reject!: (error: ProducerError) => void;
  #settled = false;

  constructor(eventId: string) {
    this.eventId = eventId;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Whether this was the first word. */
  settle(outcome: Outcome): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    if (outcome instanceof Error) {
      this.promise.catch(() => undefined); // a failure is logged and counted: nobody has to look at the promise
      this.#reject(outcome);
    } else {
      this.#resolve(outcome);
    }
    return true;
  }
}
