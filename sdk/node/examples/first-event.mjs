// The shortest way to a first event. KAFKA_BOOTSTRAP_SERVERS names the brokers;
// CARBON_STREAM_TRANSPORT=console needs none.

import { getEventProducer } from '@carbon-stream/producer';

const producer = getEventProducer('my-service');
await producer.connect();
const receipt = await producer.produceServiceHealthEvent({
  serviceName: 'my-service',
  namespace: 'demo',
  healthStatus: 'HEALTHY',
  latencyMs: 12.5,
  errorRate: 0,
});
console.error(receipt);
await producer.disconnect();
