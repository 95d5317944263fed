"""What a rebuild tells while it runs, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

Say = Callable[[str], None]
TOLD_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Done:
    """Records that were folded again; rows that stood, that changed, were added and are gone; records newly refused."""

    records: int = 0
    rows: int = 0
    changed: int = 0
    added: int = 0
    gone: int = 0
    refused: int = 0

    def plus(self, other: Done) -> Done:
        """Of this partition and another one."""
        return Done(*(getattr(self, name) + getattr(other, name) for name in Done.__dataclass_fields__))

    def after(self, later: Done) -> Done:
        """Of a first attempt, part of which was done, and a later one that did the rest: what was found first counts,
        unless more was found.
        """
        larger = {name: max(getattr(self, name), getattr(later, name)) for name in Done.__dataclass_fields__}
        return replace(later, **larger)

    @property
    def is_nothing(self) -> bool:
        """Every row is as it should be."""
        return not (self.changed or self.added or self.gone or self.refused)


def words(done: Done) -> str:
    """For people."""
    told = f"{done.records:,} records folded again; of {done.rows:,} rows {done.changed:,} changed, {done.gone:,} gone"
    told += f", {done.added:,} new"
    return told + (f"; {done.refused:,} records are dead letters now" if done.refused else "")


class Progress:
    """A line every few seconds. `left` is the number of offsets to read."""

    def __init__(self, say: Say, name: str, left: int) -> None:
        self._say, self._name, self._left = say, name, left
        self._records = self._told_records = 0
        self._told = time.monotonic()

    def read(self, records: int) -> None:
        """So many more were folded."""
        self._records += records
        seconds = time.monotonic() - self._told
        if seconds >= TOLD_EVERY_S:
            rate = (self._records - self._told_records) / seconds
            self._say(f"{self._name}: {self._records:,} of {self._left:,} records folded again, {rate:,.0f} a second")
            self._told, self._told_records = time.monotonic(), self._records
