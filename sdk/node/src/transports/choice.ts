/** Transports by name. */

import { ConfigurationError } from '../errors.js';
import type { Transport } from './base.js';
import { ConsoleTransport } from './console.js';
import { HttpTransport } from './http.js';
import { KafkaTransport } from './kafka.js';
import { NoopTransport } from './noop.js';

export type TransportName = 'kafka' | 'http' | 'console' | 'noop';

const MAKE: { readonly [name in TransportName]: () => Transport } = {
  kafka: () => new KafkaTransport(),
  http: () => new HttpTransport(),
  console: () => new ConsoleTransport(),
  noop: () => new NoopTransport(),
};

/** The transport itself, or a new one of that name; what is not given is CARBON_STREAM_TRANSPORT, else Kafka. */
export function transportOf(given: Transport | TransportName | undefined): Transport {
  if (typeof given === 'object') return given;
  const name = given ?? (process.env['CARBON_STREAM_TRANSPORT'] || 'kafka');
  if (!Object.hasOwn(MAKE, name)) {
    const whose = given === undefined ? 'CARBON_STREAM_TRANSPORT' : 'transport';
    const told = `there is no transport '${name}'; the names are ${Object.keys(MAKE).join(', ')}`;
    throw new ConfigurationError(`${whose}: ${told}`);
  }
  return MAKE[name as TransportName]();
}
