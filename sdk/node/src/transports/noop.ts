/** Nowhere: events are checked and then forgotten. */

import type { Record } from '../record.js';
import type { Done, Transport } from './base.js';

/** For tests and for machines without a broker. A base for transports that are done at once. */
export class NoopTransport implements Transport {
  protected readonly status: string = 'noop';

  open(): void {
    // nothing to get ready
  }

  send({ eventId, topic }: Record, done: Done): void {
    done({ eventId, status: this.status, topic });
  }

  flush(): void {
    // nothing waits
  }

  close(): void {
    // nothing to end
  }
}
