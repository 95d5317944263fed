/** What can go wrong, one class a cause. Each says what to do about it, and has a `code` that does not change. */

/** The base of everything that this library throws on purpose. */
export class ProducerError extends Error {
  readonly code: string = 'PRODUCER_ERROR';
  override get name(): string {
    return this.constructor.name;
  }
}

/**
 * One thing that is wrong with an event. `pointer` is an RFC 6901 pointer into the event's JSON ('' is the event as a
 * whole), `field` the property of the method's argument that it came from, `type` a short constant name of the error.
 */
export interface FieldError {
  readonly pointer: string;
  readonly type: string;
  readonly message: string;
  readonly field: string;
}

/** The event does not keep its contract; nothing was sent, and sending it again as it is makes no sense. */
export class InvalidEvent extends ProducerError {
  override readonly code = 'INVALID_EVENT';
  readonly eventType: string;
  readonly errors: readonly FieldError[];

  constructor(eventType: string, errors: readonly FieldError[]) {
    const told = errors.map(({ field, pointer, message }) => (pointer ? `${field} (${pointer}) ${message}` : message));
    super(`${eventType} was not sent: ${told.join('; ')}`);
    this.eventType = eventType;
    this.errors = errors;
  }
}

/** As much is waiting for acknowledgement as may; the event was not taken. Try later, or raise the bounds. */
export class BufferFull extends ProducerError {
  override readonly code = 'BUFFER_FULL';
}

/** The producer has been disconnected; the event was not taken. */
export class ProducerClosed extends ProducerError {
  override readonly code = 'PRODUCER_CLOSED';
}

/**
 * An event that was taken could not be delivered.
 *
 * `retriable`: the same event, with the same eventId, may be sent again. It counts once even if the first one did
 * arrive, which a sender cannot know after a timeout. `errors` are the service's, where it refused the event.
 */
export class DeliveryFailed extends ProducerError {
  override readonly code = 'DELIVERY_FAILED';
  readonly eventId: string;
  readonly reason: string;
  readonly retriable: boolean;
  readonly errors: readonly FieldError[];

  constructor(eventId: string, reason: string, retriable: boolean, errors: readonly FieldError[] = []) {
    const again = retriable ? 'it may be sent again with the same eventId' : 'sending it again makes no sense';
    super(`event ${eventId} was not delivered: ${reason}; ${again}`);
    this.eventId = eventId;
    this.reason = reason;
    this.retriable = retriable;
    this.errors = errors;
  }
}

/** A variable or an option is missing or wrong; the message names it. */
export class ConfigurationError extends ProducerError {
  override readonly code: string = 'CONFIGURATION';
}

/** A transport needs a client that is not installed. */
export class MissingPackage extends ConfigurationError {
  override readonly code = 'MISSING_PACKAGE';

  constructor(what: string, name: string) {
    super(`${what} needs the package ${name}: npm install ${name}`);
  }
}
