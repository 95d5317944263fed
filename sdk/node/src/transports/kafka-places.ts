/** Which partitions a topic has and who leads them, as far as it is known; what waits until it is. */

import { Queue } from '../queue.js';
import { NOBODY, type Leaders } from './kafka-client.js';
import type { Waiting } from './kafka-rounds.js';

const AGE_MS = 60_000;
const LEADERLESS_AGE_MS = 500;

interface Place {
  readonly leaders: Leaders;
  readonly at: number;
}

export class Places {
  readonly #unplaced = new Map<string, Queue<Waiting>>();
  readonly #known = new Map<string, Place>();
  readonly #asked = new Set<string>();

  /** The leaders by partition; undefined while they are not known. */
  leaders(topic: string): Leaders | undefined {
    return this.#known.get(topic)?.leaders;
  }

  /** Whether somebody should ask now: true once, until `told` or `failed`. */
  shouldAsk(topic: string): boolean {
    const place = this.#known.get(topic);
    const age = place?.leaders.includes(NOBODY) ? LEADERLESS_AGE_MS : AGE_MS;
    if (this.#asked.has(topic) || (place !== undefined && Date.now() - place.at < age)) return false;
    this.#asked.add(topic);
    return true;
  }

  /** The answer. */
  told(topic: string, leaders: Leaders): void {
    this.#asked.delete(topic);
    this.#known.set(topic, { leaders, at: Date.now() });
  }

  /** No answer: somebody else may ask. */
  failed(topic: string): void {
    this.#asked.delete(topic);
  }

  /** The topics of which some partition has no leader. */
  leaderless(): string[] {
    return [...this.#known].filter(([, { leaders }]) => leaders.includes(NOBODY)).map(([topic]) => topic);
  }

  /** Keep a record until its topic's partitions are known. */
  keep(topic: string, waiting: Waiting): void {
    let queue = this.#unplaced.get(topic);
    if (queue === undefined) this.#unplaced.set(topic, (queue = new Queue()));
    queue.push(waiting);
  }

  /** Whether a record is kept for this topic. */
  waits(topic: string): boolean {
    return Boolean(this.#unplaced.get(topic)?.length);
  }

  /** What was kept for a topic, which is no longer then. */
  release(topic: string): Waiting[] {
    return this.#unplaced.get(topic)?.takeAll() ?? [];
  }

  releaseAll(): Waiting[] {
    return [...this.#unplaced.keys()].flatMap((topic) => this.release(topic));
  }

  /** Those whose time is over, which are no longer kept then. */
  overdue(now: number): Waiting[] {
    const found: Waiting[] = [];
    for (const queue of this.#unplaced.values()) {
      while ((queue.peek()?.deadline ?? Infinity) <= now) found.push(queue.shift()!);
    }
    return found;
  }
}
