/** One producer a service and process, for code that has nowhere to keep one. */

import { ConfigurationError } from './errors.js';
import { EventProducer, type ProducerOptions } from './producer.js';
import { serviceName } from './settings.js';

const producers = new Map<string, EventProducer>();

/**
 * The process's producer of this service, made at the first call (and again when it has been disconnected).
 *
 * `options` can be given only while there is none.
 */
export function getEventProducer(service?: string, options?: ProducerOptions): EventProducer {
  const name = serviceName(service);
  const found = producers.get(name);
  if (found !== undefined && !found.closed) {
    if (options === undefined) return found;
    const told = `${name} has an open producer: give options at the first call, or make an EventProducer`;
    throw new ConfigurationError(told);
  }
  const made = new EventProducer(name, options);
  producers.set(name, made);
  return made;
}
