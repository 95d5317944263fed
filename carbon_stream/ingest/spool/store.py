"""The spool's file: SQLite in WAL mode, synced at every commit. All calls come from one thread.

Tables: `waiting` has the records, in the order of `seq`; `under_way` says for each strand up to which row records were
last handed to Kafka, so that after a crash those can be told whose outcome nobody knows; `aside` keeps what can be
neither sent nor read.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from carbon_stream.ingest.spool.rows import Row, Strand, Unreadable, decode, encode
from carbon_stream.routing import Record

__all__ = ["FILE", "New", "Read", "Store", "Stored", "is_corrupt"]

FILE: Final = "spool.sqlite"
_FORMAT: Final = 1
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_JOURNAL_BYTES: Final = 16 << 20
_KEPT_BYTES: Final = 1 << 20
_PAGES_AT_ONCE: Final = 4_096
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS waiting (
    seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, strand INTEGER NOT NULL, at INTEGER NOT NULL, size INTEGER NOT NULL,
    maybe INTEGER NOT NULL, checksum INTEGER NOT NULL, record BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS under_way (
    topic TEXT NOT NULL, strand INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (topic, strand)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aside (
    seq INTEGER PRIMARY KEY, topic TEXT NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL, record BLOB NOT NULL
) STRICT;
"""


class New(NamedTuple):
    """A record to be kept. `size`: bytes that it counts for."""

    seq: int
    strand: Strand
    size: int
    maybe: bool
    record: Record


class Stored(NamedTuple):
    """What is known of a row without reading its record. `at`: when it came, ms since the epoch."""

    seq: int
    strand: Strand
    size: int
    at: int


class Read(NamedTuple):
    """Rows that were asked for: those that could be read, and those that could not and were set aside."""

    rows: list[Row]
    unreadable: list[Stored]


def is_corrupt(error: BaseException) -> bool:
    """Whether an error says that the file is not what was written."""
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return isinstance(error, sqlite3.DatabaseError) and code & 0xFF in _CORRUPT


class Store:
    """An open file. Raises sqlite3.Error."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(directory)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, directory: Path) -> None:
        run = self._connection.execute
        run("PRAGMA auto_vacuum = INCREMENTAL")  # before there is anything in a file
        run("PRAGMA locking_mode = EXCLUSIVE")  # the directory is ours alone; then no shared memory is needed either
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = FULL")
        run("PRAGMA fullfsync = ON")  # macOS: to the disk, not only to its cache
        run("PRAGMA cell_size_check = ON")
        run(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
        (found,) = run("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT):
            raise sqlite3.NotSupportedError(f"its format is {found}, this release reads {_FORMAT}")
        self._connection.executescript(_SCHEMA)
        run(f"PRAGMA user_version = {_FORMAT}")
        _sync(directory)  # the names of new files have to survive a power failure too

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    @contextmanager
    def transaction(self, committed: Callable[[float], None] | None = None) -> Iterator[None]:
        """Everything within is durable when the context is left, or has not happened. `committed`: seconds it took."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            began = time.perf_counter()
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        if committed is not None:
            committed(time.perf_counter() - began)

    def load(self) -> list[Stored]:
        """All rows, in order."""
        rows = self._connection.execute("SELECT seq, topic, strand, size, at FROM waiting ORDER BY seq")
        return [Stored(seq, Strand(topic, number), size, at) for seq, topic, number, size, at in rows]

    def marks(self) -> dict[Strand, int]:
        """Up to which row each strand was handed to Kafka when the file was last in use."""
        rows = self._connection.execute("SELECT topic, strand, last FROM under_way")
        return {Strand(topic, number): last for topic, number, last in rows}

    def add(self, new: Iterable[New]) -> None:
        """Keeps records."""
        now = time.time_ns() // 1_000_000
        rows = (
            (seq, strand.topic, strand.number, now, size, int(maybe), *encode(record))
            for seq, strand, size, maybe, record in new
        )
        self._connection.executemany("INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def begin(self, seqs: Sequence[int], bytes_max: int) -> Read:
        """Reads rows (in order, at least one, then up to so many bytes), and marks them as handed to Kafka."""
        marks = ",".join("?" * len(seqs))
        columns = "seq, topic, strand, size, at, maybe, checksum, record"
        query = f"SELECT {columns} FROM waiting WHERE seq IN ({marks}) ORDER BY seq"  # noqa: S608 - question marks
        found = self._connection.execute(query, seqs)
        rows: list[Row] = []
        unreadable: list[Stored] = []
        for seq, topic, number, size, at, maybe, checksum, text in found:
            bytes_max -= size
            if bytes_max < 0 and (rows or unreadable):
                break
            try:
                rows.append(Row(seq, Strand(topic, number), bool(maybe), decode(topic, checksum, text)))
            except Unreadable:
                unreadable.append(Stored(seq, Strand(topic, number), size, at))
        found.close()
        self.set_aside([row.seq for row in unreadable], "not what was written")
        last = {row.strand: row.seq for row in rows}
        self._connection.executemany(
            "INSERT OR REPLACE INTO under_way VALUES (?, ?, ?)", ((*strand, seq) for strand, seq in last.items())
        )
        return Read(rows, unreadable)

    def end(self, seqs: Iterable[int], strands: Iterable[Strand]) -> None:
        """Forgets rows that are on their topics, and that anything of these strands is under way."""
        self._connection.executemany("DELETE FROM waiting WHERE seq = ?", ((seq,) for seq in seqs))
        self._connection.executemany("DELETE FROM under_way WHERE topic = ? AND strand = ?", strands)

    def set_aside(self, seqs: Iterable[int], why: str) -> None:
        """Takes rows out of the way, and keeps their bytes."""
        for seq in seqs:
            self._connection.execute(
                "INSERT OR REPLACE INTO aside SELECT seq, topic, at, ?, record FROM waiting WHERE seq = ?", (why, seq)
            )
            self._connection.execute("DELETE FROM waiting WHERE seq = ?", (seq,))

    def asides(self) -> int:
        """How many rows were set aside."""
        return int(self._connection.execute("SELECT count(*) FROM aside").fetchone()[0])

    def oldest(self) -> int | None:
        """When the oldest row came, ms since the epoch."""
        found = self._connection.execute("SELECT at FROM waiting ORDER BY seq LIMIT 1").fetchone()
        return None if found is None else int(found[0])

    def prove(self) -> None:
        """Writes something, to see whether that can be done."""
        self._connection.execute("INSERT OR REPLACE INTO under_way VALUES ('', 0, ?)", (time.time_ns(),))
        self._connection.execute("DELETE FROM under_way WHERE topic = ''")

    def shrink(self) -> bool:
        """Gives the disk back some of what the file no longer needs, once that is much; whether there is more of it."""
        (pages,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = self._connection.execute("PRAGMA page_size").fetchone()
        if pages * size <= _KEPT_BYTES:
            return False
        for _ in range(min(pages, _PAGES_AT_ONCE)):
            self._connection.execute("PRAGMA incremental_vacuum")  # a page each: Python takes one step
        return True


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
