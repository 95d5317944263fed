// A load, from the raw data to the dashboard, and a day's operations around it: all twelve types of event.
//
//   node examples/demo.mjs [rounds]
//
// It sends by whatever transport the environment names, reports what was delivered by topic, and ends with status 1
// where something was not.

import { randomUUID } from 'node:crypto';

import { causedBy, flow, getEventProducer } from '@carbon-stream/producer';

const rounds = Number(process.argv[2] ?? 1);
const producer = getEventProducer('demo');
const delivered = new Map();
const failures = [];

function counted(delivery) {
  return delivery.then(
    ({ topic = '?' }) => delivered.set(topic, (delivered.get(topic) ?? 0) + 1),
    (error) => failures.push(error),
  );
}

function load(round) {
  const dataset = 's3://lake/raw/trades';
  const ingestion = { eventId: randomUUID(), correlationId: `load-${round}` };
  const sent = [
    producer.produceDataIngestionEvent({
      ...ingestion,
      datasetName: dataset,
      recordCount: 184_320,
      sizeBytes: 73_400_320,
      format: 'parquet',
      location: `${dataset}/2026-11-24`,
      status: 'SUCCESS',
    }),
  ];
  // What follows was caused by the ingestion, and belongs to its flow.
  causedBy(ingestion, () => {
    sent.push(
      producer.produceDataTransformationEvent({
        job: 'clean-trades',
        inputs: [dataset],
        outputs: ['lake.trades'],
        status: 'SUCCESS',
        durationMs: 5_300,
      }),
      producer.produceDataLineageEvent({
        sourceDataset: dataset,
        targetDataset: 'lake.trades',
        transformationType: 'TRANSFORM',
        transformationName: 'clean-trades',
        columns: [{ sourceColumn: 'px', targetColumn: 'price', transformation: 'round(px, 2)' }],
      }),
      producer.produceDataQualityEvent({
        datasetName: 'lake.trades',
        checkType: 'completeness',
        checkName: 'price is there',
        result: 'PASS',
        score: 1,
        failedRecords: 0,
        totalRecords: 184_320,
      }),
    );
  });
  return sent;
}

function operations() {
  const who = { userId: 'u-1', username: 'Ann', result: 'SUCCESS', ipAddress: '10.0.0.1' };
  return [
    producer.produceServiceHealthEvent({
      serviceName: 'trino',
      namespace: 'data-platform',
      healthStatus: 'HEALTHY',
      latencyMs: 12.5,
      errorRate: 0,
    }),
    producer.produceDeploymentEvent({
      deploymentName: 'trino',
      namespace: 'data-platform',
      action: 'DEPLOY',
      version: '476',
      previousVersion: '475',
      replicas: 2,
      deployedBy: 'ann',
    }),
    producer.produceConfigChangeEvent({
      component: 'trino',
      key: 'query.max-memory',
      oldValue: '20GB',
      newValue: '24GB',
      changedBy: 'ann',
    }),
    producer.produceSecurityEvent({
      category: 'authentication',
      severity: 'LOW',
      principal: 'bob',
      outcome: 'DENIED',
      message: 'wrong password',
    }),
    producer.produceAuditUserActionEvent({ ...who, action: 'EXPORT', resource: 'report-7', resourceType: 'report' }),
    producer.produceAuditAPICallEvent({
      service: 'trino',
      endpoint: '/v1/statement',
      method: 'POST',
      statusCode: 200,
      latencyMs: 31.7,
      requestSizeBytes: 512,
      responseSizeBytes: 20_480,
      ipAddress: '10.0.0.1',
    }),
    producer.produceAuditDataAccessEvent({ ...who, datasetName: 'lake.trades', operation: 'READ', rowCount: 1_000 }),
    producer.produceAuditAdminOperationEvent({ userId: 'root', operation: 'GRANT', result: 'SUCCESS', target: 'u-1' }),
  ];
}

await producer.connect();
for (let round = 1; round <= rounds; round += 1) {
  const sent = flow({ correlationId: `day-${round}` }, () => [...load(round), ...operations()]);
  await Promise.all(sent.map(counted));
}
await producer.disconnect();

const count = [...delivered.values()].reduce((sum, one) => sum + one, 0);
console.error(`delivered ${count} events of ${delivered.size} topics, ${failures.length} failed`);
for (const [topic, events] of [...delivered].sort())
  console.error(`  ${topic.padEnd(22)}${String(events).padStart(8)}`);
for (const error of failures.slice(0, 5)) console.error(error.message);
process.exitCode = failures.length ? 1 : 0;
