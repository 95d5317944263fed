"""What a projection sees of a table: rows by key, within one batch of one source partition.

A key is a tuple whose first part names the kind of row; on the changelog it is a JSON array. A row is a JSON object
with its format version under "v". The stage that owns the partition keeps its rows in a store, lends them to the
projection for one batch, and writes what was put or deleted to the changelog in the batch's own transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from carbon_stream.streaming.entry import Entry
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.rows import Key, Row

__all__ = ["SWEEP_ROWS_MAX", "Entry", "Forward", "Key", "MemoryRows", "Row", "Rows"]

SWEEP_ROWS_MAX = 1_000
"""Rows that one sweep may change, so that its transaction stays small."""


class Rows(Protocol):
    """The rows of one source partition, as they stand within the running batch."""

    def get(self, key: Key) -> Row | None:
        """The decoded row or None. The caller may change it: it is private to this batch until it is put."""

    def put(self, key: Key, row: Row) -> None:
        """Replace the row. A row that was changed and not put is lost."""

    def delete(self, key: Key) -> None:
        """Remove the row; a key that has none is ignored."""

    def count(self, *prefix: str | int) -> int:
        """Rows whose key begins with this prefix of exactly two parts and goes on, those put in this batch included."""

    def forward(self, forward: Forward) -> None:
        """Send an event on to another topic, if and when this batch is committed."""

    def keys(self) -> Iterable[Key]:
        """Keys of committed rows; for a sweep those whose turn it is, of which some may be gone.

        Changing rows while iterating is safe.
        """


class MemoryRows:
    """Rows in a dict: the plainest implementation of the protocol, and the one that the others are compared with."""

    def __init__(self) -> None:
        self.rows: dict[Key, Row] = {}
        self.forwards: list[Forward] = []

    def get(self, key: Key) -> Row | None:
        return self.rows.get(key)

    def put(self, key: Key, row: Row) -> None:
        self.rows[key] = row

    def delete(self, key: Key) -> None:
        self.rows.pop(key, None)

    def count(self, *prefix: str | int) -> int:
        assert len(prefix) == 2, prefix
        return sum(1 for key in self.rows if key[:2] == prefix and len(key) > 2)

    def forward(self, forward: Forward) -> None:
        self.forwards.append(forward)

    def keys(self) -> Iterable[Key]:
        return list(self.rows)
