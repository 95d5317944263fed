"""One worker a data directory: two would shut each other out of the partitions that move between them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK = "worker.lock"


class DirectoryInUse(OSError):
    """Another process has the directory."""


class Exclusive:
    """A directory that is this process's alone from `take` to `release`, or until it ends in whatever way."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._file: int | None = None

    def take(self) -> None:
        """Raises DirectoryInUse, which names the process that has it."""
        file = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(file)
            raise DirectoryInUse(
                f"{self.directory} is in use by another worker, process {holder}: give each a data directory of its own"
            ) from None
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
