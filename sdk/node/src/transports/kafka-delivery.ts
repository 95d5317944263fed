/**
 * Brings a round's batches to their end: again while it may help, apart where one is refused, halved where too large.
 *
 * A batch is tried again as it is, so that the broker knows it by its number. Where that is given up and the broker may
 * have it all the same, the client is spoiled: its next batch would have the same number, and be taken for a repeat.
 */

import { DeliveryFailed } from '../errors.js';
import { Pause } from '../pause.js';
import { NOBODY, type KafkaClient } from './kafka-client.js';
import { REACH, told, verdictOf } from './kafka-failures.js';
import type { Batch } from './kafka-rounds.js';

const BACKOFF_MS = [20, 50, 100, 250, 500, 1_000];

export interface Telling {
  /** A batch failed and will be tried again. */
  again(error: unknown, events: number): void;
  /** Who leads a topic, asked for the client after a failure. */
  refresh(client: KafkaClient, topic: string): Promise<readonly number[]>;
}

export class RoundDelivery {
  readonly batches: readonly Batch[];
  readonly #client: KafkaClient;
  readonly #telling: Telling;
  readonly #pause = new Pause();
  readonly #gone: Promise<'gone'>;
  #giveUp!: () => void;
  #over = false;
  /** What was said last, for those who are not waited for any longer. */
  why = `no acknowledgement in time; ${REACH}`;

  constructor(client: KafkaClient, batches: readonly Batch[], telling: Telling) {
    this.#client = client;
    this.batches = batches;
    this.#telling = telling;
    this.#gone = new Promise((resolve) => {
      this.#giveUp = () => resolve('gone');
    });
  }

  async run(): Promise<void> {
    this.#client.beginRound();
    try {
      await this.#deliver(this.batches);
    } finally {
      this.#client.endRound();
    }
  }

  /** Fails those whose time is over; gives up when nobody waits any longer. */
  expire(now: number): void {
    let waits = false;
    for (const { waiting } of this.batches) {
      for (const one of waiting) {
        if (one.open && one.deadline <= now) one.done(new DeliveryFailed(one.record.eventId, this.#reason(), true));
        waits ||= one.open;
      }
    }
    if (!waits) this.abandon();
  }

  /** Nobody waits any longer. */
  abandon(): void {
    this.#over = true;
    this.#giveUp();
    this.#pause.end();
  }

  #reason(): string {
    return `Kafka did not take it: ${this.why}`;
  }

  async #deliver(batches: readonly Batch[]): Promise<void> {
    let left = batches;
    for (let attempt = 0; left.length; attempt += 1) {
      try {
        const answered = await Promise.race([this.#send(left, attempt), this.#gone]);
        if (answered === 'gone') break;
        left = settle(left, answered);
        if (!left.length) return;
        throw new Error('the answer does not name all partitions');
      } catch (error) {
        left = settle(left, producedOf(error));
        this.why = told(error);
        const verdict = verdictOf(error);
        if (verdict !== 'again') {
          await this.#part(left, verdict);
          return;
        }
        if (this.#over) break;
        this.#telling.again(
          error,
          left.reduce((sum, { waiting }) => sum + waiting.length, 0),
        );
        await this.#pause.wait(BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)]! * (0.8 + 0.4 * Math.random()));
        if (this.#over) break;
      }
    }
    if (left.length) this.#client.spoil();
  }

  async #send(batches: readonly Batch[], attempt: number): Promise<Answer> {
    await this.#client.connect();
    if (attempt) await this.#refresh(batches);
    return this.#client.send(batches);
  }

  /** What was refused in company is tried alone; what is too large, in halves; the rest has its end. */
  async #part(batches: readonly Batch[], verdict: 'refused' | 'split' | 'spoiled'): Promise<void> {
    if (verdict === 'spoiled') {
      this.#client.spoil();
      for (const batch of batches) this.#fail(batch, true);
      return;
    }
    const [only] = batches;
    if (batches.length > 1) {
      for (const batch of batches) await this.#deliver([batch]);
    } else if (only !== undefined && verdict === 'split' && only.waiting.length > 1) {
      const half = only.waiting.length >> 1;
      await this.#deliver([{ ...only, waiting: only.waiting.slice(0, half) }]);
      await this.#deliver([{ ...only, waiting: only.waiting.slice(half) }]);
    } else if (only !== undefined) {
      this.#fail(only, false);
    }
  }

  #fail({ waiting }: Batch, retriable: boolean): void {
    for (const { record, done } of waiting) done(new DeliveryFailed(record.eventId, this.#reason(), retriable));
  }

  async #refresh(batches: readonly Batch[]): Promise<void> {
    for (const topic of new Set(batches.map(({ partition }) => partition.topic))) {
      const leaders = await this.#telling.refresh(this.#client, topic);
      const without = batches.find(
        ({ partition }) => partition.topic === topic && isLeaderless(leaders, partition.number),
      );
      if (without !== undefined) throw new Error(`partition ${without.partition.number} of ${topic} has no leader now`);
    }
  }
}

type Answer = Awaited<ReturnType<KafkaClient['send']>>;

function isLeaderless(leaders: readonly number[], number: number): boolean {
  return (leaders[number] ?? NOBODY) === NOBODY;
}

/** Tells those whose partitions took them; gives back the rest. */
function settle(batches: readonly Batch[], answer: Answer): readonly Batch[] {
  return batches.filter(({ partition: { topic, number }, waiting }) => {
    const found = answer.find((one) => one.topic === topic && one.partition === number);
    if (found === undefined) return true;
    const base = Number(found.offset);
    waiting.forEach(({ record: { eventId }, done }, at) => {
      done({ eventId, status: 'accepted', topic, partition: number, offset: base + at });
    });
    return false;
  });
}

/** The partitions that took their batch although others did not. */
function producedOf(error: unknown): Answer {
  const { produced } = error as { produced?: { offsets?: Answer } };
  return produced?.offsets ?? [];
}
