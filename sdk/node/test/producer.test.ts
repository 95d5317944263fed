/** What a producer does, whatever carries its events. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  BufferFull,
  causedBy,
  ConfigurationError,
  ConsoleTransport,
  currentFlow,
  DeliveryFailed,
  EventProducer,
  flow,
  getEventProducer,
  InvalidEvent,
  ProducerClosed,
  RecordingTransport,
  type Json,
  type ProducerError,
  type Receipt,
} from '../src/index.js';
import { HEALTH, Held, Lines, TRACE, turn } from './held.js';

function recorded(options: object = {}): [EventProducer, RecordingTransport] {
  const recording = new RecordingTransport();
  return [new EventProducer('svc', { transport: recording, ...options }), recording];
}

function refusal(work: () => unknown): InvalidEvent {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof InvalidEvent, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'it was taken' });
}

test('the envelope is filled in', async () => {
  const [producer, recording] = recorded();
  const before = Date.now();
  const receipt = await producer.produceServiceHealthEvent({ ...HEALTH, message: null, extra: { zone: 'a' } });
  const [event] = recording.events as [Json];
  assert.equal(receipt.eventId, event['eventId']);
  assert.equal(event['correlationId'], event['eventId']);
  assert.ok((event['timestamp'] as number) >= before && (event['timestamp'] as number) <= Date.now());
  assert.deepEqual([event['source'], event['version'], event['zone']], ['svc', '1.0.0', 'a']);
  assert.ok(!('message' in event) && !('causationId' in event));
  await producer.disconnect();
});

test('a deployment has its own version, which is never filled in', async () => {
  const [producer, recording] = recorded();
  const deployment = { deploymentName: 'd', namespace: 'n', action: 'SCALE', replicas: 2, deployedBy: 'me' } as const;
  await producer.produceDeploymentEvent({ ...deployment, version: '2.1' });
  assert.equal(recording.events[0]?.['version'], '2.1');
  const error = refusal(() => producer.produceDeploymentEvent(deployment as never));
  assert.deepEqual(
    error.errors.map(({ pointer, type }) => [pointer, type]),
    [['/version', 'missing']],
  );
  await producer.disconnect();
});

test('what the contract does not name is carried, beside its fields or in extra', async () => {
  const [producer, recording] = recorded();
  await producer.produceServiceHealthEvent({
    ...HEALTH,
    zone: 'a',
    ['__proto__']: 1,
    extra: { extra: { deep: [1n, 2.5] } },
  } as never);
  const text = recording.records[0]?.value.toString() ?? '';
  assert.match(text, /"errorRate":0,"zone":"a","__proto__":1,"extra":\{"deep":\[1,2\.5\]\}\}$/);
  await producer.disconnect();
});

const REFUSED: readonly (readonly [object, string, string])[] = [
  [{ latencyMs: '12' }, '/latencyMs', 'latencyMs (/latencyMs) must be a number, not the string "12"'],
  [{ healthStatus: 'healthy' }, '/healthStatus', 'did you mean HEALTHY?'],
  [{ healthStatus: 'DEGRADE' }, '/healthStatus', 'did you mean DEGRADED?'],
  [{ serviceName: undefined }, '/serviceName', 'is required: pass it'],
  [{ timestamp: 1_764_000_000 }, '/timestamp', 'multiply by 1000'],
  [{ timestamp: new Date(NaN) }, '/timestamp', 'must be an integer'],
  [{ errorRate: NaN }, '/errorRate', 'finite'],
  [{ latency_ms: 3 }, '/latency_ms', 'did you mean latencyMs?'],
  [{ source: 'another' }, '/source', 'get a producer of the other service'],
  [{ context: {} }, '/context', 'leave it out'],
  [{ extra: { latencyMs: 3 } }, '/latencyMs', 'not in extra'],
  [{ extra: 7 }, '/extra', 'plain object'],
  [{ extra: { at: new Map() } }, '/at', 'it is a Map'],
  [{ extra: { at: () => 1 } }, '/at', 'of type function'],
  [{ extra: { at: [undefined] } }, '/at/0', 'of type undefined'],
  [{ extra: { at: new Date(NaN) } }, '/at', 'invalid Date'],
  [{ extra: { deep: [Infinity] } }, '/deep/0', 'finite'],
  [{ extra: { big: 2n ** 64n } }, '/big', 'send it as a string'],
  [{ extra: { half: '\ud83d' } }, '/half', 'surrogate'],
  [{ message: 'x'.repeat(65_537) }, '/message', 'shorten it'],
  [{ message: '🔋'.repeat(65_537) }, '/message', 'shorten it'],
];

for (const [wrong, pointer, words] of REFUSED) {
  test(`a refusal names the field and the fix: ${pointer} ${words}`, async () => {
    const [producer] = recorded();
    const error = refusal(() => producer.produceServiceHealthEvent({ ...HEALTH, ...wrong } as never));
    assert.deepEqual(
      error.errors.map((found) => found.pointer),
      [pointer],
    );
    assert.ok(error.message.includes(words), error.message);
    assert.deepEqual([producer.stats().refused, producer.stats().pending], [1, 0]);
    await producer.disconnect();
  });
}

test('a cycle is refused like anything that nests too deep', () => {
  const [producer] = recorded();
  const loop: Json = {};
  loop['loop'] = loop;
  assert.equal(
    refusal(() => producer.produceServiceHealthEvent({ ...HEALTH, extra: loop })).errors[0]?.type,
    'too-deep',
  );
});

test('characters are counted as Unicode does, and dates are text', async () => {
  const [producer, recording] = recorded();
  await producer.produceServiceHealthEvent({ ...HEALTH, message: '🔋'.repeat(65_536), timestamp: new Date(1e12) });
  await producer.produceConfigChangeEvent({ component: 'c', key: 'k', newValue: { at: new Date(0), gone: undefined } });
  assert.equal(recording.events[0]?.['timestamp'], 1e12);
  assert.deepEqual(recording.events[1]?.['newValue'], { at: '1970-01-01T00:00:00.000Z' });
  await producer.disconnect();
});

test("flow, cause and trace come from the caller's context", async () => {
  const [producer, recording] = recorded();
  const send = () => producer.produceServiceHealthEvent(HEALTH);
  await flow({ correlationId: 'c-1', traceparent: TRACE }, async () => {
    await send();
    await turn();
    await causedBy({ eventId: 'e-0', correlationId: 'c-0' }, () => Promise.resolve().then(send));
    assert.equal(currentFlow().causationId, undefined);
  });
  await flow({ traceparent: TRACE }, send);
  await flow({ traceparent: '00-not-valid-01' }, send);
  await flow({ traceparent: TRACE.replace('00-', 'cc-') + '-more' }, send);
  await send();
  const told = recording.events.map((event) => [event['correlationId'], event['causationId']]);
  const ids = recording.events.map((event) => event['eventId']);
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  assert.deepEqual(told, [
    ['c-1', undefined],
    ['c-0', 'e-0'],
    [trace, undefined],
    [ids[3], undefined],
    [trace, undefined],
    [ids[5], undefined],
  ]);
  const sent = recording.records.map(({ headers }) => headers.find(([name]) => name === 'traceparent')?.[1].toString());
  assert.deepEqual(sent, [TRACE, TRACE, TRACE, undefined, TRACE, undefined]);
  assert.throws(() => causedBy({}, send), ConfigurationError);
  await producer.disconnect();
});

test('a tracing library may be asked for the trace', async () => {
  const [producer, recording] = recorded({ traceparent: () => TRACE });
  await producer.produceServiceHealthEvent(HEALTH);
  assert.equal(recording.events[0]?.['correlationId'], '4bf92f3577b34da6a3ce929d0e0e4736');
  await producer.disconnect();
});

test('a full buffer fails at once where waiting was not asked for', async () => {
  const held = new Held();
  const producer = new EventProducer('svc', { transport: held, bufferEvents: 2, maxBlockMs: 0 });
  const first = [producer.produceServiceHealthEvent(HEALTH), producer.produceServiceHealthEvent(HEALTH)];
  assert.throws(() => producer.produceServiceHealthEvent(HEALTH), /bufferEvents/);
  await turn();
  held.letGo(2);
  await Promise.all(first);
  await producer.disconnect();
});

test('a full buffer lets events wait in line, in order, until there is room or their time is over', async () => {
  const held = new Held();
  const lines = new Lines();
  const producer = new EventProducer('svc', { transport: held, bufferEvents: 1, maxBlockMs: 100, logger: lines });
  const sent = ['a', 'b', 'c'].map((eventId) => producer.produceServiceHealthEvent({ ...HEALTH, eventId }));
  let roomy = false;
  void producer.room().then(() => (roomy = true));
  await turn();
  assert.equal(producer.stats().pending, 3);
  held.letGo(1);
  await turn();
  assert.equal(held.waiting[0]?.[0].eventId, 'b');
  assert.equal(roomy, false);
  const error = await sent[2]?.catch((found: unknown) => found);
  assert.ok(error instanceof BufferFull, String(error));
  assert.deepEqual([producer.stats().failed, producer.stats().pending], [1, 1]);
  held.letGo(1);
  await producer.room();
  await turn();
  assert.equal(roomy, true);
  assert.equal((await sent[1])?.eventId, 'b');
  await producer.disconnect();
});

test('bytes bound the buffer too, and one event always fits', async () => {
  const held = new Held();
  const producer = new EventProducer('svc', { transport: held, bufferBytes: 1_000, maxBlockMs: 0 });
  const big = producer.produceServiceHealthEvent({ ...HEALTH, message: 'x'.repeat(5_000) });
  assert.throws(() => producer.produceServiceHealthEvent(HEALTH), BufferFull);
  await turn();
  held.letGo(1);
  await big;
  await producer.disconnect();
});

test('disconnecting ends every delivery, takes no more, and is said', async () => {
  const lines = new Lines();
  const producer = new EventProducer('svc', { transport: new Held(), logger: lines });
  const delivery = producer.produceServiceHealthEvent(HEALTH);
  await producer.disconnect(0);
  await producer.disconnect();
  await assert.rejects(delivery, DeliveryFailed);
  assert.throws(() => producer.produceServiceHealthEvent(HEALTH), ProducerClosed);
  await assert.rejects(producer.connect(), ProducerClosed);
  assert.ok(lines.told.some((line) => line.includes('1 events of svc could not be delivered')));
  assert.equal(producer.stats().failed, 1);
});

test('callbacks get what the promise gets, and cannot stop it', async () => {
  const lines = new Lines();
  const [producer, recording] = recorded({ logger: lines });
  recording.failNext('broker away');
  const seen: [ProducerError | null, (Receipt | undefined)?][] = [];
  const failed = producer.produceServiceHealthEvent(HEALTH, { onDelivery: (...told) => void seen.push(told) });
  const taken = producer.produceServiceHealthEvent(HEALTH, {
    onDelivery: () => {
      throw new Error('mine');
    },
  });
  const error = await failed.catch((found: unknown) => found);
  assert.ok(error instanceof DeliveryFailed && error.retriable && error.message.includes('same eventId'));
  assert.equal((await taken).status, 'recorded');
  assert.deepEqual(seen, [[error]]);
  assert.ok(lines.told.some((line) => line.includes('mine')));
  assert.deepEqual([producer.stats().delivered, producer.stats().failed], [1, 1]);
  await producer.disconnect();
});

test('a failure that nobody looks at is logged once in a while and ends nothing', async () => {
  const lines = new Lines();
  const [producer, recording] = recorded({ logger: lines });
  recording.failNext('why not', { times: 100 });
  for (let count = 0; count < 100; count += 1) void producer.produceServiceHealthEvent(HEALTH);
  await producer.flush();
  await turn();
  assert.equal(lines.told.filter((line) => line.includes('why not')).length, 1);
  await producer.disconnect();
});

const CUSTOM: readonly (readonly [string, Json, string | undefined, string])[] = [
  ['system-health', { eventType: 'SecurityEvent' }, undefined, '/eventType'],
  ['my-topic', { eventType: 'SecurityEvent' }, undefined, '/eventType'],
  ['system-health', { eventType: 'Mine' }, undefined, '/eventType'],
  ['my-topic', { eventType: 'Mine', timestamp: 5 }, undefined, '/timestamp'],
  ['my-topic', {}, undefined, '/eventType'],
  ['my-topic', { eventType: 7 }, undefined, '/eventType'],
  ['security-events', { category: 'x', severity: 'LOW' }, 'other', ''],
];

for (const [topic, event, key, pointer] of CUSTOM) {
  test(`a custom event is refused on ${topic}: ${JSON.stringify(event)} ${key ?? ''}`, () => {
    const [producer] = recorded();
    const error = refusal(() => producer.produceCustomEvent(topic, event, { key }));
    assert.equal(error.errors[0]?.pointer, pointer);
  });
}

test("a custom event goes to a topic of one's own, keeps its source, and is not changed", async () => {
  const [producer, recording] = recorded();
  const given = { eventType: 'Mine', a: null, source: 'elsewhere' };
  await producer.produceCustomEvent('my-topic', given, { key: 'k' });
  await producer.produceCustomEvent('security-events', { category: 'x', severity: 'LOW', eventId: null });
  const [mine, security] = recording.records;
  assert.deepEqual([mine?.topic, mine?.key?.toString(), mine?.eventType], ['my-topic', 'k', 'Mine']);
  assert.deepEqual([recording.events[0]?.['a'], recording.events[0]?.['source']], [null, 'elsewhere']);
  assert.equal(security?.key, null);
  assert.equal(security?.spread.toString(), security?.eventId);
  assert.deepEqual(Object.keys(given), ['eventType', 'a', 'source']);
  await producer.disconnect();
});

test('the console shows topic, key and event', async () => {
  const written: string[] = [];
  const transport = new ConsoleTransport({ write: (text) => written.push(text) });
  const producer = new EventProducer('svc', { transport });
  await producer.produceServiceHealthEvent(HEALTH);
  await producer.produceSecurityEvent({ category: 'x', severity: 'LOW' });
  assert.ok(written[0]?.startsWith('system-health trino {"eventId":"'));
  assert.ok(written[1]?.startsWith('security-events - {'));
  await producer.disconnect();
});

test('the recording fake forgets when it is told to', async () => {
  const [producer, recording] = recorded();
  await producer.produceServiceHealthEvent(HEALTH);
  assert.equal(recording.of('ServiceHealthEvent').length, 1);
  assert.equal(recording.of('SecurityEvent').length, 0);
  recording.clear();
  assert.deepEqual(recording.events, []);
  await producer.disconnect();
});

test('a service has one producer in a process', async () => {
  process.env['CARBON_STREAM_TRANSPORT'] = 'noop';
  process.env['SERVICE_NAME'] = 'from-environment';
  try {
    const first = getEventProducer();
    assert.equal(first.service, 'from-environment');
    assert.equal(getEventProducer('from-environment'), first);
    assert.throws(() => getEventProducer('from-environment', { maxBlockMs: 1 }), ConfigurationError);
    await first.connect();
    assert.equal((await first.produceServiceHealthEvent(HEALTH)).status, 'noop');
    await first.disconnect();
    const second = getEventProducer();
    assert.notEqual(second, first);
    await second.disconnect();
  } finally {
    delete process.env['CARBON_STREAM_TRANSPORT'];
    delete process.env['SERVICE_NAME'];
  }
});

test('what cannot be opened is told to every event', async () => {
  const lines = new Lines();
  const transport = new Held();
  transport.open = () => {
    throw new ConfigurationError('no such thing');
  };
  const producer = new EventProducer('svc', { transport, logger: lines });
  await assert.rejects(producer.produceServiceHealthEvent(HEALTH), /no such thing/);
  await assert.rejects(producer.produceServiceHealthEvent(HEALTH), /no such thing/);
  await assert.rejects(producer.connect(), ConfigurationError);
  await producer.disconnect();
});

test('`close` is `disconnect`', async () => {
  const recording = new RecordingTransport();
  const producer = new EventProducer('svc', { transport: recording });
  producer.produceCustomEvent('mine', { eventType: 'Mine' });
  await producer.close();
  assert.equal(producer.closed, true);
  assert.equal(recording.events.length, 1);
});

test('`await using` disconnects', async () => {
  const [producer] = recorded();
  await producer[Symbol.asyncDispose]();
  assert.ok(producer.closed);
});
