/** EventProducer: a method for each event type, over whichever transport. */

import { Buffer, RECORD_OVERHEAD } from './buffer.js';
import type { EventType, Json } from './contract.js';
import { Delivery, type OnDelivery, type Outcome, type ProduceOptions, type Receipt } from './delivery.js';
import { forget, remember, type Endable } from './ending.js';
import { DeliveryFailed, InvalidEvent, ProducerClosed, type ProducerError } from './errors.js';
import { EventMethods } from './generated/methods.js';
import { Preparer, type Traceparent } from './prepare.js';
import type { Record } from './record.js';
import { serviceName } from './settings.js';
import type { Done, Log, Transport } from './transports/base.js';
import { transportOf, type TransportName } from './transports/choice.js';

export interface ProducerOptions {
  /** 'kafka', 'http', 'console', 'noop', or an object; CARBON_STREAM_TRANSPORT, else 'kafka'. */
  readonly transport?: Transport | TransportName | undefined;
  /** How long an event may wait for room in the buffer; 0 fails at once with BufferFull. Default 60,000. */
  readonly maxBlockMs?: number | undefined;
  /** How many events may wait for acknowledgement. Default 100,000. */
  readonly bufferEvents?: number | undefined;
  /** How many bytes may. Default 64 MiB. */
  readonly bufferBytes?: number | undefined;
  /** How long delivery is tried. Default 120,000. */
  readonly deliveryTimeoutMs?: number | undefined;
  /** Asked for the calling context's W3C traceparent where `flow` has none. */
  readonly traceparent?: Traceparent | undefined;
  /** Where warnings and errors go. Default: console. */
  readonly logger?: Log | undefined;
  /** Deliver what waits before a SIGTERM ends the process, where nobody else handles it. Default true. */
  readonly flushOnSigterm?: boolean | undefined;
}

/** Counts since the producer was made; `pending` and `pendingBytes` are what is on its way now. */
export interface Stats {
  readonly delivered: number;
  readonly failed: number;
  /** Events that did not keep their contract. */
  readonly refused: number;
  readonly pending: number;
  readonly pendingBytes: number;
}

export interface CustomOptions extends ProduceOptions {
  /** The record's key, on a topic of yours; on the twelve it is the catalog's. */
  readonly key?: string | undefined;
}

const COMPLAINT_MS = 10_000;
const CLOSE_MS = 30_000;

/** Sends one service's events; `service` is their `source`, SERVICE_NAME where it is not given. */
export class EventProducer extends EventMethods implements Endable {
  readonly service: string;
  readonly transport: Transport;
  readonly #log: Log;
  readonly #preparer: Preparer;
  readonly #buffer: Buffer;
  readonly #deliveryTimeoutMs: number;
  #opening: Promise<void> | undefined;
  #opened = false;
  /** A signal ends the process: see `ending`. */
  #finishing = false;
  /** What was produced before the transport was open. */
  readonly #early: (readonly [Record, Done])[] = [];
  #closing: Promise<void> | undefined;
  #delivered = 0;
  #failed = 0;
  #refused = 0;
  #complainedAt = -Infinity;

  constructor(service?: string, options: ProducerOptions = {}) {
    super();
    this.service = serviceName(service);
    this.#log = options.logger ?? console;
    this.#preparer = new Preparer(this.service, options.traceparent);
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? 120_000;
    this.transport = transportOf(options.transport);
    const { bufferEvents = 100_000, bufferBytes = 64 << 20, maxBlockMs = 60_000 } = options;
    this.#buffer = new Buffer(bufferEvents, bufferBytes, maxBlockMs);
    remember(this, options.flushOnSigterm ?? true);
  }

  /**
   * Gets ready and reaches the server; the first event does it as well. Rejects with ConfigurationError for what
   * cannot work, such as a password that is wrong. A server that is away is waited for by the events.
   */
  async connect(): Promise<void> {
    if (this.closed) throw new ProducerClosed('the producer has been disconnected');
    await this.#open();
    await this.transport.connect?.();
  }

  /** Sends an event given by its JSON names: on one of the twelve topics, or on any other topic of yours. */
  produceCustomEvent(topic: string, event: Json, options: CustomOptions = {}): Promise<Receipt> {
    return this.#produce(() => this.#preparer.custom(topic, event, options.key), options.onDelivery);
  }

  /** Settled as soon as the next event would not have to wait for room: for loops that do not await each event. */
  room(): Promise<void> {
    return this.#finishing ? forEver() : this.#buffer.room();
  }

