"""What can go wrong, one exception a cause. Each says what to do about it."""

from typing import NamedTuple

__all__ = [
    "BufferFull",
    "ConfigurationError",
    "DeliveryFailed",
    "FieldError",
    "InvalidEvent",
    "MissingExtra",
    "ProducerClosed",
    "ProducerError",
]


class ProducerError(Exception):
    """The base of everything that this library raises on purpose."""


class FieldError(NamedTuple):
    """One thing that is wrong with an event.

    `pointer` is an RFC 6901 pointer into the event's JSON ("" is the event as a whole), `field` the keyword argument
    that it came from (or the JSON name, where there is none), `type` a short constant name of the error.
    """

    pointer: str
    type: str
    message: str
    field: str = ""


class InvalidEvent(ProducerError, ValueError):
    """The event does not keep its contract; nothing was sent, and sending it again as it is makes no sense."""

    def __init__(self, event_type: str, errors: tuple[FieldError, ...]) -> None:
        assert errors
        super().__init__(event_type, errors)
        self.event_type = event_type
        self.errors = errors

    def __str__(self) -> str:
        told = "; ".join(
            f"{error.field} ({error.pointer}) {error.message}" if error.pointer else error.message
            for error in self.errors
        )
        return f"{self.event_type} was not sent: {told}"


class BufferFull(ProducerError):
    """As much is waiting for acknowledgement as may; the event was not taken. Try later, or raise the bounds."""


class ProducerClosed(ProducerError):
    """The producer has been closed (or belongs to the parent of this process); the event was not taken."""


class DeliveryFailed(ProducerError):
    """An event that was taken could not be delivered.

    `retriable`: the same event, with the same event_id, may be sent again. It counts once even if the first one did
    arrive, which a sender cannot know after a timeout. `errors` are the service's, where it refused the event.
    """

    def __init__(self, event_id: str, reason: str, *, retriable: bool, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(event_id, reason, retriable, errors)
        self.event_id = event_id
        self.reason = reason
        self.retriable = retriable
        self.errors = errors

    def __str__(self) -> str:
        again = "it may be sent again with the same event_id" if self.retriable else "sending it again makes no sense"
        return f"event {self.event_id} was not delivered: {self.reason}; {again}"


class ConfigurationError(ProducerError, ValueError):
    """A variable or an option is missing or wrong; the message names it."""


class MissingExtra(ConfigurationError, ImportError):
    """A transport needs a client that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}: pip install 'carbon-stream-producer[{extra}]'")
