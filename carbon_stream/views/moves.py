"""Which records of a changelog a view must take over without giving way in between.

A sweep moves counts from rows to rows, hours to days. Its transaction's records, all but the last, have the header
`streaming.transaction.MORE`. A view that showed some of them without the others would show those counts twice or not
at all, so they are taken over in one go, however the broker's answers cut them into polls. Other transactions add to
rows; of those, any part may be seen before the rest.

Compaction may remove any record of a move but never lets an older state of its row come back: a move whose last record
is gone is joined to what follows, and that is as good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from carbon_stream.streaming.transaction import MORE

Newest = dict[bytes | None, bytes | None]
"""The newest state of each row by its key."""


class Record(Protocol):
    """What counts of a changelog's record here."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Run(NamedTuple):
    """Rows to take over, in any order; `is_move`: all of them or none."""

    rows: Newest
    is_move: bool


class Moves:
    """One changelog partition's records as runs. A move that is not complete yet is kept back."""

    def __init__(self) -> None:
        self._move: Newest = {}

    def runs(self, records: Sequence[Record]) -> Iterator[Run]:
        """The runs that these records, the next ones of the partition, complete."""
        plain: Newest = {}
        for record in records:
            if has_more(record):
                if plain:
                    yield Run(plain, is_move=False)
                    plain = {}
                self._move[record.key] = record.value
            elif self._move:
                self._move[record.key] = record.value
                yield from self.rest()
            else:
                plain[record.key] = record.value
        if plain:
            yield Run(plain, is_move=False)

    def rest(self) -> Iterator[Run]:
        """What is kept back: all that is left of a move once no open transaction lies before the reader's position."""
        move, self._move = self._move, {}
        if move:
            yield Run(move, is_move=True)


def has_more(record: Record) -> bool:
    """Whether the record counts only together with the one that follows."""
    return bool(record.headers) and record.headers[0] == MORE[0]
