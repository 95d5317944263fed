"""The ledger: for each source topic and partition, how far a stage has come and what became of every record."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from carbon_stream.streaming.rows import Key, Row


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one topic partition since its beginning.

    `position` is the offset of the next record to read; applied + duplicate + dead is the number of records before it
    that the topic held when they were read. `late` and `skewed` are among the applied. `at` is the broker's append
    time (ms) of the last record.
    """

    position: int = 0
    applied: int = 0
    duplicate: int = 0
    dead: int = 0
    late: int = 0
    skewed: int = 0
    at: int = 0

    def plus(self, other: Tally) -> Tally:
        """This tally after a batch whose own counts, position and time are `other`."""
        return replace(
            other,
            applied=self.applied + other.applied,
            duplicate=self.duplicate + other.duplicate,
            dead=self.dead + other.dead,
            late=self.late + other.late,
            skewed=self.skewed + other.skewed,
            at=max(self.at, other.at),
        )

    def row(self) -> Row:
        """The tally as a row."""
        return {"v": 1, **asdict(self)}


LEDGER = "ledger"


def ledger_key(topic: str) -> Key:
    """The key of a topic's ledger row; its partition is that of the changelog it stands in."""
    return (LEDGER, topic)


def tally_of(row: Row | None) -> Tally:
    """The tally that a row holds; an empty one if there is no row."""
    if row is None:
        return Tally()
    return Tally(**{name: int(row[name]) for name in Tally.__dataclass_fields__})