  /** Send what waits now, and wait until all is delivered; how many events are not, when the time is over. */
  async flush(timeoutMs?: number): Promise<number> {
    if (this.#opened) this.transport.flush();
    return this.#buffer.drain(timeoutMs);
  }

  /** Deliver what waits, for at most so long, then end; what is left fails, and is logged. */
  async disconnect(timeoutMs = CLOSE_MS): Promise<void> {
    this.#buffer.close();
    this.#closing ??= this.#close(timeoutMs);
    await this.#closing;
  }

  /** The same as `disconnect`, by the name that it has in Python and in older libraries. */
  async close(timeoutMs = CLOSE_MS): Promise<void> {
    await this.disconnect(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  /** Whether it takes no more events. */
  get closed(): boolean {
    return this.#buffer.closed;
  }

  get pending(): number {
    return this.#buffer.pending;
  }

  /** What has become of the events so far. */
  stats(): Stats {
    return {
      delivered: this.#delivered,
      failed: this.#failed,
      refused: this.#refused,
      pending: this.#buffer.pending,
      pendingBytes: this.#buffer.bytes,
    };
  }

  async finish(timeoutMs: number): Promise<void> {
    this.#finishing = true;
    await this.disconnect(timeoutMs);
  }

  tellLoss(): void {
    const told = 'were not delivered: the process ended before `await producer.disconnect()`';
    this.#log.error(`${this.pending} events of ${this.service} ${told}`);
  }

  protected override send(kind: EventType, event: object, options?: ProduceOptions): Promise<Receipt> {
    return this.#produce(() => this.#preparer.typed(kind, event as Json), options?.onDelivery);
  }

  /** What is wrong with the call is thrown; what becomes of the event is the promise. */
  #produce(prepare: () => Record, onDelivery: OnDelivery | undefined): Promise<Receipt> {
    if (this.#finishing) return forEver();
    if (this.closed) throw new ProducerClosed('the producer has been disconnected');
    let record: Record;
    try {
      record = prepare();
    } catch (error) {
      if (error instanceof InvalidEvent) this.#refused += 1;
      throw error;
    }
    const size = record.value.length + RECORD_OVERHEAD;
    const delivery = new Delivery(record.eventId);
    this.#buffer.take(
      size,
      () => this.#hand(record, (outcome) => this.#end(delivery, outcome, onDelivery) && this.#buffer.give(size)),
      (error) => void this.#end(delivery, error, onDelivery),
    );
    return delivery.promise;
  }

  /** The first word counts, and is counted; false for a later one. */
  #end(delivery: Delivery, outcome: Outcome, onDelivery: OnDelivery | undefined): boolean {
    if (!delivery.settle(outcome)) return false;
    this.#count(outcome);
    if (onDelivery !== undefined) {
      try {
        if (outcome instanceof Error) onDelivery(outcome);
        else onDelivery(null, outcome);
      } catch (error) {
        const told = (error as Error).stack ?? String(error);
        this.#log.error(`the callback for event ${delivery.eventId} failed: ${told}`);
      }
    }
    return true;
  }

  #count(outcome: Outcome): void {
    if (!(outcome instanceof Error)) {
      this.#delivered += 1;
      return;
    }
    this.#failed += 1;
    const now = Date.now();
    if (now - this.#complainedAt < COMPLAINT_MS) return;
    this.#complainedAt = now;
    this.#log.error(`${outcome.message} (${this.#failed} have failed so far)`);
  }

  #hand(record: Record, done: Done): void {
    if (this.#opened) {
      this.#pass(record, done);
      return;
    }
    this.#early.push([record, done]);
    this.#open().catch(() => undefined); // what waits hears of it
  }

  #pass(record: Record, done: Done): void {
    try {
      this.transport.send(record, done);
    } catch (error) {
      done(new DeliveryFailed(record.eventId, `it was not taken: ${(error as Error).message}`, true));
    }
  }

  async #open(): Promise<void> {
    this.#opening ??= this.#openTransport();
    try {
      await this.#opening;
    } catch (error) {
      for (const [, done] of this.#early.splice(0)) done(error as ProducerError);
      throw error;
    }
  }

  async #openTransport(): Promise<void> {
    const { service } = this;
    await this.transport.open({ service, log: this.#log, deliveryTimeoutMs: this.#deliveryTimeoutMs });
    this.#opened = true;
    for (const [record, done] of this.#early.splice(0)) this.#pass(record, done);
  }

  async #close(timeoutMs: number): Promise<void> {
    try {
      const left = await this.flush(timeoutMs);
      if (left) this.#log.error(`${left} events of ${this.service} could not be delivered before the end`);
      this.#buffer.refuseLine();
      if (this.#opening !== undefined) {
        await this.#opening.catch(() => undefined);
        await this.transport.close();
      }
    } finally {
      forget(this);
    }
  }
}

function forEver(): Promise<never> {
  return new Promise(() => undefined);
}
