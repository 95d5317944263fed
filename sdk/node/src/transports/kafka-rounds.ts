/**
 * Queues by partition, and rounds by broker: a round takes what waits for one broker's partitions, a batch each.
 *
 * A broker has one round at a time, and so has a partition. What arrives meanwhile goes together in the next round.
 */

import { Queue } from '../queue.js';
import type { Record } from '../record.js';
import type { Done } from './base.js';

export interface Waiting {
  readonly record: Record;
  readonly done: Done;
  readonly deadline: number;
  /** Nobody has been told its end yet. */
  open: boolean;
}

/** One partition's share of a round: tried again only as it is. */
export interface Batch {
  readonly partition: Partition;
  readonly waiting: readonly Waiting[];
}

export interface Partition {
  readonly topic: string;
  readonly number: number;
  readonly queue: Queue<Waiting>;
  busy: boolean;
}

const BATCH_BYTES = 256 << 10;
const ROUND_BYTES = 4 << 20;
const ROUND_EVENTS = 5_000;

export class Rounds {
  queued = 0;
  queuedBytes = 0;
  readonly #byTopic = new Map<string, Partition[]>();
  readonly #all: Partition[] = [];
  #turn = 0;

  /** Put a record in its partition's queue. */
  push(number: number, waiting: Waiting): void {
    const { topic, value } = waiting.record;
    let partitions = this.#byTopic.get(topic);
    if (partitions === undefined) this.#byTopic.set(topic, (partitions = []));
    let partition = partitions[number];
    if (partition === undefined) {
      partition = partitions[number] = { topic, number, queue: new Queue(), busy: false };
      this.#all.push(partition);
    }
    partition.queue.push(waiting);
    this.queued += 1;
    this.queuedBytes += value.length;
  }

  /** The rounds that can begin: for each broker without one, what waits for its partitions. */
  next(leaderOf: (partition: Partition) => number, busy: ReadonlySet<number>): Map<number, Batch[]> {
    const rounds = new Map<number, Batch[]>();
    const room = new Map<number, { events: number; bytes: number }>();
    this.#turn += 1; // begin elsewhere each time: nobody waits for ever behind busy ones
    for (const partition of this.#ready()) {
      const leader = leaderOf(partition);
      if (busy.has(leader)) continue;
      let left = room.get(leader);
      if (left === undefined) room.set(leader, (left = { events: ROUND_EVENTS, bytes: ROUND_BYTES }));
      const batch = this.#take(partition, left);
      if (batch === undefined) continue;
      const round = rounds.get(leader);
      if (round === undefined) rounds.set(leader, [batch]);
      else round.push(batch);
    }
    return rounds;
  }

  /** Those whose time is over, which are no longer queued then. Each queue is in the order of its deadlines. */
  overdue(now: number): Waiting[] {
    const found: Waiting[] = [];
    for (const { queue } of this.#all) {
      while ((queue.peek()?.deadline ?? Infinity) <= now) found.push(this.#shift(queue));
    }
    return found;
  }

  /** Everything that is queued, which is no longer then. */
  takeAll(): Waiting[] {
    this.queued = this.queuedBytes = 0;
    return this.#all.flatMap(({ queue }) => queue.takeAll());
  }

  #ready(): Partition[] {
    const at = this.#turn % Math.max(1, this.#all.length);
    return [...this.#all.slice(at), ...this.#all.slice(0, at)].filter(({ queue, busy }) => queue.length && !busy);
  }

  #take(partition: Partition, left: { events: number; bytes: number }): Batch | undefined {
    const { queue } = partition;
    const waiting: Waiting[] = [];
    let bytes = 0;
    for (let head = queue.peek(); head !== undefined; head = queue.peek()) {
      const size = head.record.value.length;
      if (waiting.length && bytes + size > BATCH_BYTES) break;
      if (left.events <= 0 || left.bytes <= 0) break;
      bytes += size;
      left.events -= 1;
      left.bytes -= size;
      waiting.push(this.#shift(queue));
    }
    if (!waiting.length) return undefined;
    partition.busy = true;
    return { partition, waiting };
  }

  #shift(queue: Queue<Waiting>): Waiting {
    const waiting = queue.shift()!;
    this.queued -= 1;
    this.queuedBytes -= waiting.record.value.length;
    return waiting;
  }
}
