"""What waits in the spool, by strand: sequence numbers only, eight bytes a record. Pure."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from carbon_stream.ingest.spool.rows import Strand

__all__ = ["Backlog", "Line"]

_BACKOFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)


class OnItsWay(Protocol):
    """Records that were handed to Kafka together."""

    @property
    def failed(self) -> bool:
        """Whether any of them has failed."""


@dataclass(slots=True)
class Line:
    """One strand's records that wait, in order."""

    waiting: "array[int]" = field(default_factory=lambda: array("q"))
    coming: int = 0
    """Records that are being written."""
    held: int = 0
    """Batches with records of it on their way to Kafka of which it is not known yet whether they arrive."""
    busy: bool = False
    """Whether records of it are being forwarded."""
    under_way: int = 0
    """How many of the first ones stand in the queue to Kafka."""
    on_its_way: "OnItsWay | None" = None
    """What they are in."""
    failures: int = 0
    not_before: float = 0.0
    """When (monotonic, seconds) forwarding may be tried again."""
    repeats_to: int = -1
    """Up to this row, records were handed to Kafka before, and nobody knows what became of them."""

    @property
    def over(self) -> bool:
        """Whether there is nothing more to it."""
        return not (self.waiting or self.coming or self.held or self.busy)

    @property
    def queued(self) -> bool:
        """Whether all of it stands in the queue to Kafka, so that what goes there now is behind it."""
        if self.on_its_way is None or self.on_its_way.failed:
            return False
        return len(self.waiting) <= self.under_way and not self.coming and not self.held


class Backlog:
    """The lines of all strands that have any."""

    def __init__(self) -> None:
        self._lines: dict[Strand, Line] = {}

    def __contains__(self, strand: Strand) -> bool:
        return strand in self._lines

    def keeps_back(self, strand: Strand) -> bool:
        """Whether a record of this strand would overtake others if it went to Kafka now."""
        line = self._lines.get(strand)
        return line is not None and not line.queued

    def __bool__(self) -> bool:
        return bool(self._lines)

    def line(self, strand: Strand) -> Line:
        """The line of a strand, made where there is none."""
        line = self._lines.get(strand)
        if line is None:
            line = self._lines[strand] = Line()
        return line

    def tidy(self, strands: Iterable[Strand]) -> None:
        """Forgets lines that are over."""
        for strand in strands:
            line = self._lines.get(strand)
            if line is not None and line.over:
                del self._lines[strand]

    def take(self, now: float, rows_max: int, rows_a_line: int) -> dict[Strand, list[int]]:
        """The next rows to forward, of lines that nobody forwards yet; those are busy from now on."""
        taken: dict[Strand, list[int]] = {}
        for strand, line in self._lines.items():
            if line.waiting and not line.busy and not line.held and line.not_before <= now:
                rows = taken[strand] = line.waiting[: min(rows_a_line, rows_max)].tolist()
                line.busy = True
                rows_max -= len(rows)
                if rows_max <= 0:
                    break
        return taken

    def remove(self, strand: Strand, seqs: Sequence[int]) -> None:
        """Takes rows out that stand near a line's beginning."""
        if not seqs:
            return
        waiting = self.line(strand).waiting
        gone, last = set(seqs), max(seqs)
        reach = next((place for place, seq in enumerate(waiting) if seq > last), len(waiting))
        waiting[:reach] = array("q", [seq for seq in waiting[:reach] if seq not in gone])

    def rest(self, strand: Strand, now: float, *, failed: bool) -> None:
        """Ends the forwarding of a line; after a failure it is left alone for a while."""
        line = self.line(strand)
        line.busy = False
        line.under_way, line.on_its_way = 0, None
        if failed:
            line.not_before = now + _BACKOFF_S[min(line.failures, len(_BACKOFF_S) - 1)]
            line.failures += 1
        else:
            line.failures = 0
