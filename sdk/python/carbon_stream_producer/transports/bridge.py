"""A transport for threads, used from asyncio."""

import asyncio
from contextlib import suppress
from functools import partial

from carbon_stream_producer.delivery import Outcome, Receipt
from carbon_stream_producer.errors import DeliveryFailed
from carbon_stream_producer.record import Record
from carbon_stream_producer.transports.base import Opening, Transport

__all__ = ["Bridge"]


class Bridge:
    """Its deliveries arrive in the event loop."""

    def __init__(self, transport: Transport) -> None:
        self.inner = transport

    async def open(self, opening: Opening) -> None:
        """Open the one behind."""
        self.inner.open(opening)

    async def send(self, record: Record) -> "asyncio.Future[Receipt]":
        """Hand on; the future is settled in this loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Receipt] = loop.create_future()

        def done(outcome: Outcome) -> None:
            with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                loop.call_soon_threadsafe(partial(_settle, future, outcome))

        self.inner.send(record, done)
        return future

    async def flush(self) -> None:
        """Do not linger."""
        await asyncio.to_thread(self.inner.flush, 0.0)

    async def close(self, timeout_s: float) -> None:
        """Close the one behind, and let its last words arrive."""
        await asyncio.to_thread(self.inner.close, timeout_s)
        await asyncio.sleep(0)


def _settle(future: "asyncio.Future[Receipt]", outcome: Outcome) -> None:
    if future.done():
        return
    if isinstance(outcome, DeliveryFailed):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
