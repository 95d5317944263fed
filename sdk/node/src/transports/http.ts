/**
 * By HTTP to POST /v1/events, for services that cannot reach Kafka.
 *
 * One request at a time: what arrives meanwhile goes together in the next one, as lines of NDJSON. A request carries
 * one trace, so a batch ends where the traceparent changes.
 */

import { ConfigurationError, DeliveryFailed, ProducerClosed } from '../errors.js';
import { Pause } from '../pause.js';
import { Queue } from '../queue.js';
import type { Record } from '../record.js';
import type { Done, Log, Opening, Transport } from './base.js';
import { outcomes, retryAfterMs } from './http-reply.js';

/** A credential as it is, or a function that gives one for each request. */
export type Token = string | (() => string | Promise<string>);

export interface HttpOptions {
  /** An API key of the service or a JSON Web Token; CARBON_STREAM_TOKEN where it is not given. */
  readonly token?: Token;
  /** Sent with every request, such as a gateway's key. */
  readonly headers?: { readonly [name: string]: string };
  readonly requestTimeoutMs?: number;
  /** Replaces the built-in fetch: for authorities, client certificates or proxies of your own. */
  readonly fetch?: typeof globalThis.fetch;
}

interface Waiting {
  readonly record: Record;
  readonly done: Done;
  readonly deadline: number;
}

const LINGER_MS = 10;
const BATCH_EVENTS = 500;
const BATCH_BYTES = 2 << 20;
const BACKOFF_MS = [100, 250, 500, 1_000, 2_000, 5_000];
const REQUEST_TIMEOUT_MS = 30_000;
const NEWLINE = Buffer.from('\n');

/** Posts to `url` (the service's, with or without /v1/events); CARBON_STREAM_URL where it is not given. */
export class HttpTransport implements Transport {
  readonly #url: URL;
  readonly #options: HttpOptions;
  readonly #token: Token;
  readonly #queue = new Queue<Waiting>();
  readonly #linger = new Pause();
  readonly #backoff = new Pause();
  readonly #ended = new AbortController();
  #working: readonly Waiting[] = [];
  #running = false;
  #hurry = false;
  #log: Log = console;
  #timeoutMs = 0;
  #agent = '';

  constructor(url?: string, options: HttpOptions = {}) {
    this.#url = addressOf(url ?? process.env['CARBON_STREAM_URL'] ?? '');
    this.#options = options;
    const token = options.token ?? process.env['CARBON_STREAM_TOKEN'] ?? '';
    this.#token = typeof token === 'string' ? checked(token) : token;
  }

  open({ service, log, deliveryTimeoutMs }: Opening): void {
    this.#log = log;
    this.#timeoutMs = deliveryTimeoutMs;
    this.#agent = `carbon-stream-producer (${service.replace(/[^\x20-\x7e]/g, '?')})`;
  }

