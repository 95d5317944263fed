"""How much may wait for acknowledgement, in events and in bytes. Beyond it, senders wait or are told at once."""

import threading
import time
from collections.abc import Callable

from carbon_stream_producer.delivery import in_callback
from carbon_stream_producer.errors import BufferFull, ProducerClosed

__all__ = ["RECORD_OVERHEAD", "Buffer", "full"]

RECORD_OVERHEAD = 512
"""Bytes that are counted for a record beside its value: key, headers, bookkeeping."""
_SERVE_S = 0.1

Serve = Callable[[float], bool]
"""Let deliveries happen in this thread for at most so many seconds; False where that is not this thread's work."""


class Buffer:
    """Counts what is on its way; for threads."""

    def __init__(self, events_max: int, bytes_max: int, block_s_max: float, serve: Serve) -> None:
        self._events_max, self._bytes_max, self._block_s_max = events_max, bytes_max, block_s_max
        self._serve = serve
        self._changed = threading.Condition(threading.Lock())
        self._waiting = 0
        self._closed = ""
        self.events = self.bytes = 0

    def take(self, size: int) -> None:
        """Make room for one event; BufferFull when there is none in time, ProducerClosed when there never will be."""
        with self._changed:
            if self._fits(size):
                return
        deadline = time.monotonic() + (0.0 if in_callback() else self._block_s_max)
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise full(self.events, self.bytes, self._block_s_max)
            self._wait(min(left_s, _SERVE_S), self.events)
            with self._changed:
                if self._fits(size):
                    return

    def give(self, size: int) -> None:
        """One event less is on its way."""
        with self._changed:
            self.events -= 1
            self.bytes -= size
            if self._waiting:
                self._changed.notify_all()

    def close(self, why: str) -> bool:
        """Take nothing more; False where that was so already."""
        with self._changed:
            before, self._closed = self._closed, self._closed or why
            return not before

    def disown(self, why: str) -> None:
        """In a forked child, where another thread of the parent may have held the lock: start anew, closed."""
        self._changed = threading.Condition(threading.Lock())
        self._closed = why
        self.events = self.bytes = 0

    @property
    def closed(self) -> bool:
        """Whether nothing more is taken."""
        return bool(self._closed)

    def drain(self, timeout_s: float | None) -> int:
        """Wait until nothing is on its way; how many events still are when the time is over."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.events:
            left_s = _SERVE_S if deadline is None else deadline - time.monotonic()
            if left_s <= 0:
                break
            self._wait(min(left_s, _SERVE_S), self.events)
        return self.events

    def _fits(self, size: int) -> bool:
        if self._closed:
            raise ProducerClosed(self._closed)
        if self.events and (self.events >= self._events_max or self.bytes + size > self._bytes_max):
            return False
        self.events += 1
        self.bytes += size
        return True

    def _wait(self, seconds: float, seen: int) -> None:
        if self._serve(seconds):
            return
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: self.events != seen or self._closed, seconds)
            self._waiting -= 1


def full(events: int, size: int, block_s_max: float) -> BufferFull:
    """What a sender is told."""
    waited = f"after {block_s_max:g} s" if block_s_max else "and waiting was not asked for (max_block_s is 0)"
    return BufferFull(
        f"{events:,} events ({size:,} bytes) wait for acknowledgement, no room for another one {waited}:"
        " is the broker away or slow? Send less, or raise buffer_events or buffer_bytes"
    )
