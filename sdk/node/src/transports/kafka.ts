/** Straight to Kafka, by @platformatic/kafka: idempotent, acks=all, lz4, murmur2. */

import { ConfigurationError, DeliveryFailed, ProducerClosed } from '../errors.js';
import { partitionOf } from '../partitioner.js';
import type { Record } from '../record.js';
import { KafkaSettings } from '../settings.js';
import type { Done, Opening, Transport } from './base.js';
import { clients, NOBODY, type KafkaClient, type Leaders } from './kafka-client.js';
import { RoundDelivery, type Telling } from './kafka-delivery.js';
import { isHopeless, told } from './kafka-failures.js';
import { Places } from './kafka-places.js';
import { Rounds, type Batch, type Partition, type Waiting } from './kafka-rounds.js';

export interface KafkaOptions {
  /** Where the brokers are; from the environment where it is not given. */
  readonly settings?: KafkaSettings | undefined;
  /** How long the first event of a batch waits for others. Default 10. */
  readonly lingerMs?: number | undefined;
}

const LINGER_MS = 10;
const AT_ONCE_EVENTS = 2_000;
const AT_ONCE_BYTES = 1 << 20;
const TICK_MS = 250;
const ASK_AGAIN_MS = 250;
const CONNECT_ATTEMPTS = 5;
/** A broker that has just started, or a leader that has just moved, is no news. */
const PATIENCE_MS = 2_000;
const COMPLAINT_MS = 10_000;

export class KafkaTransport implements Transport {
  readonly #settings: KafkaSettings;
  readonly #lingerMs: number;
  readonly #rounds = new Rounds();
  readonly #places = new Places();
  /** By the leader's number. */
  readonly #underway = new Map<number, RoundDelivery>();
  #opening!: Opening;
  #make!: () => KafkaClient;
  #current: KafkaClient | undefined;
  #pending = 0;
  #linger: NodeJS.Timeout | undefined;
  #tick: NodeJS.Timeout | undefined;
  #closed = false;
  #complainedAt = -Infinity;
  /** Since when nothing has succeeded. */
  #troubleAt: number | undefined;
  #why = 'no broker has answered; is KAFKA_BOOTSTRAP_SERVERS right, and does a broker answer?';

  constructor({ settings, lingerMs }: KafkaOptions = {}) {
    this.#settings = settings ?? KafkaSettings.fromEnvironment();
    this.#lingerMs = lingerMs ?? LINGER_MS;
  }

  async open(opening: Opening): Promise<void> {
    this.#opening = opening;
    this.#make = await clients(opening.service, this.#settings.forClient(), opening.deliveryTimeoutMs);
  }

