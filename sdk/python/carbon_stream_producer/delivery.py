"""What becomes of an event: a Delivery is a future of its Receipt."""

import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from carbon_stream_producer.errors import DeliveryFailed

__all__ = ["Delivery", "OnDelivery", "Outcome", "Receipt"]


class Receipt(NamedTuple):
    """An event that is safe. `status` is "accepted", "spooled" or "duplicate" (HTTP only), or "noop" and the like.

    `topic`, `partition` and `offset` say where it is, as far as the transport knows.
    """

    event_id: str
    status: str = "accepted"
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None


Outcome = Receipt | DeliveryFailed


class Owner(Protocol):
    """Who wants to know of a delivery before anybody else."""

    def _settled(self, size: int, outcome: Outcome) -> None: ...

    def _callback_failed(self, event_id: str) -> None: ...


class Delivery:
    """The future of one event, settled once, from any thread.

    Callbacks run in the thread that settles it (the library's, or one that produces): they must not block.
    """

    __slots__ = ("_callbacks", "_outcome", "_owner", "_size", "_waiter", "event_id")

    def __init__(self, event_id: str, owner: Owner, size: int, on_delivery: "OnDelivery | None" = None) -> None:
        self.event_id = event_id
        self._owner = owner
        self._size = size
        self._callbacks: list[OnDelivery] | None = None if on_delivery is None else [on_delivery]
        self._outcome: Outcome | None = None
        self._waiter: threading.Event | None = None

    def done(self) -> bool:
        """Whether it is known what became of the event."""
        return self._outcome is not None

    def result(self, timeout: float | None = None) -> Receipt:
        """The receipt; raises DeliveryFailed, or TimeoutError when nothing is known within `timeout` seconds."""
        outcome = self._wait(timeout)
        if isinstance(outcome, DeliveryFailed):
            raise outcome
        return outcome

    def exception(self, timeout: float | None = None) -> DeliveryFailed | None:
        """Why it failed, or None where it did not; TimeoutError as `result`."""
        outcome = self._wait(timeout)
        return outcome if isinstance(outcome, DeliveryFailed) else None

    def add_done_callback(self, callback: "OnDelivery") -> None:
        """Call this with the delivery when it is settled, at once if it is already."""
        with _lock:
            if self._outcome is None:
                self._callbacks = [*(self._callbacks or ()), callback]
                return
        self._call(callback)

    def settle(self, outcome: Outcome) -> None:
        """For transports: what became of the event. Only the first word counts."""
        with _lock:
            if self._outcome is not None:
                return
            self._outcome = outcome
            callbacks, waiter = self._callbacks, self._waiter
            self._callbacks = None
        self._owner._settled(self._size, outcome)
        if waiter is not None:
            waiter.set()
        if callbacks is not None:
            for callback in callbacks:
                self._call(callback)

    def _call(self, callback: "OnDelivery") -> None:
        _here.busy = True
        try:
            callback(self)
        except Exception:  # noqa: BLE001 - a callback of the application; its failure must not stop deliveries
            self._owner._callback_failed(self.event_id)
        finally:
            _here.busy = False

    def _wait(self, timeout: float | None) -> Outcome:
        if self._outcome is None:
            with _lock:
                if self._waiter is None:
                    self._waiter = threading.Event()
                waiter = self._waiter
            # Settled before the waiter was there, it is done; `done` reads what another thread has written.
            if not self.done() and not waiter.wait(timeout) and not self.done():
                raise TimeoutError(f"it is not known within {timeout} s what became of event {self.event_id}")
        outcome = self._outcome
        assert outcome is not None
        return outcome


OnDelivery = Callable[[Delivery], None]

_lock = threading.Lock()  # one for all: held for a few instructions at a time
_here = threading.local()


def in_callback() -> bool:
    """Whether the calling thread is inside a delivery callback, where waiting for deliveries would never end."""
    return getattr(_here, "busy", False)
