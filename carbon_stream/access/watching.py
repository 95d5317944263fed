"""The access file, watched: what it says now, without a restart.

A file that cannot be read or is wrong leaves the last good one in use, and is told loudly: somebody who mends a file
with an error in it must not lock everybody out, and a key that was to be taken away is still good until it is mended.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from carbon_stream.access.entries import FILE_BYTES_MAX, NOBODY, Known, parse_access
from carbon_stream.errors import OperatorError

__all__ = ["AccessFile", "OnReload", "untold"]

_LOOK_S: Final = 1.0
_READ_ALL_S: Final = 60.0
"""Read now and then even where nothing seems to have changed: some file systems tell times in seconds."""

OnReload = Callable[[str, bool], object]
"""Told of each reading: what was read ("access-file", "jwks"), and whether it could be used."""

log = logging.getLogger(__name__)


def untold(_what: str, _well: bool) -> None:
    """For whoever does not count."""


class AccessFile:
    """The entries of one file. Read by `load` at the start, and watched between `start` and `stop`."""

    def __init__(self, path: Path, *, look_s: float = _LOOK_S, on_reload: OnReload = untold) -> None:
        self._path, self._look_s, self._on_reload = path, look_s, on_reload
        self._seen: tuple[int, int, int] | None = None
        self._text = b""
        self._task: asyncio.Task[None] | None = None
        self.known: Known = NOBODY

    def load(self) -> None:
        """Reads the file for the first time. OperatorError where it cannot be used."""
        self._seen = self._mark()
        self._text = self._read()
        self.known = parse_access(self._text, f"the access file {self._path}")
        self._on_reload("access-file", True)
        log.info("the access file %s has %d entries", self._path, self.known.count())

    async def start(self) -> None:
        """Watches the file from now on."""
        self._task = asyncio.create_task(self._watch(), name="access-file")

    async def stop(self) -> None:
        """No more watching."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        since_s = 0.0
        while True:
            await asyncio.sleep(self._look_s)
            since_s += self._look_s
            mark = await asyncio.to_thread(self._mark)
            if mark != self._seen or since_s >= _READ_ALL_S:
                self._seen, since_s = mark, 0.0
                await asyncio.to_thread(self._reload)

    def _reload(self) -> None:
        try:
            text = self._read()
            if text == self._text:
                return
            known = parse_access(text, f"the access file {self._path}")
        except OperatorError as error:
            log.error("%s; what it said before goes on holding", error)
            self._on_reload("access-file", False)
            return
        self._text, self.known = text, known
        self._on_reload("access-file", True)
        log.info("the access file was read anew: %d entries", known.count())

    def _mark(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _read(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                return file.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            raise OperatorError(f"the access file {self._path} cannot be read: {error.strerror or error}") from None
