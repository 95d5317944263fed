// The same from CommonJS.

const { getEventProducer } = require('@carbon-stream/producer');

async function main() {
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
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
