/** How much may wait for acknowledgement, in events and in bytes. Beyond it, events wait in line, or are refused. */

import { BufferFull, ProducerClosed } from './errors.js';
import { Queue } from './queue.js';

/** Bytes that are counted for a record beside its value: key, headers, bookkeeping. */
export const RECORD_OVERHEAD = 512;
/** The most events that may wait in line for room: whoever does not await what is returned must not fill the memory. */
export const LINE_MAX = 10_000;

interface InLine {
  readonly size: number;
  readonly go: () => void;
  readonly refuse: (error: BufferFull | ProducerClosed) => void;
  readonly deadline: number;
}

export class Buffer {
  events = 0;
  bytes = 0;
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  readonly #blockMsMax: number;
  readonly #line = new Queue<InLine>();
  #emptied: (() => void)[] = [];
  #roomy: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(eventsMax: number, bytesMax: number, blockMsMax: number) {
    this.#eventsMax = eventsMax;
    this.#bytesMax = bytesMax;
    this.#blockMsMax = blockMsMax;
  }

  /** Whether nothing more is taken. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Events in the line and on their way. */
  get pending(): number {
    return this.events + this.#line.length;
  }

  /**
   * Make room for one event, and `go`: now, or when there is room; `refuse` when there is none in time. Throws
   * BufferFull where waiting was not asked for or the line is full, ProducerClosed when there never will be room.
   */
  take(size: number, go: () => void, refuse: InLine['refuse']): void {
    if (this.#closed) throw closed();
    if (!this.#line.length && this.#fits(size)) {
      this.#add(size);
      go();
      return;
    }
    if (this.#blockMsMax <= 0) throw this.#full('and waiting was not asked for (maxBlockMs is 0)');
    if (this.#line.length >= LINE_MAX) throw this.#full(`and ${LINE_MAX.toLocaleString('en')} wait in line for it`);
    this.#line.push({ size, go, refuse, deadline: Date.now() + this.#blockMsMax });
    this.#watch();
  }

  /** One event less is on its way. */
  give(size: number): void {
    this.events -= 1;
    this.bytes -= size;
    for (let next = this.#line.peek(); next && this.#fits(next.size); next = this.#line.peek()) {
      this.#line.shift();
      this.#add(next.size);
      next.go();
    }
    this.#tell();
  }

  /** Settled as soon as an event would not have to wait in line. */
  async room(): Promise<void> {
    if (this.#closed || this.#hasRoom()) return;
    await new Promise<void>((resolve) => this.#roomy.push(resolve));
  }

  /** Until nothing is on its way; how many events still are when the time is over. */
  async drain(timeoutMs: number | undefined): Promise<number> {
    if (!this.pending || timeoutMs === 0) return this.pending;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#emptied.push(resolve);
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    return this.pending;
  }

  /** Take nothing more. What waits in line is still sent, until `refuseLine`. */
  close(): void {
    this.#closed = true;
  }

  /** The end: whatever still waits in line is refused. */
  refuseLine(): void {
    clearTimeout(this.#timer);
    for (const { refuse } of this.#line.takeAll()) refuse(closed());
    this.#roomy = callAll(this.#roomy);
  }

  #tell(): void {
    if (this.#hasRoom()) this.#roomy = callAll(this.#roomy);
    if (!this.pending) this.#emptied = callAll(this.#emptied);
  }

  #hasRoom(): boolean {
    return !this.#line.length && this.#fits(0);
  }

  #fits(size: number): boolean {
    return this.events === 0 || (this.events < this.#eventsMax && this.bytes + size <= this.#bytesMax);
  }

  #add(size: number): void {
    this.events += 1;
    this.bytes += size;
  }

  /** All wait equally long, so the first in line is the first whose time is over. */
  #watch(): void {
    const first = this.#line.peek();
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = Date.now();
        for (let head = this.#line.peek(); head && head.deadline <= now; head = this.#line.peek()) {
          this.#line.shift();
          head.refuse(this.#full(`after ${this.#blockMsMax / 1000} s`));
        }
        this.#tell();
        this.#watch();
      },
      Math.max(1, first.deadline - Date.now()),
    );
  }

  #full(why: string): BufferFull {
    const waiting = `${this.events.toLocaleString('en')} events (${this.bytes.toLocaleString('en')} bytes)`;
    return new BufferFull(
      `${waiting} wait for acknowledgement, no room for another one ${why}: is the broker away or slow? Await what` +
        ' the methods return, or `await producer.room()`; or raise bufferEvents or bufferBytes',
    );
  }
}

function closed(): ProducerClosed {
  return new ProducerClosed('the producer has been disconnected');
}

function callAll(waiting: readonly (() => void)[]): [] {
  for (const call of waiting) call();
  return [];
}
