"""The end of the process: whatever is open is closed, so that nothing which waits is lost.

Nothing here happens at import. The first producer registers one function for the interpreter's normal end, one for
forks and, in the main thread and only where nobody handles SIGTERM, a handler for it. That one starts a thread which
delivers what waits and then lets the signal do what it would have done; a second SIGTERM ends the process at once.
"""

import _thread
import atexit
import os
import signal
import threading
import time
from typing import Any, Final, Protocol

__all__ = ["END_S", "forget", "remember"]

END_S: Final = 20.0
"""Longest time that the end of the process waits for deliveries, seconds; Kubernetes gives 30 in all."""


class Endable(Protocol):
    """What can be open at the end."""

    def end(self, timeout_s: float) -> None:
        """Deliver what waits, then close."""

    def abandon(self) -> None:
        """Take nothing more, in a forked child."""


_open: set[Endable] = set()
_lock = threading.Lock()
_registered = False


def remember(producer: Endable, flush_on_sigterm: bool) -> None:
    """A producer is open."""
    global _registered
    with _lock:
        if not _registered:
            atexit.register(end_all)
            os.register_at_fork(after_in_child=_after_fork)
            _registered = True
        _open.add(producer)
    if (
        flush_on_sigterm
        and threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        signal.signal(signal.SIGTERM, _on_sigterm)


def forget(producer: Endable) -> None:
    """A producer has been closed."""
    with _lock:
        _open.discard(producer)


def end_all() -> None:
    """Close all that are open, together within END_S."""
    with _lock:
        producers = tuple(_open)
    deadline = time.monotonic() + END_S
    for producer in producers:  # their clients deliver at the same time; an interpreter that ends starts no threads
        producer.end(max(0.0, deadline - time.monotonic()))


def _on_sigterm(number: int, _: Any) -> None:
    # In the middle of anything, with locks held: nothing may be waited for here.
    signal.signal(number, signal.SIG_DFL)
    _thread.start_new_thread(_end_by_signal, (number,))


def _end_by_signal(number: int) -> None:
    try:
        end_all()
    finally:
        os.kill(os.getpid(), number)


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for producer in tuple(_open):
        producer.abandon()
    _open.clear()
