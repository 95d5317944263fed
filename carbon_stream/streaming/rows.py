"""Rows of a table as a fold sees them: within one unit of work, over what a partition's shard holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from carbon_stream.streaming.formats import FIRST, Formats
from carbon_stream.streaming.forward import Forward
from carbon_stream.streaming.shard import Changes, Pair, Shard

Key = tuple[str | int, ...]
Row = dict[str, Any]


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


def _pair(key: Key) -> Pair | None:
    return (key[0], key[1]) if len(key) > 2 else None


class Work:
    """The rows as one unit of work sees them: its own changes over what is committed.

    `formats` are those of the rows. `walk` is for a sweep: encoded keys that `keys` takes from; without it, `keys` goes
    over all rows.
    """

    def __init__(self, shard: Shard, formats: Formats = FIRST, walk: Iterator[bytes] | None = None) -> None:
        self._shard, self._formats, self._walk = shard, formats, walk
        self._changed: dict[bytes, Row | None] = {}
        self.forwards: list[Forward] = []
        """What is sent on, in this order."""
        self._read: dict[bytes, bytes | None] = {}
        self._added: Counter[Pair] = Counter()
        self._settled: Changes = {}
        self._added_settled: Counter[Pair] = Counter()
        self._forwards_settled = 0

    def get(self, key: Key) -> Row | None:
        """The row, decoded, in its newest version; the caller may change it, and must `put` it to keep the change.

        Raises NewerRow.
        """
        encoded = orjson.dumps(key)
        if encoded in self._changed:
            return self._changed[encoded]
        row = self._settled[encoded] if encoded in self._settled else self._committed(encoded)
        return None if row is None else self._formats.read(key, orjson.loads(row))

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
        """Keys of committed rows (without this work's own changes); for a sweep, those whose turn it is.

        A row of these may be gone by now: `get` says so.
        """
        return map(decode_key, self._shard.keys() if self._walk is None else self._walk)

    def _exists(self, encoded: bytes) -> bool:
        if encoded in self._changed:
            return self._changed[encoded] is not None
        if encoded in self._settled:
            return self._settled[encoded] is not None
        return self._committed(encoded) is not None

    def _committed(self, encoded: bytes) -> bytes | None:
        """A row of the shard, asked for once: a shard on disk takes its time."""
        if encoded in self._read:
            return self._read[encoded]
        row = self._read[encoded] = self._shard.get(encoded)
        return row

    def _add(self, key: Key, by: int) -> None:
        pair = _pair(key)
        if pair is not None:
            self._added[pair] += by

    def pending(self) -> Changes:
        """What was changed since it was last settled, encoded in the versions that are written."""
        pending: Changes = {}
        is_newest = not self._formats.writes_previous
        for key, row in self._changed.items():
            written = row if is_newest or row is None else self._formats.write(decode_key(key), row)
            pending[key] = None if written is None else _compact(orjson.dumps(written))
        return pending

    def settle(self, pending: Changes) -> None:
        """Keep what is `pending`, and what is sent on, whatever `undo` takes back later."""
        self._settled |= pending
        self._changed.clear()
        self._added_settled, self._forwards_settled = self._added.copy(), len(self.forwards)

    def undo(self) -> None:
        """Take back what was done since it was last settled; rows that were handed out are not to be used again."""
        self._changed.clear()
        self._added = self._added_settled.copy()
        del self.forwards[self._forwards_settled :]

    def changes(self) -> Changes:
        """What differs from the committed rows, encoded in the versions that are written."""
        changed = self._settled | self.pending()
        return {key: row for key, row in changed.items() if row != self._committed(key)}
