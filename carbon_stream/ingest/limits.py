"""Bounds on what a request may take: sizes, counts, times, and the memory of all requests together."""

from dataclasses import dataclass
from typing import Final

from carbon_stream.contracts.limits import EVENT_BYTES
from carbon_stream.errors import ProblemError
from carbon_stream.settings import Settings

__all__ = ["RETRY_AFTER_S", "Limits", "Room", "unavailable"]

RETRY_AFTER_S: Final = 5
"""What we ask of senders with 503: long enough for a partition's leader to be elected, short for their buffers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one request. Sizes in bytes, times in seconds."""

    body_bytes: int
    """Of the body, both as sent and decompressed."""
    event_bytes: int
    events: int
    body_timeout_s: float
    """From the head of a request to the end of its body."""
    publish_timeout_s: float
    """From an event in hand to Kafka's acknowledgement."""

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """The limits that the operator has set."""
        return cls(
            body_bytes=settings.max_body_bytes,
            event_bytes=min(settings.max_event_bytes, EVENT_BYTES),  # agents and topics take no larger ones
            events=settings.max_batch_events,
            body_timeout_s=settings.request_timeout_s,
            publish_timeout_s=settings.publish_timeout_s,
        )


class Room:
    """A budget of bytes that all requests of a process share; nothing waits for it, who does not get it is refused."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.used = 0

    def take(self, size: int) -> bool:
        """Takes `size` bytes if they are there."""
        if self.used + size > self.capacity:
            return False
        self.used += size
        return True

    def give(self, size: int) -> None:
        """Gives bytes back."""
        self.used -= size
        assert self.used >= 0


def unavailable(detail: str) -> ProblemError:
    """The answer when nothing can be taken now; never 429, which senders in the field treat as final."""
    return ProblemError(503, "Unavailable", detail, headers={"Retry-After": str(RETRY_AFTER_S)})
