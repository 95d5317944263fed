"""What a fold receives: events that were decoded, are no repeats, and have a time that can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from carbon_stream.streaming.batch import Record
from carbon_stream.streaming.rows import Work


class Identified(Protocol):
    """What a stage needs to know of a decoded event; everything else is between the decoder and the fold."""

    @property
    def source(self) -> str: ...
    @property
    def event_id(self) -> str | None:
        """None: the event is identified by where it stands, and cannot be a repeat."""

    @property
    def timestamp(self) -> int | None:
        """Event time in ms; None: the broker's append time."""


class Entry(NamedTuple):
    """One event of a batch."""

    event: Any
    """What the stage's decoder made of the record."""
    at: int
    """Event time in ms, bounded by the broker's clock."""
    topic: str
    partition: int
    offset: int
    received: int
    """The broker's append time in ms."""


Decode = Callable[[bytes | None], Any]
"""Bytes of a record's value to an `Identified` event; raises the stage's `invalid` exception."""

Translate = Callable[[Record], bytes | None]
"""Another value for a record that says its event in another way, for the decoder; None where there is none. Asked only
of records that the decoder refuses, or whose event has no id: so it costs the others nothing. Raises `invalid` as well.
"""

Fold = Callable[[Work, str, Sequence[Entry]], None]
"""(rows, topic, entries in offset order): changes rows. Pure: no input or output, no clock."""

Route = Callable[[Work, str, Sequence[Entry], Sequence[Record]], None]
"""(rows, topic, entries in offset order, their records): sends events on, after the fold and in its transaction. Sees
an event once, also where rows are made again. Pure, as a fold is; changes no rows, and raises nothing.
"""

Sweep = Callable[[Work, int], None]
"""(rows, the broker's time in ms): deletes or folds together what has aged, a bounded number of rows a call.

Goes over `rows.keys()`, which has some of the rows, until it ends or enough has changed; the next call goes on from
there. Keys that were taken and left alone come again in the next round.
"""
