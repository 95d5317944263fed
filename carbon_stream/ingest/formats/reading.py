"""What every format makes of an event's text: the event as the contract has it, and what goes beside it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from carbon_stream.contracts import codec
from carbon_stream.contracts.codec import FieldError, Invalid
from carbon_stream.enrichment import TraceParent

__all__ = ["Arrival", "NoEvent", "Reader", "Refused", "read_native"]


class Arrival(NamedTuple):
    """One event as it came, not yet checked against its contract."""

    data: dict[str, Any]
    trace: TraceParent | None = None
    """The event's own trace, where its format gives it one; else that of the request holds."""
    headers: tuple[tuple[str, bytes], ...] = ()
    """Further headers of its record."""
    relocate: Callable[[str], str] | None = None
    """From a pointer into `data` to one into what the sender wrote, where the two differ."""


class NoEvent(Exception):
    """What was sent is understood, and is not to become an event."""


class Refused(Invalid):
    """An event that its format refuses, with the id that it came with."""

    def __init__(self, reason: str, errors: tuple[FieldError, ...], event_id: str | None) -> None:
        super().__init__(reason, errors)
        self.event_id = event_id


Reader = Callable[[bytes, int], Arrival]
"""From an event's text and the most bytes that it may have; raises Invalid with pointers into what the sender wrote,
or NoEvent."""


def read_native(raw: bytes, max_bytes: int) -> Arrival:
    """An event that is written as the contract has it."""
    return Arrival(codec.parse(raw, max_bytes=max_bytes))
