"""What happens again and again is told once a minute, with how often: a flood of refusals makes no flood of events."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

__all__ = ["Repeats"]

_Thing = TypeVar("_Thing", bound=Hashable)


class Repeats(Generic[_Thing]):
    """Counts by thing, in windows that begin with the first time. Times in seconds of any one clock."""

    def __init__(self, *, window_s: float = 60.0, things_max: int = 1_024) -> None:
        self._window_s, self._things_max = window_s, things_max
        self._since: dict[_Thing, tuple[float, int]] = {}
        self.beyond = 0
        """Times of things that there was no room for; they are told as nothing but this number."""

    def first(self, thing: _Thing, now: float, times: int = 1) -> bool:
        """Whether this is to be told now; else it is counted, and comes with `due`."""
        window = self._since.get(thing)
        if window is None:
            if len(self._since) >= self._things_max:
                self.beyond += times
                return False
            self._since[thing] = (now, 0)
            return True
        self._since[thing] = (window[0], window[1] + times)
        return False

    def __contains__(self, thing: _Thing) -> bool:
        return thing in self._since

    def due(self, now: float) -> Iterator[tuple[_Thing, int]]:
        """Things whose window is over, with how often they happened after the first time; a new window may begin."""
        over = [thing for thing, (since, _) in self._since.items() if now - since >= self._window_s]
        for thing in over:
            _, times = self._since.pop(thing)
            if times:
                yield thing, times
