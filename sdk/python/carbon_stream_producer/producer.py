"""EventProducer: for threads. The asyncio one, in `async_producer`, has the same methods as coroutines."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from carbon_stream_producer import ending
from carbon_stream_producer.buffer import RECORD_OVERHEAD, Buffer
from carbon_stream_producer.contract import EventType
from carbon_stream_producer.delivery import Delivery, OnDelivery, Outcome
from carbon_stream_producer.errors import DeliveryFailed, InvalidEvent
from carbon_stream_producer.generated.methods import EventMethods
from carbon_stream_producer.prepare import Envelope, Preparer, envelope_and_payload
from carbon_stream_producer.record import Record
from carbon_stream_producer.settings import service_name
from carbon_stream_producer.transports.base import Log, Opening, Transport
from carbon_stream_producer.transports.choice import transport_of

if TYPE_CHECKING:
    from carbon_stream_producer.generated.events import Event

__all__ = ["LOG", "EventProducer", "Stats"]

LOG: Final = logging.getLogger("carbon_stream_producer")
_COMPLAINT_S: Final = 10.0


class Stats(NamedTuple):
    """Counts since the producer was made; `pending` and `pending_bytes` are what is on its way now."""

    delivered: int
    failed: int
    refused: int
    """Events that did not keep their contract."""
    pending: int
    pending_bytes: int


class EventProducer(EventMethods):
    """Sends one service's events; for any number of threads.

    Args:
        service: the events' `source`; SERVICE_NAME where it is not given.
        transport: "kafka", "http", "console", "noop", or an object; CARBON_STREAM_TRANSPORT, else "kafka".
        max_block_s: how long producing may wait for room in the buffer; 0 fails at once with BufferFull.
        buffer_events, buffer_bytes: how much may wait for acknowledgement.
        delivery_timeout_s: how long delivery is tried.
        traceparent: asked for the calling context's W3C traceparent where `flow` has none.
        flush_on_sigterm: deliver what waits before a SIGTERM ends the process, where nobody else handles it.

    """

    def __init__(
        self,
        service: str | None = None,
        *,
        transport: Transport | str | None = None,
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
        self.transport = transport_of(transport)
        self._buffer = Buffer(buffer_events, buffer_bytes, max_block_s, self.transport.serve)
        self._counting = threading.Lock()
        self._ended = threading.Event()
        self._delivered = self._failed = self._refused = 0
        self._complained_at = float("-inf")
        self.transport.open(Opening(self.service, logger, buffer_events, buffer_bytes, delivery_timeout_s))
        ending.remember(self, flush_on_sigterm)

    def produce(self, event: "Event", *, on_delivery: OnDelivery | None = None) -> Delivery:
        """Send an event given as an object of its class."""
        payload, envelope = envelope_and_payload(event)
        return self._produce(event.KIND, payload, envelope, on_delivery)

    def produce_custom_event(
        self, topic: str, event: Mapping[str, Any], *, key: str | None = None, on_delivery: OnDelivery | None = None
    ) -> Delivery:
        """Send an event given by its JSON names: on one of the twelve topics, or on any other topic of yours.

        The envelope is filled in. On the twelve, the contract is checked and the key is the catalog's.
        """
        try:
            record = self._preparer.custom(topic, event, key)
        except InvalidEvent:
            self._refuse()
            raise
        return self._send(record, on_delivery)

    def flush(self, timeout: float | None = None) -> int:
        """Send what waits now, and wait until all is delivered; how many events are not, when the time is over."""
        deadline = None if timeout is None else time.monotonic() + timeout
        self.transport.flush(timeout)
        return self._buffer.drain(None if deadline is None else max(0.0, deadline - time.monotonic()))

    def close(self, timeout: float = 30.0) -> None:
        """Deliver what waits, for at most so many seconds, then end; what is left fails, and is logged."""
        if not self._buffer.close("the producer has been closed"):
            self._ended.wait(timeout)  # another thread is at it, or was
            return
        try:
            left = self.flush(timeout)
            if left:
                self._log.error("%d events of %s could not be delivered before the end", left, self.service)
            self.transport.close(0.0)
        finally:
            self._ended.set()
            ending.forget(self)

    @property
    def closed(self) -> bool:
        """Whether it takes no more events."""
        return self._buffer.closed

    def stats(self) -> Stats:
        """What has become of the events so far."""
        return Stats(self._delivered, self._failed, self._refused, self._buffer.events, self._buffer.bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def end(self, timeout_s: float) -> None:
        """`close`, when the process ends."""
        self.close(timeout_s)

    def abandon(self) -> None:
        """In a forked child: this producer belongs to the parent."""
        self._ended.set()
        self._buffer.disown("this producer belongs to the parent process: make one after the fork")

    def _produce(
        self, kind: EventType, payload: dict[str, Any], envelope: Envelope, on_delivery: OnDelivery | None
    ) -> Delivery:
        try:
            record = self._preparer.typed(kind, payload, envelope)
        except InvalidEvent:
            self._refuse()
            raise
        return self._send(record, on_delivery)

    def _send(self, record: Record, on_delivery: OnDelivery | None) -> Delivery:
        size = len(record.value) + RECORD_OVERHEAD
        self._buffer.take(size)
        delivery = Delivery(record.event_id, self, size, on_delivery)
        try:
            self.transport.send(record, delivery.settle)
        except BaseException as error:
            delivery.settle(DeliveryFailed(record.event_id, f"it was not taken: {error}", retriable=True))
            raise
        return delivery

    def _refuse(self) -> None:
        with self._counting:
            self._refused += 1

    def _settled(self, size: int, outcome: Outcome) -> None:
        self._buffer.give(size)
        with self._counting:
            if not isinstance(outcome, DeliveryFailed):
                self._delivered += 1
                return
            self._failed += 1
            now = time.monotonic()
            silent = now - self._complained_at < _COMPLAINT_S
            self._complained_at = self._complained_at if silent else now
        if not silent:
            self._log.error("%s (%d have failed so far)", outcome, self._failed)

    def _callback_failed(self, event_id: str) -> None:
        self._log.exception("the callback for event %s failed", event_id)
