"""Rows of a table: how they are kept for one partition, and what one unit of work sees and changes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from carbon_stream.streaming.forward import Forward

Key = tuple[str | int, ...]
Row = dict[str, Any]
Changes = dict[bytes, bytes | None]
"""Encoded key to encoded row; None deletes (a tombstone on the changelog)."""


def _compact(encoded: bytes) -> bytes:
    """A copy that takes no more memory than it says: what orjson 3.13 returns holds 4 KB at least while it lives."""
    return bytes(memoryview(encoded))


def encode_key(key: Key) -> bytes:
    """A key as it stands on the changelog: a JSON array."""
    return _compact(orjson.dumps(key))


def decode_key(encoded: bytes) -> Key:
    """The inverse of `encode_key`; ValueError if it is no JSON array."""
    parts = orjson.loads(encoded)
    if not isinstance(parts, list):
        raise ValueError(f"a row's key is a JSON array, not {encoded[:80]!r}")
    return tuple(parts)


def _pair(key: Key) -> tuple[str | int, str | int] | None:
    return (key[0], key[1]) if len(key) > 2 else None


class Shard:
    """All rows of one table partition, in memory, encoded (a decoded row takes about five times the space).

    `position` is the changelog offset from which later changes are read when the partition is taken over again.
    """

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.position = 0
        self._counts: Counter[tuple[str | int, str | int]] = Counter()

    def __len__(self) -> int:
        return len(self.rows)

    def clear(self) -> None:
        """Forget everything."""
        self.rows.clear()
        self._counts.clear()
        self.position = 0

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Make committed changes visible; they are on the changelog already."""
        rows = self.rows
        for key, row in changes.items():
            known = key in rows
            if row is None:
                if known:
                    del rows[key]
                    self._count(key, -1)
            else:
                rows[key] = row
                if not known:
                    self._count(key, 1)

    def _count(self, key: bytes, by: int) -> None:
        pair = _pair(decode_key(key))
        if pair is not None:
            self._counts[pair] += by
            if not self._counts[pair]:
                del self._counts[pair]

    def count(self, pair: tuple[str | int, str | int]) -> int:
        """Rows whose keys start with these two parts and have more."""
        return self._counts.get(pair, 0)


class Work:
    """The rows as one unit of work sees them: its own changes over what is committed."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._changed: dict[bytes, Row | None] = {}
        self._added: Counter[tuple[str | int, str | int]] = Counter()
        self.forwards: list[Forward] = []
        """What is sent on, in this order."""

    def get(self, key: Key) -> Row | None:
        """The row, decoded; the caller may change it, and must `put` it to keep the change."""
        encoded = orjson.dumps(key)
        if encoded in self._changed:
            return self._changed[encoded]
        row = self._shard.rows.get(encoded)
        return None if row is None else orjson.loads(row)

    def put(self, key: Key, row: Row) -> None:
        """Set a row."""
        encoded = encode_key(key)
        if not self._exists(encoded):
            self._add(key, 1)
        self._changed[encoded] = row

    def delete(self, key: Key) -> None:
        """Remove a row, which leaves a tombstone on the changelog; nothing happens if there is none."""
        encoded = encode_key(key)
        if self._exists(encoded):
            self._add(key, -1)
            self._changed[encoded] = None

    def forward(self, forward: Forward) -> None:
        """Send an event on to another topic, in this work's own transaction."""
        self.forwards.append(forward)

    def count(self, *prefix: str | int) -> int:
        """Rows whose keys start with these two parts and have at least one more."""
        pair = (prefix[0], prefix[1])
        return self._shard.count(pair) + self._added[pair]

    def keys(self) -> Iterator[Key]:
        """Keys of all committed rows (without this work's own changes)."""
        return (decode_key(key) for key in list(self._shard.rows))

    def _exists(self, encoded: bytes) -> bool:
        if encoded in self._changed:
            return self._changed[encoded] is not None
        return encoded in self._shard.rows

    def _add(self, key: Key, by: int) -> None:
        pair = _pair(key)
        if pair is not None:
            self._added[pair] += by

    def changes(self) -> Changes:
        """What differs from the committed rows, encoded."""
        committed = self._shard.rows
        changes: Changes = {}
        for key, row in self._changed.items():
            encoded = None if row is None else _compact(orjson.dumps(row))
            if encoded != committed.get(key):
                changes[key] = encoded
        return changes
