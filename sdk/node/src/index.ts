/**
 * Sends a data platform's events to carbon_stream: typed, checked, keyed, and never lost in silence.
 *
 * Nothing happens at import: no connection, no timer, no signal handler, no client library.
 */

export type { Json } from './contract.js';
export type { OnDelivery, ProduceOptions, Receipt } from './delivery.js';
export {
  BufferFull,
  ConfigurationError,
  DeliveryFailed,
  InvalidEvent,
  MissingPackage,
  ProducerClosed,
  ProducerError,
  type FieldError,
} from './errors.js';
export { causedBy, currentFlow, flow, type Flow, type FlowOptions } from './flow.js';
export type * from './generated/events.js';
export { EventProducer, type CustomOptions, type ProducerOptions, type Stats } from './producer.js';
export type { Header, Record } from './record.js';
export { getEventProducer } from './registry.js';
export { KafkaSettings, type KafkaSettingsOptions, type SaslMechanism, type SecurityProtocol } from './settings.js';
export type { Done, Log, Opening, Transport } from './transports/base.js';
export type { TransportName } from './transports/choice.js';
export { ConsoleTransport } from './transports/console.js';
export { HttpTransport, type HttpOptions, type Token } from './transports/http.js';
export { KafkaTransport, type KafkaOptions } from './transports/kafka.js';
export { NoopTransport } from './transports/noop.js';
export { RecordingTransport, type FailNext } from './transports/recording.js';
