"""A shard in RocksDB: one database a table partition, in a directory of its own.

Rows, segments, counts and the mark change in one write batch, so whatever survives a crash is the changelog up to
some position, exactly. Writes go to RocksDB's log without fsync: a killed process loses nothing; a machine that
crashes may lose the last batches as a whole, and they are read from the changelog again. A directory that cannot be
used is thrown away: everything in it is on the changelog too.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import orjson
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from carbon_stream.streaming.shard import (
    NOTHING_KEPT,
    SEGMENT,
    Mark,
    Origin,
    Pair,
    ShardBusy,
    ShardFailed,
    now_ms,
    pairs,
    parted,
)

log = logging.getLogger(__name__)

FORMAT = 1
"""Of what lies under the keys below; a directory of another format is read from the changelog again."""

ROW, COUNT, IDS, MARK = b"r", b"c", b"s", b"m"
"""How keys begin: rows, rows by pair, segments; the mark has this key alone."""

WRITE_BUFFER_BYTES = 4 * 1024 * 1024
BUFFERS_BYTES_MAX = 64 * 1024 * 1024
CACHE_BYTES = 64 * 1024 * 1024
OPEN_FILES_MAX = 64
COUNTS_KEPT_MAX = 10_000
WALK_ROWS = 500

_PASSING = ("IO error", "Busy", "Aborted", "Timed out", "Shutdown in progress", "Operation failed. Try again")
_LOCKED = ("lock hold by current process", "Resource temporarily unavailable")
_STALLED = "Write stall"
_shared: list[Any] = []

_AT_ONCE = WriteOptions()
_AT_ONCE.no_slowdown = True
"""RocksDB holds writers up while it cannot flush, and rocksdict all of Python with them, heartbeats included."""


def _options() -> Options:
    """Small databases, many of them: they share one cache and one bound on what is not on disk yet."""
    if not _shared:
        _shared.extend((Cache(CACHE_BYTES), WriteBufferManager(BUFFERS_BYTES_MAX, False)))
    cache, buffers = _shared
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_bloom_filter(10, False)  # most rows that a fold asks for are new or recent
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(blocks)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_write_buffer_manager(buffers)
    options.set_max_open_files(OPEN_FILES_MAX)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1024 * 1024)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    return options


class RocksShard:
    """Implements `Shard`. RocksDB's own lock keeps the directory to one process while it is open."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.emptied: str | None = None
        self.mark = Mark()
        self._database: Rdict | None = None
        self._rows = 0
        self._counts: dict[Pair, int] = {}
        self._suspect: str | None = None

    # -- opening and closing --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the directory, or an empty one in its place where it cannot be used."""
        if self._database is not None:
            return
        self.emptied = None
        if self._suspect is not None:
            self._throw_away(f"corrupt: {self._suspect}")
        elif not self.directory.exists():
            self.emptied = NOTHING_KEPT
        elif not (self.directory / "CURRENT").exists():
            self._throw_away("incomplete: it was not finished when it was made or removed")
        try:
            self._open()
        except ShardFailed:
            raise
        except Exception as exc:  # noqa: BLE001 — rocksdict raises plain exceptions; what passes was told apart
            self._throw_away(f"corrupt: {exc}")
            self._open()

    def _open(self) -> None:
        try:
            self.directory.parent.mkdir(parents=True, exist_ok=True)
            database = Rdict(str(self.directory), _options())
        except Exception as exc:
            if any(word in str(exc) for word in _LOCKED):
                raise ShardFailed(f"{self.directory} is in use by another process: {exc}") from exc
            if "No such file" not in str(exc) and any(word in str(exc) for word in _PASSING):
                raise ShardFailed(f"{self.directory} cannot be opened: {exc}") from exc
            raise
        try:
            kept = database.get(MARK)
            self._recall(orjson.loads(kept) if kept is not None else None)
        except Exception:
            database.close()
            raise
        self._database = database

    def _recall(self, kept: dict[str, Any] | None) -> None:
        """Take over the mark; ValueError, KeyError or TypeError where it makes no sense."""
        self._counts.clear()
        self._rows, self.mark = 0, Mark()
        if kept is None:
            self.emptied = self.emptied or NOTHING_KEPT
            return
        if kept["v"] != FORMAT:
            raise ValueError(f"format {kept['v']!r}, not {FORMAT}")
        self._rows = int(kept["rows"])
        self.mark = Mark(Origin(str(kept["cluster"]), str(kept["topic"])), int(kept["position"]), int(kept["at"]))

    def close(self) -> None:
        """Close the database, which lets go of its lock."""
        database, self._database = self._database, None
        if database is None:
            return
        try:
            database.close()
        except Exception as exc:  # noqa: BLE001 — what could not be flushed is in its log, or on the changelog
            log.warning("%s: closed with an error: %s", self.directory, exc)

    def clear(self, origin: Origin) -> None:
        """Forget everything: the directory is made anew, unless it is new."""
        if self.mark != Mark():
            self.close()
            self._throw_away(self.emptied or "")
            self._open()
        self.mark = Mark(origin, at=now_ms())

    def _throw_away(self, why: str) -> None:
        """Remove the directory; a half of it must never be taken for a whole one."""
        self.emptied, self._suspect = why, None
        void = self.directory.with_name(self.directory.name + ".void")
        try:
            _remove(void)
            if self.directory.exists():
                self.directory.rename(void)
            _remove(void)
        except OSError as exc:
            raise ShardFailed(f"{self.directory} cannot be removed: {exc}") from exc

    # -- reading --------------------------------------------------------------------------------------------------

    @property
    def _db(self) -> Rdict:
        if self._database is None:
            raise ShardFailed(f"{self.directory} is not open")
        return self._database

    def __len__(self) -> int:
        return self._rows

    def get(self, key: bytes) -> bytes | None:
        """The row under an encoded key."""
        return self._get(ROW + key)

    def _get(self, key: bytes) -> bytes | None:
        try:
            found: bytes | None = self._db.get(key)
        except Exception as exc:  # noqa: BLE001 — see `_fail`
            self._fail(exc)
        return found

    def keys(self) -> Iterator[bytes]:
        """Keys of all rows, those that are there when the walk comes by."""
        return (key[1:] for some in self._walk(ROW) for key, _ in some)

    def _walk(self, prefix: bytes) -> Iterator[list[tuple[bytes, bytes]]]:
        """Keys and values in order, some at a time: one of its iterators would keep it from closing."""
        bounds = ReadOptions()
        bounds.set_iterate_upper_bound(prefix[:-1] + bytes([prefix[-1] + 1]))
        after, some = prefix, [(b"", b"")]
        while some:
            some = self._next(bounds, after)
            if some:
                after = some[-1][0] + b"\0"
                yield some

    def _next(self, bounds: ReadOptions, start: bytes) -> list[tuple[bytes, bytes]]:
        some: list[tuple[bytes, bytes]] = []
        try:
            found = self._db.iter(bounds)
            found.seek(start)
            while found.valid() and len(some) < WALK_ROWS:
                some.append((found.key(), found.value()))
                found.next()
            found.status()  # a fault ends the walk like the last row does
        except Exception as exc:  # noqa: BLE001 — see `_fail`
            self._fail(exc)
        return some

    def count(self, pair: Pair) -> int:
        """Rows whose keys start with these two parts and have more."""
        if pair not in self._counts:
            kept = self._get(COUNT + orjson.dumps(pair))
            if len(self._counts) >= COUNTS_KEPT_MAX:
                self._counts.clear()
            self._counts[pair] = 0 if kept is None else int(kept)
        return self._counts[pair]

    def segments(self) -> list[tuple[bytes, bytes]]:
        """The segments."""
        return [(key[1:], segment) for some in self._walk(IDS + SEGMENT) for key, segment in some]

    # -- writing --------------------------------------------------------------------------------------------------

    def load(self, changes: Mapping[bytes, bytes | None], position: int, at: int | None = None) -> None:
        """Take over what stands on the changelog."""
        self._write(*parted(changes), position, at or self.mark.at)

    def apply(self, rows: Mapping[bytes, bytes | None], segments: Mapping[bytes, bytes | None], written: int) -> None:
        """Take over what was committed."""
        self._write(rows, segments, written, now_ms())

    def _write(
        self, rows: Mapping[bytes, bytes | None], segments: Mapping[bytes, bytes | None], position: int, at: int
    ) -> None:
        known = self._known(list(rows))
        added = [key for key, row in rows.items() if row is not None and key not in known]
        gone = [key for key, row in rows.items() if row is None and key in known]
        changed = pairs(added)
        changed.subtract(pairs(gone))
        counts = {pair: self.count(pair) + number for pair, number in changed.items()}
        mark = replace(self.mark, position=max(position, self.mark.position), at=at)
        total = self._rows + len(added) - len(gone)
        batch = WriteBatch(raw_mode=True)
        for key, row in rows.items():
            _add(batch, ROW + key, row)
        for key, segment in segments.items():
            _add(batch, IDS + key, segment)
        for pair, count in counts.items():
            _add(batch, COUNT + orjson.dumps(pair), str(count).encode() if count else None)
        batch.put(MARK, _encoded(mark, total))
        try:
            self._db.write(batch, _AT_ONCE)
        except Exception as exc:  # noqa: BLE001 — see `_fail`
            self._fail(exc)
        self.mark, self._rows = mark, total
        self._counts.update(counts)

    def _known(self, keys: list[bytes]) -> set[bytes]:
        try:
            found = self._db.get([ROW + key for key in keys]) if keys else []
        except Exception as exc:  # noqa: BLE001 — see `_fail`
            self._fail(exc)
        return {key for key, row in zip(keys, found or (), strict=True) if row is not None}

    def _fail(self, exc: Exception) -> NoReturn:
        """Rocksdict raises plain exceptions, told apart by RocksDB's own words. What is corrupt is not opened again."""
        if type(exc) is not Exception:  # ours
            raise exc
        if _STALLED in str(exc):
            raise ShardBusy(f"{self.directory}: {exc}") from exc
        if not any(word in str(exc) for word in _PASSING):
            self._suspect = str(exc)
        raise ShardFailed(f"{self.directory}: {exc}") from exc


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _add(batch: WriteBatch, key: bytes, value: bytes | None) -> None:
    if value is None:
        batch.delete(key)
    else:
        batch.put(key, value)


def _encoded(mark: Mark, rows: int) -> bytes:
    return orjson.dumps(
        {
            "v": FORMAT,
            "cluster": mark.origin.cluster,
            "topic": mark.origin.topic,
            "position": mark.position,
            "at": mark.at,
            "rows": rows,
        }
    )
