"""Event time, bounded by the broker's clock."""

from __future__ import annotations

import time

HOUR_MS = 3_600_000
AHEAD_MS_MAX = 300_000
"""An event more than five minutes ahead of the broker counts at the broker's time."""

LATE_MS = HOUR_MS
"""An event more than an hour behind the broker is counted as late (and still counts in its own hour)."""


class BrokerClock:
    """The broker's time as far as a worker knows it: the newest append time of all its records, carried on by a steady
    clock.

    All partitions of a worker share one: on a partition where nothing arrives, rows age by what arrives elsewhere. A
    worker that is started while nothing arrives anywhere takes the last append time for the present, and catches up
    with the first record. It is never ahead of this machine's own clock by more than `AHEAD_MS_MAX`: where a topic has
    its senders' times for append times, no sender can make rows age.
    """

    def __init__(self) -> None:
        self._newest_ms: int | None = None
        self._seen_at = 0.0

    def saw(self, append_ms: int) -> None:
        """Take note of a record's append time."""
        append_ms = min(append_ms, int(time.time() * 1000) + AHEAD_MS_MAX)
        now = time.monotonic()
        if self._newest_ms is None or append_ms >= self._newest_ms + int((now - self._seen_at) * 1000):
            self._newest_ms, self._seen_at = append_ms, now

    def now(self) -> int | None:
        """Milliseconds since the epoch, ahead of the broker by this machine's drift at most; None if unknown."""
        if self._newest_ms is None:
            return None
        return self._newest_ms + int((time.monotonic() - self._seen_at) * 1000)
