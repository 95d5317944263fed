"""When and over which rows a partition sweeps: rounds over all of its rows, in steps that are units of work.

A step looks at a bounded number of rows and changes a bounded number of them, so that it takes milliseconds whatever
the size of the table; between two steps the partition works on what has come. A round ends when every row that was
there at its beginning has been looked at, and the next one begins some time later. So a large backlog of aged rows is
worked off in as many steps as it takes, one after the other, and not one step a minute.

The first rounds after a partition was taken over also look at the version of every row (see `formats`): rows that stand
in another one than is written now are written again, and one that is not known refuses the partition.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from carbon_stream.streaming.entry import Sweep
from carbon_stream.streaming.formats import Formats
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.rows import Key, Work, decode_key
from carbon_stream.streaming.shard import Changes, Shard

ROUND_EVERY_S = 60.0
"""From the end of a round to the beginning of the next one."""

STEP_ROWS_MAX = 2_000
"""Rows that a step looks at: some milliseconds."""


class Swept(NamedTuple):
    """What a step of a round comes to."""

    changes: Changes
    forwards: Sequence[Forward]


class Sweeper:
    """Takes one partition's shard through its rounds. `now` is the broker's time in ms, or None as long as unknown."""

    def __init__(self, sweep: Sweep | None, shard: Shard, formats: Formats, now: Callable[[], int | None]) -> None:
        self._sweep, self._shard, self._formats, self._now = sweep, shard, formats, now
        self.begin()

    def begin(self) -> None:
        """The partition has been taken over: the first round is due, and looks at the version of every row."""
        self.are_formats_settled = False
        """Whether a whole round has found every row in the version that is written now."""
        self._written_again = 0
        self._walk: Iterator[bytes] = iter(())
        self._ahead: bytes | None = None
        """The next key of the round; None between two rounds."""
        self._next_round = time.monotonic()

    def wait_s(self) -> float:
        """Seconds until the next step is due; 0 within a round."""
        return 0.0 if self._ahead is not None else max(0.0, self._next_round - time.monotonic())

    def step(self) -> Swept:
        """What the next step changes and sends on; it becomes the state once it has been committed, all together.

        Changes that are not committed are found again by the next round. Raises NewerRow.
        """
        now = self._now()
        if self._ahead is None:
            nothing_to_do = self.are_formats_settled and (self._sweep is None or now is None)
            self._walk, self._written_again = iter(()) if nothing_to_do else self._shard.keys(), 0
            self._ahead = next(self._walk, None)
        stale: list[Key] = []
        work = Work(self._shard, self._formats, self._turn(stale))
        if self._sweep is not None and now is not None:
            self._sweep(work, now)
        else:
            deque(work.keys(), maxlen=0)
        for key in stale:
            row = work.get(key)
            if row is not None:
                work.put(key, row)
        self._written_again += len(stale)
        if self._ahead is None:
            self._next_round = time.monotonic() + ROUND_EVERY_S
            self.are_formats_settled = self.are_formats_settled or not self._written_again
        return Swept(work.changes(), work.forwards)

    def _turn(self, stale: list[Key]) -> Iterator[bytes]:
        """The keys of a step. Until all have been seen in the version that is written, the others are noted."""
        for _ in range(STEP_ROWS_MAX):
            key = self._ahead
            if key is None:
                return
            self._ahead = next(self._walk, None)
            if not self.are_formats_settled:
                self._note(stale, key)
            yield key

    def _note(self, stale: list[Key], encoded: bytes) -> None:
        row = self._shard.get(encoded)
        if row is not None and self._formats.is_stale(key := decode_key(encoded), row):
            stale.append(key)
