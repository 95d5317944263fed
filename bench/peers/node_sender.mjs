// Sends API calls from one process of Node.js: by the producer library, or by the bare client as a service would use it.

import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import { EventProducer, KafkaSettings, KafkaTransport } from '../../sdk/node/dist/index.mjs';

const { Producer } = await import(
  createRequire(new URL('../../sdk/node/package.json', import.meta.url)).resolve('@platformatic/kafka')
);

const TOPIC = 'audit-api-calls';
const BATCH = 2_000; // the bare client is fastest with about so many in a call
const told = JSON.parse(process.argv[2]);
const input = createInterface({ input: process.stdin });

function say(document) {
  process.stdout.write(`${JSON.stringify(document)}\n`);
}

/** API calls of 12 services and 500 users; the same seed gives the same. */
function apiCalls(count, seed) {
  let state = seed + 1;
  const below = (most) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state % most;
  };
  return Array.from({ length: count }, (_, number) => ({
    service: `service-${below(12)}`,
    endpoint: `/api/v1/resources/${below(100)}`,
    method: ['GET', 'POST', 'PUT'][below(3)],
    statusCode: [200, 200, 200, 403, 503][below(5)],
    latencyMs: below(1_000_000) / 1_000,
    requestSizeBytes: 100 + below(4_000),
    responseSizeBytes: 100 + below(60_000),
    userId: `user-${number % 500}`,
    ipAddress: `10.20.${below(8)}.${below(250)}`,
  }));
}

let began;

/** All is prepared: wait for the word, then start the clock. */
async function begin() {
  say({ ready: true });
  await new Promise((resolve) => input.once('line', resolve));
  began = [performance.now(), process.cpuUsage()];
}

async function library(calls) {
  const transport = new KafkaTransport({ settings: new KafkaSettings({ bootstrapServers: told.servers }) });
  const producer = new EventProducer('kong', { transport });
  await producer.produceAuditAPICallEvent(calls[0]);
  await begin();
  for (let at = 0; at < calls.length; at += 1) {
    void producer.produceAuditAPICallEvent(calls[at]);
    if (at % 500 === 0) {
      await producer.room();
      await new Promise(setImmediate);
    }
  }
  await producer.disconnect(60_000);
  if (producer.stats().delivered !== calls.length + 1) throw new Error(JSON.stringify(producer.stats()));
}

const bytes = (text) => Buffer.from(text);
const NAMES = ['ce_id', 'ce_type', 'ce_source', 'ce_specversion', 'content-type', 'ce_time'].map(bytes);
const FIXED = ['AuditAPICallEvent', 'kong', '1.0', 'application/json'].map(bytes);

/** The same envelope, JSON and headers, unchecked. */
function made(call) {
  const eventId = randomUUID();
  const timestamp = Date.now();
  const event = { eventId, eventType: 'AuditAPICallEvent', timestamp, source: 'kong', version: '1.0.0', correlationId: eventId, ...call };
  const values = [bytes(eventId), ...FIXED, bytes(new Date(timestamp).toISOString())];
  return {
    topic: TOPIC,
    key: bytes(call.service),
    value: bytes(JSON.stringify(event)),
    headers: new Map(NAMES.map((name, at) => [name, values[at]])),
  };
}

async function bare() {
  const options = { idempotent: true, compression: 'lz4', retries: 10, retryDelay: 200 };
  const client = new Producer({ clientId: 'bare', bootstrapBrokers: told.servers.split(','), ...options });
  await client.send({ messages: [{ topic: TOPIC, key: bytes('first'), value: bytes('{}') }] });
  return client;
}

/** The next batch is made while the last is on its way. */
async function byHand(calls) {
  const client = await bare();
  await begin();
  let sent = Promise.resolve();
  for (let at = 0; at < calls.length; at += BATCH) {
    const messages = calls.slice(at, at + BATCH).map(made);
    await sent;
    sent = client.send({ messages });
  }
  await sent;
  await client.close();
}

/** Bytes that were made before the clock started: what no library that makes events can reach. */
async function prepared(calls) {
  const client = await bare();
  const ready = calls.map((call) => ({ topic: TOPIC, key: bytes(call.service), value: bytes(JSON.stringify(call)) }));
  await begin();
  for (let at = 0; at < ready.length; at += BATCH) await client.send({ messages: ready.slice(at, at + BATCH) });
  await client.close();
}

const calls = apiCalls(told.count, told.seed);
await { library, by_hand: byHand, prepared }[told.contender](calls);
const used = process.cpuUsage(began[1]);
say({ count: calls.length, wall_s: (performance.now() - began[0]) / 1_000, cpu_s: (used.user + used.system) / 1e6 });
process.exit(0);
