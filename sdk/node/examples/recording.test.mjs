// How a service tests what it sends: node --test examples/recording.test.mjs

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventProducer, RecordingTransport } from '@carbon-stream/producer';

async function codeUnderTest(producer) {
  try {
    await producer.produceSecurityEvent({ category: 'network', severity: 'LOW' });
    return 'told';
  } catch (error) {
    return error.retriable ? 'later' : 'never';
  }
}

test('what it sends', async () => {
  const recording = new RecordingTransport();
  const producer = new EventProducer('my-service', { transport: recording });
  assert.equal(await codeUnderTest(producer), 'told');
  assert.equal(recording.of('SecurityEvent')[0].severity, 'LOW');
  recording.failNext('broker away');
  assert.equal(await codeUnderTest(producer), 'later');
  await producer.disconnect();
});
