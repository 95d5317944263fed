"""What every format makes of an event's text: the event as the contract has it, and what goes beside it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from carbon_stream.contracts import codec
from carbon_stream.enrichment import TraceParent

__all__ = ["Arrival", "NoEvent", "Reader", "read_native"]


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


Reader = Callable[[bytes, int], Arrival]
"""From an event's text and the most bytes that it may have; raises Invalid with pointers into what the sender wrote,
or NoEvent."""


def read_native(raw: bytes, max_bytes: int) -> Arrival:
    """An event that is written as the contract has it."""
    return Arrival(codec.parse(raw, max_bytes=max_bytes))
