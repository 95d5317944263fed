"""Notices what does not move: a partition that hangs in one step, a batch that was handed over and never arrived, and
reading that stands still although there is something to read.

Decisions only; `App` looks and acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from faust.types import TP

STEP_S_MAX = 120.0
"""One unit of work, or taking a partition over, that takes longer hangs: no timeout of a client is longer than 60 s."""

ARRIVAL_S_MAX = 5.0
"""From the consumer to the partition's queue a batch takes milliseconds."""


STILL_S_MAX = 60.0
"""With room for a batch, with brokers that answer, and with records to read, reading goes on within milliseconds."""


class Stuck(Exception):
    """What cannot go on, and waiting will not help: the worker ends with this."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One source partition at one moment. `handed_over` is the last offset that left the consumer, None for none."""

    tp: TP
    position: int
    handed_over: int | None
    busy_s: float


def hangs(busy_s: float) -> str | None:
    """Why the worker should be ended when a partition's present step has taken so long, or None."""
    return None if busy_s <= STEP_S_MAX else f"one step has taken {busy_s:.0f} s"


def lag(sight: Sight, read_next: int, end: int) -> int:
    """Offsets that are still to be read or applied. Behind the last record there may be markers of transactions, which
    no position moves over, but which reading has passed: they are no lag.
    """
    is_all_applied = sight.handed_over is None or sight.handed_over < sight.position
    return max(0, end - (max(sight.position, read_next) if is_all_applied else sight.position))


class Watchdog:
    """Remembers since when something has been overdue."""

    def __init__(self) -> None:
        self._missing_since: dict[TP, tuple[int, float]] = {}

    def misses(self, sight: Sight, now: float) -> str | None:
        """Why the partition should read again, or None. `now` is a steady clock, seconds.

        A batch that Faust drops is noticed by the one that follows it. The last one has none that follows.
        """
        arrived = sight.handed_over is None or sight.handed_over < sight.position
        if arrived or sight.busy_s > 0:
            self._missing_since.pop(sight.tp, None)
            return None
        position, since = self._missing_since.setdefault(sight.tp, (sight.position, now))
        if position != sight.position:
            self._missing_since[sight.tp] = (sight.position, now)
            return None
        if now - since < ARRIVAL_S_MAX:
            return None
        del self._missing_since[sight.tp]
        return f"{sight.tp.topic}: offset {sight.handed_over} was handed over and never arrived"


class Standstill:
    """Remembers since when reading has not moved, partition by partition."""

    def __init__(self) -> None:
        self._since: dict[TP, tuple[int, float]] = {}

    def stands(self, reading: Mapping[TP, tuple[int, int]], now: float) -> str | None:
        """Why the worker should be ended, or None. `reading` has the partitions that wait for records: the offset that
        is read next, and the end of what can be read. `now` is a steady clock, seconds.
        """
        since = {}
        for tp, (at, end) in reading.items():
            before, moved = self._since.get(tp, (at, now))
            if at < end:
                since[tp] = (at, moved if before == at else now)
                if now - since[tp][1] >= STILL_S_MAX:
                    return (
                        f"{tp.topic}/{tp.partition}: reading stands still at offset {at}, and there is more up to {end}"
                    )
        self._since = since
        return None
