"""A guarded child whose output appears on this terminal, line by line, with its name before it."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, TextIO

from carbon_stream.local.guarded import Guarded

__all__ = ["Child", "Console"]

_LINE_BYTES_MAX = 65_536
_DRAIN_S = 2.0
# Such as "show the cursor", which Faust sends at its end: meant for a terminal that a child does not have.
_TERMINAL_MODES = re.compile(r"\x1b\[\?\d+[hl]")


class Console:
    """Whole lines from several threads, one after the other. A reader that went away is no reason to fail."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Text as it stands; a missing line end is added."""
        if not text:
            return
        with self._lock:
            try:
                self._out.write(text if text.endswith("\n") else text + "\n")
                self._out.flush()
            except (OSError, ValueError):  # a closed pipe or file
                return

    def line(self, name: str, text: str) -> None:
        """One line of a part's output."""
        self.write(f"{name:>8} | {text}")

    def say(self, text: str) -> None:
        """A message of the command itself."""
        for line in text.splitlines():
            self.line("dev", line)

    @contextmanager
    def logging(self, name: str, level: int) -> Iterator[None]:
        """Shows what a logger says, from `level` on, as messages of the command."""
        logger, handler = logging.getLogger(name), _Handler(self)
        before = (logger.level, logger.propagate)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before[0])
            logger.propagate = before[1]


class _Handler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.say(record.getMessage())


class Child:
    """A command that runs behind a guard, its output forwarded to the console by a thread."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], console: Console) -> None:
        self.name = name
        self._console = console
        reader, writer = os.pipe()
        try:
            self._process = Guarded(command, writer, environment=environment)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self.pid = self._process.pid
        self._forwarder = threading.Thread(
            target=self._forward, args=(os.fdopen(reader, "rb"),), name=f"output of {name}", daemon=True
        )
        self._forwarder.start()

    def poll(self) -> int | None:
        """The exit status, 128 plus the signal's number if a signal ended it; None while it runs."""
        return self._process.poll()

    def close(self, grace_s: float) -> int:
        """Ends the child, gently for `grace_s` seconds and then hard; its last lines are shown before this returns."""
        status = self._process.close(grace_s)
        self._forwarder.join(_DRAIN_S)  # a grandchild may hold the pipe open for longer
        return status

    def _forward(self, stream: BinaryIO) -> None:
        with stream:
            while line := stream.readline(_LINE_BYTES_MAX):
                text = _TERMINAL_MODES.sub("", line.decode("utf-8", "replace").rstrip("\r\n"))
                if text or line.isspace():
                    self._console.line(self.name, text)