  send(record: Record, done: Done): void {
    if (this.#ended.signal.aborted) throw new ProducerClosed('the producer has been disconnected');
    this.#queue.push({ record, done, deadline: Date.now() + this.#timeoutMs });
    if (!this.#running) void this.#work();
    else if (this.#queue.length >= BATCH_EVENTS) this.#linger.end();
  }

  flush(): void {
    this.#hurry = this.#queue.length > 0;
    if (this.#hurry) this.#linger.end();
  }

  close(): void {
    this.#ended.abort();
    this.#linger.end();
    this.#backoff.end();
    // A request that hangs is not waited for: whether its events were taken is not known.
    for (const { record, done } of [...this.#working, ...this.#queue.takeAll()]) {
      done(new DeliveryFailed(record.eventId, 'the producer was disconnected before it was answered', true));
    }
  }

  async #work(): Promise<void> {
    this.#running = true;
    while (this.#queue.length && !this.#ended.signal.aborted) {
      if (!this.#hurry && this.#queue.length < BATCH_EVENTS) await this.#linger.wait(LINGER_MS);
      await this.#deliver(this.#next());
    }
    this.#running = false;
  }

  #next(): Waiting[] {
    const batch: Waiting[] = [];
    let size = 0;
    for (let head = this.#queue.peek(); head && batch.length < BATCH_EVENTS; head = this.#queue.peek()) {
      size += head.record.value.length;
      const another = head.record.traceparent !== batch[0]?.record.traceparent;
      if (batch.length && (size > BATCH_BYTES || another)) break;
      batch.push(this.#queue.shift()!);
    }
    this.#hurry &&= this.#queue.length > 0;
    return batch;
  }

  /** Post until every event has its end; what the service wants again is sent again, and nothing else. */
  async #deliver(batch: readonly Waiting[]): Promise<void> {
    this.#working = batch;
    for (let attempt = 0; this.#working.length; attempt += 1) {
      const { found, pauseMs, why } = await this.#post(this.#working.map(({ record }) => record));
      const now = Date.now();
      this.#working = this.#working.filter(({ record, done, deadline }, at) => {
        const outcome = found[at];
        if (outcome !== undefined) done(outcome);
        else if (now >= deadline || this.#ended.signal.aborted) {
          done(new DeliveryFailed(record.eventId, `it was not taken in time: ${why}`, true));
        } else return true;
        return false;
      });
      if (!this.#working.length) return;
      if (attempt === 0) this.#log.warn(`${this.#working.length} events are sent again: ${why}`);
      const backoffMs = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)]! * (0.8 + 0.4 * Math.random());
      const leftMs = Math.max(0, this.#working[0]!.deadline - now);
      await this.#backoff.wait(Math.min(leftMs, Math.max(backoffMs, pauseMs ?? 0)));
    }
  }

  async #post(
    records: readonly Record[],
  ): Promise<{ found: ReturnType<typeof outcomes>; pauseMs?: number; why: string }> {
    const eventIds = records.map(({ eventId }) => eventId);
    const { host } = this.#url;
    const none = eventIds.map(() => undefined);
    let authorization: { [name: string]: string };
    try {
      authorization = await this.#authorization();
    } catch (error) {
      // The application's function; it may do better in a moment. What it says may hold a secret.
      return { found: none, why: `the token function failed (${(error as Error)?.name ?? 'no Error'})` };
    }
    try {
      const response = await this.#request(records, authorization);
      const body = await response.text();
      if (response.status === 401 && typeof this.#token === 'function') {
        // The token may have expired on the way: the function gives a fresh one.
        return { found: none, why: `${host} answered 401` };
      }
      const found = outcomes(response.status, body, eventIds);
      const pauseMs = retryAfterMs(response.headers.get('retry-after'));
      return { found, why: `${host} answered ${response.status}`, ...(pauseMs === undefined ? {} : { pauseMs }) };
    } catch (error) {
      const { message, cause } = error as Error;
      const told = cause instanceof Error ? `${message}: ${cause.message}` : message;
      return { found: none, why: `${host} did not answer (${told})` };
    }
  }

  async #authorization(): Promise<{ [name: string]: string }> {
    const token = typeof this.#token === 'string' ? this.#token : checked(await this.#token());
    return token ? { authorization: `Bearer ${token}` } : {};
  }

  #request(records: readonly Record[], authorization: { [name: string]: string }): Promise<Response> {
    const [first] = records;
    const headers: { [name: string]: string } = {
      ...this.#options.headers,
      ...authorization,
      'content-type': records.length === 1 ? 'application/json' : 'application/x-ndjson',
      'user-agent': this.#agent,
    };
    if (first?.traceparent !== undefined) headers['traceparent'] = first.traceparent;
    const body = Buffer.concat(records.flatMap(({ value }, at) => (at ? [NEWLINE, value] : [value])));
    const inTime = AbortSignal.timeout(this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS);
    const signal = AbortSignal.any([inTime, this.#ended.signal]);
    const post = this.#options.fetch ?? globalThis.fetch;
    return post(this.#url, { method: 'POST', headers, body, signal, redirect: 'manual' });
  }
}

function addressOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || !url.hostname) {
    const told = 'set CARBON_STREAM_URL (or give HttpTransport a url) such as https://gateway/api/carbon-stream';
    throw new ConfigurationError(told);
  }
  url.pathname = `${url.pathname.replace(/\/+$/, '').replace(/\/v1\/events$/, '')}/v1/events`;
  return url;
}

/** A token as it may stand in a header; ConfigurationError, without it, for one that may not. */
function checked(token: string): string {
  if (!/^[\x21-\x7e]*$/.test(token)) {
    throw new ConfigurationError('the token has characters that no token has (a line end at its end, perhaps)');
  }
  return token;
}
