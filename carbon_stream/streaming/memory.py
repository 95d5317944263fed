"""A shard in memory: the rows encoded (a decoded row takes about five times the space), nothing beyond the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from carbon_stream.streaming.shard import Changes, Mark, Origin, Pair, now_ms, pairs, parted


class MemoryShard:
    """Implements `Shard`. It outlives a partition that is given up and taken over again by the same worker."""

    emptied: str | None = None

    def __init__(self) -> None:
        self.mark = Mark()
        self._rows: dict[bytes, bytes] = {}
        self._segments: dict[bytes, bytes] = {}
        self._counts: Counter[Pair] = Counter()

    def open(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def clear(self, origin: Origin) -> None:
        """Forget everything."""
        self.mark = Mark(origin, at=now_ms())
        self._rows.clear()
        self._segments.clear()
        self._counts.clear()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: bytes) -> bytes | None:
        """The row under an encoded key."""
        return self._rows.get(key)

    def keys(self) -> Iterator[bytes]:
        """Keys of all rows."""
        return iter(list(self._rows))

    def count(self, pair: Pair) -> int:
        """Rows whose keys start with these two parts and have more."""
        return self._counts.get(pair, 0)

    def load(self, changes: Mapping[bytes, bytes | None], position: int, at: int | None = None) -> None:
        """Take over what stands on the changelog; segments are held until they are asked for."""
        rows, segments = parted(changes)
        self._change(rows)
        for key, segment in segments.items():
            if segment is None:
                self._segments.pop(key, None)
            else:
                self._segments[key] = segment
        self.mark = replace(self.mark, position=max(position, self.mark.position), at=at or self.mark.at)

    def apply(self, rows: Mapping[bytes, bytes | None], segments: Mapping[bytes, bytes | None], written: int) -> None:
        """Take over what was committed; segments are in the memory of whoever wrote them."""
        self._change(rows)
        self.mark = replace(self.mark, position=max(written, self.mark.position), at=now_ms())

    def segments(self) -> list[tuple[bytes, bytes]]:
        """The segments that were loaded; they are not kept twice."""
        taken, self._segments = self._segments, {}
        return list(taken.items())

    def _change(self, changes: Mapping[bytes, bytes | None]) -> None:
        rows = self._rows
        gone = [key for key, row in changes.items() if row is None and key in rows]
        put: Changes = {key: row for key, row in changes.items() if row is not None}
        added = pairs([key for key in put if key not in rows])
        rows.update(put)  # type: ignore[arg-type]  # None was left out just above
        for key in gone:
            del rows[key]
        self._counts.update(added)
        for pair, number in pairs(gone).items():
            self._counts[pair] -= number
            if not self._counts[pair]:
                del self._counts[pair]
