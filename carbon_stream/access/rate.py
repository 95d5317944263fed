"""How fast somebody may send: a token bucket that may go into debt.

What a request costs is known when its events have been counted, which is after its body was read. So a request is
taken while the bucket is not in debt, whatever it then costs, and the next ones wait until the debt is paid: over time
the rate holds, and no batch is torn.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from carbon_stream.access.principal import Principal, Rate

__all__ = ["Bucket", "Buckets"]


class Bucket:
    """One sender's. Times in monotonic seconds."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst_events
        self._at = now

    def wait_s(self, now: float) -> float:
        """Seconds until something may be sent; 0 when it may now."""
        self._fill(now)
        return 0.0 if self._left > 0 else (-self._left + 1e-9) / self._rate.events_per_s

    def spend(self, events: int, now: float) -> None:
        """Takes what a request costs, into debt if need be."""
        self._fill(now)
        self._left -= events

    def _fill(self, now: float) -> None:
        self._left = min(self._rate.burst_events, self._left + max(0.0, now - self._at) * self._rate.events_per_s)
        self._at = now


class Buckets:
    """Those of all principals that have a rate, in this process."""

    _KEPT: Final = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: OrderedDict[tuple[str, str, Rate], Bucket] = OrderedDict()

    def wait_s(self, principal: Principal) -> float:
        """Seconds until this principal may send; 0 when it may now."""
        bucket = self._of(principal)
        return 0.0 if bucket is None else bucket.wait_s(self._clock())

    def spend(self, principal: Principal, events: int) -> None:
        """Counts events that this principal has sent."""
        bucket = self._of(principal)
        if bucket is not None:
            bucket.spend(events, self._clock())

    def _of(self, principal: Principal) -> Bucket | None:
        if principal.rate is None:
            return None
        name = (principal.via, principal.credential_id or principal.name, principal.rate)
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(principal.rate, self._clock())
            if len(self._buckets) > self._KEPT:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return bucket
