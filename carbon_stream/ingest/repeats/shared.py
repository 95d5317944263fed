"""The file that the processes of a host share: what each of them has taken, and the answers of requests.

What was taken stands in segments: the window's rows, one after the other, as many as there were at one time.

SQLite in WAL mode, without a sync at each commit: a killed process loses the events of the last moment, a machine that
crashes perhaps more, and what is lost is only that a repeat is called one.
"""

import contextlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from os import getpid, urandom
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from carbon_stream.ingest.repeats.window import ROW_BYTES

__all__ = ["FILE", "Answer", "SharedFile"]

FILE: Final = "repeats.sqlite"
_FORMAT: Final = 2
_FORMAT_BEFORE: Final = 1
"""Had what was taken in another table, which is left behind; the answers are the same."""
_BUSY_S: Final = 2.0
_ANSWERS_BYTES_MAX: Final = 256 << 20
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS taken (
    number INTEGER PRIMARY KEY AUTOINCREMENT, writer TEXT NOT NULL, at REAL NOT NULL, events INTEGER NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS answers (
    name TEXT PRIMARY KEY, digest BLOB NOT NULL, at REAL NOT NULL, body BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_at ON answers (at);
"""

_BEYOND_EVENTS: Final = """
DELETE FROM taken WHERE number IN (
    SELECT number FROM (SELECT number, sum(events) OVER (ORDER BY number DESC) AS total FROM taken) WHERE total > ?
)
"""
_BEYOND_BYTES: Final = """
DELETE FROM answers WHERE name IN (
    SELECT name FROM (
        SELECT name, sum(coalesce(length(body), 0) + 100) OVER (ORDER BY at DESC) AS total FROM answers
    ) WHERE total > ?
)
"""
_PRUNE_EVERY: Final = 50

T = TypeVar("T")

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What is known of a request. `body`: its answer, compressed; None while it has none, or had too large a one."""

    digest: bytes
    body: bytes | None


class SharedFile:
    """May be called from any thread. Nothing raises: a file that fails is told of, once, and done without."""

    def __init__(self, directory: Path, *, events_min: int, seconds: float) -> None:
        self._path = directory / FILE
        self._events_min = events_min
        self._seconds = seconds
        self._writer = f"{getpid()}-{urandom(6).hex()}"
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._seen = 0
        self._writes = 0
        self._failing = False

    def open(self) -> list[bytes]:
        """Opens the file, or makes one, and gives what it has, oldest first."""
        for attempt in (1, 2):
            try:
                return self._open()
            except (sqlite3.Error, OSError) as error:
                log.warning("what was taken before cannot be read from %s: %s", self._path, error)
                self.close()
            if attempt == 1:
                self._remove()
        return []

    def _open(self) -> list[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = sqlite3.connect(self._path, _BUSY_S, isolation_level=None, check_same_thread=False)
        self._connection = connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        if found not in (0, _FORMAT_BEFORE, _FORMAT):
            raise sqlite3.NotSupportedError(f"its format is {found}")
        connection.execute("DROP TABLE IF EXISTS segments")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_FORMAT}")
        return self._news(connection, everything=True)

    def _remove(self) -> None:
        for ending in ("-wal", "-shm", ""):
            with contextlib.suppress(OSError):
                self._path.with_name(FILE + ending).unlink()

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def exchange(self, mine: bytes) -> list[bytes]:
        """Adds what this process has taken, and gives what others have since: rows of the window."""

        def work(connection: sqlite3.Connection) -> list[bytes]:
            if mine:
                row = (self._writer, time.time(), len(mine) // ROW_BYTES, mine)
                connection.execute("INSERT INTO taken (writer, at, events, content) VALUES (?, ?, ?, ?)", row)
                self._prune_sometimes(connection)
            return self._news(connection)

        nothing: list[bytes] = []
        return self._told(work, nothing)

    def claim(self, name: str, digest: bytes) -> Answer | None:
        """What is known of a request of this name; None when it is the first, which it is from now on."""

        def work(connection: sqlite3.Connection) -> Answer | None:
            row = (name, digest, time.time())
            if connection.execute("INSERT OR IGNORE INTO answers (name, digest, at) VALUES (?, ?, ?)", row).rowcount:
                return None
            found = connection.execute("SELECT digest, body FROM answers WHERE name = ?", (name,)).fetchone()
            return None if found is None else Answer(*found)

        return self._told(work, None)

    def answer(self, name: str, body: bytes) -> None:
        """Keeps a request's answer."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE answers SET body = ? WHERE name = ?", (body, name))
            self._prune_sometimes(connection)

        self._told(work, None)

    def _told(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What fails is told, and nothing else happens: agents count a repeat once, whether it is called one or not."""
        with self._lock:
            if self._connection is None:
                return otherwise
            try:
                done = work(self._connection)
            except sqlite3.Error as error:
                level = logging.DEBUG if self._failing else logging.WARNING
                log.log(level, "what was taken is not shared through %s: %s", self._path, error)
                self._failing = True
                return otherwise
            self._failing = False
            return done

    def _news(self, connection: sqlite3.Connection, *, everything: bool = False) -> list[bytes]:
        segments: list[bytes] = []
        found = connection.execute(
            "SELECT number, content FROM taken WHERE number > ? AND at > ? AND (writer <> ? OR ?) ORDER BY number",
            (self._seen, time.time() - self._seconds, self._writer, everything),
        )
        for number, content in found:
            self._seen = number
            segments.append(content)
        return segments

    def _prune_sometimes(self, connection: sqlite3.Connection) -> None:
        """Forgets what is beyond the window."""
        self._writes += 1
        if self._writes % _PRUNE_EVERY != 1:
            return
        run = connection.execute
        since = time.time() - self._seconds
        run("DELETE FROM taken WHERE at < ?", (since,))
        run(_BEYOND_EVENTS, (2 * self._events_min,))
        run("DELETE FROM answers WHERE at < ?", (since,))
        run(_BEYOND_BYTES, (_ANSWERS_BYTES_MAX,))
