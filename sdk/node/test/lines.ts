/**
 * Lines of JSON in, lines of JSON out: how the contract vectors, which Python holds, come through this library.
 *
 * `node lines.js kafka|record|judge`: to Kafka (receipts come out), to a recording (records come out), or to validation
 * alone (errors come out). A value `{"$bigint": "…"}` stands for an integer that JSON.parse would round.
 */

import { createInterface } from 'node:readline';

import type { Json } from '../src/contract.js';
import { EventProducer, flow, InvalidEvent, RecordingTransport, type Receipt, type Transport } from '../src/index.js';
import { BY_EVENT_TYPE } from '../src/generated/tables.js';
import { encode } from '../src/json.js';
import { partitionOf } from '../src/partitioner.js';
import { check } from '../src/validation.js';

interface Line {
  /** The method's event, or that of produceCustomEvent where there is a topic. */
  event: Json;
  type: string;
  source: string;
  topic?: string;
  traceparent?: string;
  partitions?: number;
}

const [mode = 'record'] = process.argv.slice(2);
const producers = new Map<string, EventProducer>();
const recording = new RecordingTransport();

function producerOf(source: string): EventProducer {
  let found = producers.get(source);
  if (found === undefined) {
    const transport: Transport | 'kafka' = mode === 'kafka' ? 'kafka' : recording;
    producers.set(source, (found = new EventProducer(source, { transport })));
  }
  return found;
}

function revive(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('$bigint' in value)) return value;
  return BigInt(String(value.$bigint));
}

function produce({ event, type, source, topic, traceparent }: Line): Promise<Receipt> {
  const producer = producerOf(source);
  return flow({ traceparent }, () => {
    if (topic !== undefined) return producer.produceCustomEvent(topic, event);
    const method = producer[`produce${type}` as 'produceSecurityEvent'];
    return method.call(producer, event as never);
  });
}

async function answer(line: Line): Promise<unknown> {
  try {
    if (mode === 'judge') {
      check(BY_EVENT_TYPE.get(line.type)!, line.event);
      return { json: encode(line.type, line.event).toString() };
    }
    const receipt = await produce(line);
    if (mode === 'kafka') return receipt;
    const record = recording.records.pop()!;
    return {
      topic: record.topic,
      key: record.key?.toString('base64') ?? null,
      value: record.value.toString('base64'),
      headers: record.headers.map(([name, value]) => [name, value.toString('base64')]),
      partition: partitionOf(record.spread, line.partitions ?? 1),
    };
  } catch (error) {
    if (error instanceof InvalidEvent) return { refused: error.errors };
    return { failed: String(error) };
  }
}

function write(answered: unknown): void {
  process.stdout.write(`${JSON.stringify(answered)}\n`);
}

async function main(): Promise<void> {
  const waiting: Promise<unknown>[] = [];
  for await (const text of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const given = answer(JSON.parse(text, revive) as Line);
    if (mode === 'kafka') waiting.push(given);
    else write(await given);
  }
  for (const given of waiting) write(await given);
  for (const producer of producers.values()) await producer.disconnect();
}

void main();
