"""Notices what does not move: a partition that hangs in one step, and a batch that was handed over and never arrived.

Decisions only; `App` looks once a second and acts.
"""

from __future__ import annotations

from dataclasses import dataclass

from faust.types import TP

STEP_S_MAX = 120.0
"""One unit of work, or taking a partition over, that takes longer hangs: no timeout of a client is longer than 60 s."""

ARRIVAL_S_MAX = 5.0
"""From the consumer to the partition's queue a batch takes milliseconds."""


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
