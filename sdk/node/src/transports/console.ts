/** Events as lines of text: to see what a service would send. */

import type { Record } from '../record.js';
import type { Done } from './base.js';
import { NoopTransport } from './noop.js';

/** Writes `topic key json`, a line each, to the stream (standard output unless said otherwise). */
export class ConsoleTransport extends NoopTransport {
  protected override readonly status = 'console';
  readonly #stream: { write(text: string): unknown };

  constructor(stream: { write(text: string): unknown } = process.stdout) {
    super();
    this.#stream = stream;
  }

  override send(record: Record, done: Done): void {
    this.#stream.write(`${record.topic} ${record.key?.toString() ?? '-'} ${record.value.toString()}\n`);
    super.send(record, done);
  }
}