  async connect(): Promise<void> {
    for (let attempt = 1; !this.#closed; attempt += 1) {
      try {
        await this.#client().connect();
        return;
      } catch (error) {
        if (isHopeless(error)) throw new ConfigurationError(`Kafka does not let us in: ${told(error)}`);
        if (attempt === CONNECT_ATTEMPTS) {
          this.#opening.log.warn(`Kafka: ${told(error)}: events will wait for it`);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
    }
  }

  send(record: Record, done: Done): void {
    if (this.#closed) throw new ProducerClosed('the producer has been disconnected');
    const waiting: Waiting = {
      record,
      deadline: Date.now() + this.#opening.deliveryTimeoutMs,
      open: true,
      done: (outcome) => {
        if (!waiting.open) return;
        waiting.open = false;
        this.#pending -= 1;
        if (!this.#pending) this.#rest();
        done(outcome);
      },
    };
    this.#pending += 1;
    this.#tick ??= setInterval(() => this.#look(), Math.min(TICK_MS, this.#opening.deliveryTimeoutMs / 4));
    const leaders = this.#places.leaders(record.topic);
    if (leaders === undefined) this.#places.keep(record.topic, waiting);
    else this.#place(leaders, waiting);
    if (this.#places.shouldAsk(record.topic)) void this.#ask(record.topic);
  }

  flush(): void {
    this.#pump();
  }

  async close(): Promise<void> {
    this.#closed = true;
    const underway = [...this.#underway.values()];
    const sent = underway.flatMap(({ batches }) => batches.flatMap(({ waiting }) => waiting));
    for (const { record, done } of [...this.#places.releaseAll(), ...this.#rounds.takeAll(), ...sent]) {
      done(new DeliveryFailed(record.eventId, `the producer was disconnected before it was acknowledged`, true));
    }
    for (const delivery of underway) delivery.abandon();
    this.#rest();
    await this.#current?.close();
  }

  /** A client whose numbers are the broker's: another one after it was spoiled. */
  #client(): KafkaClient {
    if (this.#current === undefined || this.#current.spent) this.#current = this.#make();
    return this.#current;
  }

  #place(leaders: Leaders, waiting: Waiting): void {
    this.#rounds.push(partitionOf(waiting.record.spread, leaders.length), waiting);
    if (this.#rounds.queued >= AT_ONCE_EVENTS || this.#rounds.queuedBytes >= AT_ONCE_BYTES) this.#pump();
    else this.#linger ??= setTimeout(() => this.#pump(), this.#lingerMs);
  }

  #pump(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const leaderOf = ({ topic, number }: Partition): number => this.#places.leaders(topic)?.[number] ?? NOBODY;
    const busy = new Set([...this.#underway.keys(), NOBODY]);
    for (const [leader, batches] of this.#rounds.next(leaderOf, busy)) void this.#run(leader, batches);
  }

  async #run(leader: number, batches: readonly Batch[]): Promise<void> {
    const telling: Telling = {
      again: (error, events) => this.#complain(error, `${events} events are sent again`),
      refresh: (client, topic) => this.#leaders(client, topic),
    };
    const delivery = new RoundDelivery(this.#client(), batches, telling);
    this.#underway.set(leader, delivery);
    try {
      await delivery.run();
      this.#troubleAt = undefined;
    } finally {
      this.#underway.delete(leader);
      for (const { partition } of batches) partition.busy = false;
      if (this.#rounds.queued && !this.#closed) this.#pump();
    }
  }

  /** Until it is known who leads the topic, or nobody waits for that any longer. */
  async #ask(topic: string): Promise<void> {
    do {
      try {
        const leaders = await this.#leaders(this.#client(), topic);
        this.#troubleAt = undefined;
        for (const waiting of this.#places.release(topic)) this.#place(leaders, waiting);
        return;
      } catch (error) {
        this.#complain(error, `the partitions of ${topic} are not known`);
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
      }
    } while (this.#places.waits(topic) && !this.#closed);
    this.#places.failed(topic);
  }

  async #leaders(client: KafkaClient, topic: string): Promise<Leaders> {
    const leaders = await client.leaders(topic);
    if (!leaders.length) throw new Error(`Unknown topic ${topic}`);
    this.#places.told(topic, leaders);
    return leaders;
  }

  /** Now and then: whose time is over, and who leads what nobody led. */
  #look(): void {
    const now = Date.now();
    for (const { record, done } of [...this.#places.overdue(now), ...this.#rounds.overdue(now)]) {
      done(new DeliveryFailed(record.eventId, `Kafka did not take it in time: ${this.#why}`, true));
    }
    for (const delivery of this.#underway.values()) delivery.expire(now);
    for (const topic of this.#places.leaderless()) if (this.#places.shouldAsk(topic)) void this.#ask(topic);
    if (this.#rounds.queued) this.#pump();
  }

  /** Nothing waits: nothing keeps the process alive. */
  #rest(): void {
    clearInterval(this.#tick);
    clearTimeout(this.#linger);
    this.#tick = this.#linger = undefined;
  }

  #complain(error: unknown, what: string): void {
    this.#why = told(error);
    const now = Date.now();
    this.#troubleAt ??= now;
    if (now - this.#troubleAt < PATIENCE_MS || now - this.#complainedAt < COMPLAINT_MS) return;
    this.#complainedAt = now;
    this.#opening.log.warn(`Kafka: ${this.#why}: ${what}`);
  }
}
