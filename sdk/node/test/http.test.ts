/** By HTTP: receipts understood, what may be tried again is, and nothing else is. */

import assert from 'node:assert/strict';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';

import {
  ConfigurationError,
  DeliveryFailed,
  EventProducer,
  flow,
  HttpTransport,
  type Json,
  type ProducerOptions,
} from '../src/index.js';
import { outcomes, retryAfterMs } from '../src/transports/http-reply.js';
import { HEALTH, Lines } from './held.js';

type Reply = readonly [status: number, headers: { [name: string]: string }, document: unknown] | null;
interface Request {
  readonly at: number;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly events: readonly Json[];
}

const AGAIN = { status: 'rejected', retriable: true, errors: [{ pointer: '', type: 'unavailable', message: 'x' }] };
const NEVER = {
  status: 'rejected',
  retriable: false,
  errors: [{ pointer: '/errorRate', type: 'range', message: 'must be at most 1' }],
};

function taken(count: number): object[] {
  return Array.from({ length: count }, (_, offset) => ({
    status: 'accepted',
    topic: 'system-health',
    partition: 1,
    offset,
  }));
}

/** A service that answers as it is told (null: it closes the connection), and remembers what came. */
async function service(replies: Reply[], work: (url: string, requests: Request[]) => Promise<void>): Promise<void> {
  const requests: Request[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const lines = Buffer.concat(parts).toString().split('\n');
      const events = lines.map((line) => JSON.parse(line) as Json);
      requests.push({ at: Date.now(), url: request.url, headers: request.headers, events });
      const reply = replies.length ? replies.shift()! : ([202, {}, { receipts: taken(events.length) }] as const);
      if (reply === null) {
        request.socket.destroy();
        return;
      }
      response.writeHead(reply[0], reply[1]);
      response.end(typeof reply[2] === 'string' ? reply[2] : JSON.stringify(reply[2]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await work(`http://127.0.0.1:${port}/api/carbon-stream`, requests);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function producerTo(url: string, options: ProducerOptions = {}): EventProducer {
  const transport = new HttpTransport(url, { headers: { apikey: 'k' } });
  return new EventProducer('svc', { transport, logger: new Lines(), ...options });
}

test('events share requests and get their receipts', () =>
  service([], async (url, requests) => {
    const producer = producerTo(`${url}/v1/events`);
    const ids = Array.from({ length: 1_200 }, (_, number) => `e-${number}`);
    const receipts = await Promise.all(
      ids.map((eventId) => producer.produceServiceHealthEvent({ ...HEALTH, eventId })),
    );
    assert.deepEqual(
      receipts.map(({ eventId }) => eventId),
      ids,
    );
    assert.deepEqual([receipts[0]?.topic, receipts[0]?.partition], ['system-health', 1]);
    assert.deepEqual(
      requests.flatMap(({ events }) => events.map((event) => event['eventId'])),
      ids,
    );
    assert.ok(requests.length <= 4, `${requests.length} requests`);
    assert.deepEqual([requests[0]?.url, requests[0]?.headers['apikey']], ['/api/carbon-stream/v1/events', 'k']);
    assert.equal(requests[0]?.headers['content-type'], 'application/x-ndjson');
    await producer.disconnect();
  }));

test('only what is marked retriable is sent again, after the time asked for', () =>
  service([[503, { 'retry-after': '1' }, { receipts: [AGAIN, NEVER] }]], async (url, requests) => {
    const producer = producerTo(url);
    const again = producer.produceServiceHealthEvent({ ...HEALTH, eventId: 'again' });
    const never = producer.produceServiceHealthEvent({ ...HEALTH, eventId: 'never' });
    assert.equal((await again).status, 'accepted');
    const error = await never.catch((found: unknown) => found);
    assert.ok(error instanceof DeliveryFailed && !error.retriable);
    assert.deepEqual(
      error.errors.map(({ pointer, type }) => [pointer, type]),
      [['/errorRate', 'range']],
    );
    assert.deepEqual(
      requests[1]?.events.map((event) => event['eventId']),
      ['again'],
    );
    assert.ok(requests[1]!.at - requests[0]!.at >= 990);
    await producer.disconnect();
  }));

for (const status of [301, 400, 401, 403, 404, 413, 415, 429]) {
  test(`${status} is final and asked once`, () =>
    service(
      [[status, { location: 'http://127.0.0.1:1/' }, { title: 'No', detail: 'because' }]],
      async (url, requests) => {
        const producer = producerTo(url);
        const error = await producer.produceServiceHealthEvent(HEALTH).catch((found: unknown) => found);
        assert.ok(error instanceof DeliveryFailed && !error.retriable);
        assert.ok(error.message.includes(`answered ${status}: because`), error.message);
        assert.equal(requests.length, 1);
        await producer.disconnect();
      },
    ));
}

test("a lost answer and a gateway's 5xx are settled by sending the same again", () =>
  service(
    [null, [502, {}, {}], [503, {}, 'no JSON'], [202, {}, { receipts: [{ status: 'duplicate' }] }]],
    async (url, requests) => {
      const producer = producerTo(url);
      const receipt = await producer.produceServiceHealthEvent({ ...HEALTH, eventId: 'once' });
      assert.equal(receipt.status, 'duplicate');
      assert.deepEqual(
        requests.map(({ events }) => events[0]?.['eventId']),
        Array(4).fill('once'),
      );
      await producer.disconnect();
    },
  ));

test('a service that stays away fails the event in time', async () => {
  const producer = producerTo('http://127.0.0.1:1', { deliveryTimeoutMs: 300 });
  const error = await producer.produceServiceHealthEvent(HEALTH).catch((found: unknown) => found);
  assert.ok(error instanceof DeliveryFailed && error.retriable && error.message.includes('did not answer'));
  await producer.disconnect();
});

test('each trace has a request of its own', () =>
  service([], async (url, requests) => {
    const producer = producerTo(url);
    const traces = [1, 1, 2].map((number) => `00-${String(number).padStart(32, '0')}-00f067aa0ba902b7-01`);
    await Promise.all(
      traces.map((traceparent) => flow({ traceparent }, () => producer.produceServiceHealthEvent(HEALTH))),
    );
    assert.deepEqual(
      requests.map(({ headers, events }) => [headers['traceparent'], events.length]),
      [
        [traces[0], 2],
        [traces[2], 1],
      ],
    );
    await producer.disconnect();
  }));

test('disconnecting sends what waits', () =>
  service([], async (url) => {
    const producer = producerTo(url);
    const sent = Array.from({ length: 700 }, () => producer.produceServiceHealthEvent(HEALTH));
    await producer.disconnect();
    for (const receipt of await Promise.all(sent)) assert.equal(receipt.status, 'accepted');
  }));

test('a request that hangs does not hold up the end', () =>
  service([[202, { 'content-length': '1000' }, { receipts: taken(1) }]], async (url, requests) => {
    const producer = producerTo(url);
    const delivery = producer.produceServiceHealthEvent(HEALTH);
    while (!requests.length) await new Promise((resolve) => setTimeout(resolve, 5));
    await producer.disconnect(50);
    await assert.rejects(delivery, DeliveryFailed);
  }));

test('a fetch of your own may be used', async () => {
  const seen: unknown[] = [];
  const own: typeof fetch = (url, options) => {
    seen.push(String(url), options?.method);
    return Promise.resolve(new Response(JSON.stringify({ receipts: taken(1) }), { status: 202 }));
  };
  const producer = new EventProducer('svc', { transport: new HttpTransport('https://gateway', { fetch: own }) });
  assert.equal((await producer.produceServiceHealthEvent(HEALTH)).partition, 1);
  assert.deepEqual(seen, ['https://gateway/v1/events', 'POST']);
  await producer.disconnect();
});

test('a token goes along, and a function gives a fresh one after a 401', () =>
  service([[401, {}, { title: 'Credential refused' }]], async (url, requests) => {
    const tokens = ['old', 'fresh'];
    const transport = new HttpTransport(url, { token: () => Promise.resolve(tokens.shift()!) });
    const producer = new EventProducer('svc', { transport, logger: new Lines() });
    assert.equal((await producer.produceServiceHealthEvent(HEALTH)).status, 'accepted');
    await producer.disconnect();
    assert.deepEqual(
      requests.map(({ headers }) => headers.authorization),
      ['Bearer old', 'Bearer fresh'],
    );
  }));

test('the token is taken from the environment', () =>
  service([], async (url, requests) => {
    process.env['CARBON_STREAM_TOKEN'] = 'from-the-environment';
    try {
      const producer = new EventProducer('svc', { transport: new HttpTransport(url), logger: new Lines() });
      await producer.produceServiceHealthEvent(HEALTH);
      await producer.disconnect();
    } finally {
      delete process.env['CARBON_STREAM_TOKEN'];
    }
    assert.equal(requests[0]?.headers.authorization, 'Bearer from-the-environment');
  }));

test('a fixed token that is refused is final, and is not shown', () =>
  service([[401, {}, { title: 'Credential refused', detail: 'the key has expired' }]], async (url) => {
    const transport = new HttpTransport(url, { token: 'cs_x' });
    const producer = new EventProducer('svc', { transport, logger: new Lines() });
    await assert.rejects(producer.produceServiceHealthEvent(HEALTH), (error: DeliveryFailed) => {
      assert.equal(error.retriable, false);
      assert.match(error.message, /the key has expired/);
      assert.doesNotMatch(error.message, /cs_x/);
      return true;
    });
    await producer.disconnect();
  }));

test('a token function that fails is asked again', () =>
  service([], async (url) => {
    let calls = 0;
    const token = (): string => {
      calls += 1;
      if (calls === 1) throw new Error('the issuer is away');
      return 't';
    };
    const transport = new HttpTransport(url, { token });
    const producer = new EventProducer('svc', { transport, logger: new Lines() });
    assert.equal((await producer.produceServiceHealthEvent(HEALTH)).status, 'accepted');
    await producer.disconnect();
    assert.equal(calls, 2);
  }));

for (const token of ['a\nb', 'a b', 'schlüssel', 'a\r\nX-Consumer-Username: root']) {
  test(`a token that no header can carry is refused without showing it: ${JSON.stringify(token)}`, () => {
    assert.throws(
      () => new HttpTransport('http://127.0.0.1:1', { token }),
      (error: Error) => error instanceof ConfigurationError && !error.message.includes(token),
    );
  });
}

const NOW = Date.parse('2026-11-24T05:00:00Z');
for (const [header, ms] of [
  [null, undefined],
  ['2', 2_000],
  ['999999999', 60_000],
  ['soon', undefined],
  ['-1', undefined],
  ['Tue, 24 Nov 2026 05:00:30 GMT', 30_000],
  ['Tue, 24 Nov 2026 04:00:00 GMT', 0],
] as const) {
  test(`Retry-After is read: ${header}`, () => assert.equal(retryAfterMs(header, NOW), ms));
}

for (const body of ['', '[]', '{', '{"receipts": [1]}', '{"receipts": []}', '{"receipts": 3}']) {
  test(`a 202 without the receipts is never taken for delivered: ${body}`, () => {
    const [outcome] = outcomes(202, body, ['e']);
    assert.ok(outcome instanceof DeliveryFailed);
  });
}
