"""AsyncEventProducer: the same methods as coroutines, for one event loop."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from carbon_stream_producer import ending
from carbon_stream_producer.buffer import RECORD_OVERHEAD, full
from carbon_stream_producer.contract import EventType
from carbon_stream_producer.delivery import Receipt
from carbon_stream_producer.errors import ConfigurationError, InvalidEvent, ProducerClosed
from carbon_stream_producer.generated.async_methods import AsyncEventMethods
from carbon_stream_producer.prepare import Envelope, Preparer, envelope_and_payload
from carbon_stream_producer.producer import LOG, Stats
from carbon_stream_producer.record import Record
from carbon_stream_producer.settings import service_name
from carbon_stream_producer.transports.base import AsyncTransport, Log, Opening, Transport
from carbon_stream_producer.transports.choice import async_transport_of

if TYPE_CHECKING:
    from carbon_stream_producer.generated.events import Event

__all__ = ["AsyncEventProducer", "get_async_event_producer"]

_COMPLAINT_S: Final = 10.0
Sent = asyncio.Future[Receipt]


class AsyncEventProducer(AsyncEventMethods):
    """Sends one service's events; the arguments are EventProducer's.

    `await producer.produce_…(…)` waits for room in the buffer and gives the delivery, a future of the receipt:
    `receipt = await (await producer.produce_…(…))`. It is started by `async with`, or by the first event.
    """

    def __init__(
        self,
        service: str | None = None,
        *,
        transport: AsyncTransport | Transport | str | None = None,
        max_block_s: float = 60.0,
        buffer_events: int = 100_000,
        buffer_bytes: int = 64 << 20,
        delivery_timeout_s: float = 120.0,
        traceparent: Callable[[], str | None] | None = None,
        logger: Log = LOG,
        flush_on_sigterm: bool = True,
    ) -> None:
        self.service = service_name(service)
        self._log = logger
        self._preparer = Preparer(self.service, traceparent)
        self.transport = async_transport_of(transport)
        self._opening = Opening(self.service, logger, buffer_events, buffer_bytes, delivery_timeout_s)
        self._max_block_s = max_block_s
        self._flush_on_sigterm = flush_on_sigterm
        self._loop: asyncio.AbstractEventLoop | None = None
        self._started: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._closed = ""
        self._ready = False
        self._pending = self._pending_bytes = self._delivered = self._failed = self._refused = 0
        self._room: deque[asyncio.Future[None]] = deque()
        self._complained_at = float("-inf")

    async def start(self) -> None:
        """Open the transport; ConfigurationError, MissingExtra for what cannot work."""
        if self._closed:
            raise ProducerClosed(self._closed)
        if self._started is None:
            self._loop = asyncio.get_running_loop()
            self._started = asyncio.create_task(self.transport.open(self._opening))
        await asyncio.shield(self._started)
        if not self._ready:
            self._ready = True
            ending.remember(self, self._flush_on_sigterm)

    async def produce(self, event: "Event") -> Sent:
        """Send an event given as an object of its class."""
        payload, envelope = envelope_and_payload(event)
        return await self._produce(event.KIND, payload, envelope)

    async def produce_custom_event(self, topic: str, event: Mapping[str, Any], *, key: str | None = None) -> Sent:
        """As EventProducer.produce_custom_event."""
        try:
            record = self._preparer.custom(topic, event, key)
        except InvalidEvent:
            self._refused += 1
            raise
        return await self._send(record)

    async def flush(self, timeout: float | None = None) -> int:
        """Wait until all is delivered; how many events are not, when the time is over."""
        if not self._ready:
            return 0
        await self.transport.flush()
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._pending and (deadline is None or time.monotonic() < deadline):
            await self._wait(0.1 if deadline is None else max(0.0, min(0.1, deadline - time.monotonic())))
        return self._pending

    async def close(self, timeout: float = 30.0) -> None:
        """Deliver what waits, for at most so many seconds, then end; what is left fails, and is logged."""
        if self._closing is None:
            self._closed = self._closed or "the producer has been closed"
            self._closing = asyncio.create_task(self._end(timeout))
        await asyncio.shield(self._closing)

    async def _end(self, timeout: float) -> None:
        if self._ready:
            left = await self.flush(timeout)
            if left:
                self._log.error("%d events of %s could not be delivered before the end", left, self.service)
            await self.transport.close(0.0)
        ending.forget(self)

    @property
    def closed(self) -> bool:
        """Whether it takes no more events."""
        return bool(self._closed)

    def stats(self) -> Stats:
        """What has become of the events so far."""
        return Stats(self._delivered, self._failed, self._refused, self._pending, self._pending_bytes)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def end(self, timeout_s: float) -> None:
        """When the process ends, from another thread: the loop closes it, where it still runs."""
        if self._loop is None or (self._closing is not None and self._closing.done()):
            return
        if self._loop.is_running():
            asyncio.run_coroutine_threadsafe(self.close(timeout_s), self._loop).result(timeout_s + 5)
        elif self._pending:
            told = "%d events of %s were not delivered: the event loop ended before `await producer.close()`"
            self._log.error(told, self._pending, self.service)

    def abandon(self) -> None:
        """In a forked child: this producer belongs to the parent."""
        self._closed = "this producer belongs to the parent process: make one after the fork"

    async def _produce(self, kind: EventType, payload: dict[str, Any], envelope: Envelope) -> Sent:
        try:
            record = self._preparer.typed(kind, payload, envelope)
        except InvalidEvent:
            self._refused += 1
            raise
        return await self._send(record)

    async def _send(self, record: Record) -> Sent:
        if not self._ready:
            await self.start()
        if self._loop is not asyncio.get_running_loop():
            raise ConfigurationError("an AsyncEventProducer belongs to the event loop that it was started in")
        size = len(record.value) + RECORD_OVERHEAD
        deadline = time.monotonic() + self._max_block_s
        while not self._fits(size):
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise full(self._pending, self._pending_bytes, self._max_block_s)
            await self._wait(left_s)
        self._pending += 1
        self._pending_bytes += size
        try:
            sent = await self.transport.send(record)
        except BaseException:
            self._give(size)
            self._failed += 1
            raise
        sent.add_done_callback(partial(self._settled, size))
        return sent

    def _fits(self, size: int) -> bool:
        if self._closed:
            raise ProducerClosed(self._closed)
        bounds = self._opening
        return not self._pending or (
            self._pending < bounds.buffer_events and self._pending_bytes + size <= bounds.buffer_bytes
        )

    async def _wait(self, seconds: float) -> None:
        """Until a delivery has ended, or the time is over."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._room.append(ended)
        try:
            await asyncio.wait((ended,), timeout=seconds)
        finally:
            ended.cancel()

    def _give(self, size: int) -> None:
        self._pending -= 1
        self._pending_bytes -= size
        while self._room:
            waiting = self._room.popleft()
            if not waiting.done():
                waiting.set_result(None)

    def _settled(self, size: int, sent: Sent) -> None:
        self._give(size)
        error = ProducerClosed("cancelled") if sent.cancelled() else sent.exception()
        if error is None:
            self._delivered += 1
            return
        self._failed += 1
        now = time.monotonic()
        if now - self._complained_at >= _COMPLAINT_S:
            self._complained_at = now
            self._log.error("%s (%d have failed so far)", error, self._failed)


_producers: dict[tuple[str, int], AsyncEventProducer] = {}


def get_async_event_producer(service: str | None = None, **options: Any) -> AsyncEventProducer:
    """The running loop's producer of this service, as get_event_producer."""
    key = service_name(service), id(asyncio.get_running_loop())
    found = _producers.get(key)
    if found is None or found.closed or found._loop not in (None, asyncio.get_running_loop()):
        found = _producers[key] = AsyncEventProducer(key[0], **options)
    elif options:
        raise ConfigurationError(f"{key[0]} has an open producer: give options at the first call")
    return found
