/** What a type checker finds: compiled, never run. A line that should fail and does not is an error. */

import {
  getEventProducer,
  RecordingTransport,
  type DataLineageEvent,
  type EventProducer,
  type Receipt,
  type ServiceHealthEvent,
  type Stats,
} from '../src/index.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<T extends true>(): T | undefined {
  return undefined;
}

export function shown(producer: EventProducer): void {
  const health = { serviceName: 'a', namespace: 'n', healthStatus: 'HEALTHY', latencyMs: 1, errorRate: 0 } as const;
  const sent = producer.produceServiceHealthEvent(health);
  same<Same<typeof sent, Promise<Receipt>>>();
  same<Same<ReturnType<EventProducer['stats']>, Stats>>();
  same<Same<ServiceHealthEvent['healthStatus'], 'HEALTHY' | 'DEGRADED' | 'UNHEALTHY' | 'UNKNOWN'>>();
  same<Same<DataLineageEvent['sourceDataset'], string>>();

  // @ts-expect-error: latencyMs is a number
  void producer.produceServiceHealthEvent({ ...health, latencyMs: '1' });
  // @ts-expect-error: FINE is no status
  void producer.produceServiceHealthEvent({ ...health, healthStatus: 'FINE' });
  // @ts-expect-error: serviceName is missing
  void producer.produceServiceHealthEvent({ namespace: 'n', healthStatus: 'HEALTHY', latencyMs: 1, errorRate: 0 });
  // @ts-expect-error: what the contract does not name goes into extra
  void producer.produceServiceHealthEvent({ ...health, zone: 'a' });
  void producer.produceServiceHealthEvent({ ...health, extra: { zone: 'a' }, timestamp: new Date(), message: null });
  // @ts-expect-error: a deployment's version is required
  void producer.produceDeploymentEvent({
    deploymentName: 'd',
    namespace: 'n',
    action: 'SCALE',
    replicas: 1,
    deployedBy: 'x',
  });
  void producer.produceDataIngestionEvent({
    datasetName: 'd',
    recordCount: 9_007_199_254_740_993n,
    sizeBytes: 1,
    format: 'parquet',
    location: 's3://lake/d',
    status: 'SUCCESS',
  });
  void producer.produceDataLineageEvent({
    sourceDataset: 'a',
    targetDataset: 'b',
    transformationType: 'COPY',
    transformationName: 'c',
    // @ts-expect-error: a mapping has a target column
    columns: [{ sourceColumn: 'x' }],
  });
  // @ts-expect-error: there is no such transport
  getEventProducer('svc', { transport: 'pigeon' });
  getEventProducer('svc', { transport: new RecordingTransport(), logger: console });
  void producer.produceCustomEvent('mine', { eventType: 'Mine' }, { onDelivery: (error, receipt) => error ?? receipt });
}
