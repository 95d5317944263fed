/**
 * One client of @platformatic/kafka, and what we know of its ways.
 *
 * It numbers the batches of a partition when a request is made and counts them when it is answered. So there must be
 * one request at a time for a partition, and a batch that is tried again must be the same one: then the broker knows
 * it again. Its own retries are off, since they stay with the leader that they began with.
 */

import type { MessageToProduce, Producer, ProduceResult } from '@platformatic/kafka';

import { MissingPackage } from '../errors.js';
import type { Record } from '../record.js';
import type { ClientOptions } from '../settings.js';
import type { Batch } from './kafka-rounds.js';

/** Where a topic's partitions are led: the node's number, by partition; NOBODY where none leads it now. */
export type Leaders = readonly number[];

export const NOBODY = -1;

type Client = Producer<Buffer, Buffer, Buffer, Buffer>;
type Message = MessageToProduce<Buffer, Buffer, Buffer, Buffer>;

const CLOSE_MS = 2_000;
/** It counts a partition's records in a number that Kafka keeps in 31 bits, and does not begin again at zero. */
const RECORDS_MAX = 2 ** 30;
const HEADER_NAMES = new Map<string, Buffer>();

export class KafkaClient {
  #records = 0;
  #spoiled = false;
  #rounds = 0;
  #closed = false;
  readonly #client: Client;
  /** What a socket said last: the client itself tells of a closed connection only. */
  #trouble: Error | undefined;

  constructor(client: Client) {
    this.#client = client;
    client.on('client:broker:connect', ({ connection }) => {
      const socket = connection?.socket;
      socket?.unref(); // what waits keeps the process alive, not an idle connection
      socket?.on('error', (error) => {
        this.#trouble = error;
      });
    });
  }

  /** Whether another client has to take over. */
  get spent(): boolean {
    return this.#spoiled || this.#records > RECORDS_MAX;
  }

  /** Connect, and get the number that makes the client idempotent. */
  async connect(): Promise<void> {
    if (this.#client.producerId === undefined) await this.#explained(this.#client.initIdempotentProducer({}));
  }

  /** Ask anew who leads the topic's partitions. `send` goes by the last answer. */
  async leaders(topic: string): Promise<Leaders> {
    const { topics } = await this.#explained(this.#client.metadata({ topics: [topic], forceUpdate: true }));
    return topics.get(topic)?.partitions.map(({ leader }) => leader) ?? [];
  }

  /**
   * Send and wait. Records of one partition are one batch. The answers name those partitions that took theirs.
   *
   * Numbers and leaders must be there: what the client throws while it fetches them itself, nobody could catch.
   */
  async send(batches: readonly Batch[]): Promise<NonNullable<ProduceResult['offsets']>> {
    const messages: Message[] = [];
    for (const { partition, waiting } of batches) {
      for (const { record } of waiting) messages.push(messageOf(record, partition.number));
    }
    const { offsets } = await this.#explained(this.#client.send({ messages }));
    this.#records += messages.length;
    return offsets ?? [];
  }

  async #explained<T>(asked: Promise<T>): Promise<T> {
    try {
      const answer = await asked;
      this.#trouble = undefined;
      return answer;
    } catch (error) {
      if (error instanceof Error && this.#trouble !== undefined) error.cause ??= this.#trouble;
      throw error;
    }
  }

  /** Its numbers are no longer the broker's: no new round, and closed after those that are under way. */
  spoil(): void {
    this.#spoiled = true;
    if (!this.#rounds) void this.close();
  }

  beginRound(): void {
    this.#rounds += 1;
  }

  endRound(): void {
    this.#rounds -= 1;
    if (this.spent && !this.#rounds) void this.close();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_MS);
      this.#client.close(true, () => resolve());
    });
    clearTimeout(timer);
  }
}

/** Loads the library; each call of what it gives makes a client that connects when it is first used. */
export async function clients(service: string, options: ClientOptions, timeoutMs: number): Promise<() => KafkaClient> {
  let library: typeof import('@platformatic/kafka');
  try {
    library = await import('@platformatic/kafka');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new MissingPackage('sending to Kafka', '@platformatic/kafka');
  }
  return () => {
    const client = new library.Producer<Buffer, Buffer, Buffer, Buffer>({
      ...options,
      clientId: `carbon-stream-producer-${service.replace(/[^\w.-]/g, '_')}`.slice(0, 200),
      idempotent: true, // acks=all comes with it
      compression: 'lz4',
      retries: false,
      repeatOnStaleMetadata: false,
      metadataMaxAge: Number.MAX_SAFE_INTEGER, // it is asked for when it is needed: see `send`
      requestTimeout: Math.min(timeoutMs, 30_000),
      connectTimeout: Math.min(timeoutMs, 10_000),
    });
    return new KafkaClient(client);
  };
}

function messageOf(record: Record, partition: number): Message {
  const headers = new Map<Buffer, Buffer>();
  for (const [name, value] of record.headers) headers.set(headerName(name), value);
  const { topic, value, key } = record;
  return key === null ? { topic, partition, value, headers } : { topic, partition, key, value, headers };
}

function headerName(name: string): Buffer {
  const found = HEADER_NAMES.get(name);
  if (found !== undefined) return found;
  const made = Buffer.from(name);
  if (HEADER_NAMES.size < 256) HEADER_NAMES.set(name, made);
  return made;
}
