/**
 * The end of the process: whatever is open is delivered, so that nothing which waits is lost.
 *
 * Nothing here happens at import. What waits keeps the process alive until it is delivered, so a normal end loses
 * nothing. The first producer adds a listener for SIGTERM, where nobody else has one: it delivers, then lets the signal
 * do what it would have done; a second SIGTERM ends the process at once. Meanwhile the application stands still as far
 * as it produces: an error would go through code that was to be dead by now, and could end the process before the
 * delivery. process.exit() and an uncaught error cannot wait for anything: the loss is told.
 */

import { isMainThread } from 'node:worker_threads';

/** Longest time that SIGTERM waits for deliveries, milliseconds; Kubernetes gives 30 seconds in all. */
export const END_MS = 20_000;

/** What can be open at the end. */
export interface Endable {
  readonly pending: number;
  /** Send what waits without lingering. */
  flush(timeoutMs: number): Promise<number>;
  /** Take nothing more without a word, deliver what waits, then close. */
  finish(timeoutMs: number): Promise<void>;
  /** The process ends now, and so many events are lost. */
  tellLoss(): void;
}

const open = new Set<Endable>();
let telling = false;

/** A producer is open. */
export function remember(producer: Endable, flushOnSigterm: boolean): void {
  open.add(producer);
  if (!telling) {
    telling = true;
    process.on('exit', () => {
      for (const found of open) if (found.pending) found.tellLoss();
    });
  }
  if (flushOnSigterm && isMainThread && process.listenerCount('SIGTERM') === 0) process.on('SIGTERM', onSigterm);
}

/** A producer has been closed. */
export function forget(producer: Endable): void {
  open.delete(producer);
  if (!open.size) process.removeListener('SIGTERM', onSigterm);
}

function onSigterm(): void {
  process.removeListener('SIGTERM', onSigterm);
  if (process.listenerCount('SIGTERM') > 0) {
    // A handler of the application's, added later, decides when to end.
    for (const producer of open) void producer.flush(0);
    return;
  }
  // Something has to keep the process alive meanwhile.
  const held = setTimeout(() => undefined, END_MS + 5_000);
  void Promise.allSettled([...open].map((producer) => producer.finish(END_MS))).then(() => {
    clearTimeout(held);
    process.kill(process.pid, 'SIGTERM');
  });
}
