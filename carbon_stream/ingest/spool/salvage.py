"""A spool file that is not what was written: set aside, and what can still be read of it taken over."""

import contextlib
import logging
import sqlite3
import time
from pathlib import Path
from typing import Final, NamedTuple

from carbon_stream.ingest.spool.rows import Strand, Unreadable, decode
from carbon_stream.ingest.spool.store import FILE, New, Store, is_corrupt

__all__ = ["Opened", "open_store"]

_ROWS: Final = "SELECT seq, topic, strand, size, checksum, record FROM waiting ORDER BY seq"

log = logging.getLogger(__name__)


class Opened(NamedTuple):
    """An open file; `set_aside`: whether there was one that could not be used."""

    store: Store
    set_aside: bool


def open_store(directory: Path) -> Opened:
    """Opens the file of a directory, or makes one. Raises sqlite3.Error where the directory cannot be used."""
    store = None
    try:
        store = Store(directory)
        store.load()
    except sqlite3.Error as error:
        if store is not None:
            store.close()
        if not is_corrupt(error):
            raise
        return Opened(_begin_anew(directory, error), True)
    return Opened(store, False)


def _begin_anew(directory: Path, error: sqlite3.Error) -> Store:
    damaged = directory / f"{FILE}.corrupt-{time.time_ns() // 1_000_000}"
    for ending in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            (directory / f"{FILE}{ending}").rename(f"{damaged}{ending}")
    log.error("a spool file is corrupt (%s) and was set aside as %s", error, damaged)
    store = Store(directory)
    try:
        rows = _readable(damaged)
        with store.transaction():
            store.add(rows.values())
    except BaseException:
        store.close()
        raise
    log.error(
        "%d events could be read from %s and are forwarded; those that could not are in that file alone: see"
        " docs/operations.md",
        len(rows),
        damaged,
    )
    return store


def _readable(path: Path) -> dict[int, New]:
    """What can be read from the beginning, and from the end. Nobody knows what of it was sent already."""
    rows: dict[int, New] = {}
    for direction in ("ASC", "DESC"):
        with contextlib.suppress(sqlite3.DatabaseError), contextlib.closing(sqlite3.connect(path)) as connection:
            for seq, topic, number, size, checksum, text in connection.execute(f"{_ROWS} {direction}"):
                if seq in rows:
                    break
                with contextlib.suppress(Unreadable):
                    rows[seq] = New(seq, Strand(topic, number), size, True, decode(topic, checksum, text))
    return dict(sorted(rows.items()))
