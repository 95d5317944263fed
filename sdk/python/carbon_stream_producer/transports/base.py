"""What a transport has to do. Records come valid and routed; a transport brings each to its end, once."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from carbon_stream_producer.delivery import Outcome, Receipt
from carbon_stream_producer.record import Record

if TYPE_CHECKING:
    import asyncio

__all__ = ["AsyncTransport", "Done", "Log", "Opening", "Transport"]

Done = Callable[[Outcome], None]
"""To be called for each record, from any thread; the first word counts."""
Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


class Opening(NamedTuple):
    """What a transport is told when it is opened."""

    service: str
    log: Log
    buffer_events: int
    buffer_bytes: int
    delivery_timeout_s: float


class Transport(Protocol):
    """For EventProducer (and, through a bridge, AsyncEventProducer)."""

    def open(self, opening: Opening) -> None:
        """Get ready; raise ConfigurationError for what cannot work. Must not wait for a server."""

    def send(self, record: Record, done: Done) -> None:
        """Take a record without waiting. Its end is told to `done`, within the delivery timeout."""

    def serve(self, timeout_s: float) -> bool:
        """Let deliveries happen in the calling thread for so long; False where another thread sees to them."""

    def flush(self, timeout_s: float | None) -> None:
        """Send what waits without lingering; may wait until it is delivered."""

    def close(self, timeout_s: float) -> None:
        """End: whatever has no end yet fails after so many seconds."""


class AsyncTransport(Protocol):
    """For AsyncEventProducer."""

    async def open(self, opening: Opening) -> None:
        """As above."""

    async def send(self, record: Record) -> "asyncio.Future[Receipt]":
        """Take a record; the future has its receipt, or DeliveryFailed."""

    async def flush(self) -> None:
        """Send what waits without lingering."""

    async def close(self, timeout_s: float) -> None:
        """As above."""
