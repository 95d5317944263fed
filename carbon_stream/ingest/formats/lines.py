"""NDJSON as it arrives: pieces of a body become lines, and lines chunks that are bounded in number and bytes. Pure."""

from collections.abc import Iterator
from typing import Final

from carbon_stream.ingest.formats.native import BOM

__all__ = ["CHUNK_BYTES", "LineCutter"]

CHUNK_BYTES: Final = 1 << 20
"""A chunk ends with the line that makes it this long, so that its memory does not follow the body."""


class LineCutter:
    """Feed it pieces, and take chunks of whole lines.

    Of a line that is longer than `line_bytes_max` only so much is kept that whoever reads it finds it too long.
    """

    def __init__(self, line_bytes_max: int, chunk_lines: int) -> None:
        self._line_bytes_max, self._chunk_lines = line_bytes_max, chunk_lines
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._lines: list[bytes] = []
        self._bytes = 0
        self._begun = False

    def feed(self, piece: bytes) -> Iterator[list[bytes]]:
        """The chunks that this piece completes."""
        begin = 0
        while (end := piece.find(b"\n", begin)) >= 0:
            self._extend(piece[begin:end])
            self._close()
            begin = end + 1
            if len(self._lines) >= self._chunk_lines or self._bytes >= CHUNK_BYTES:
                yield self._take()
        self._extend(piece[begin:])

    def end(self) -> Iterator[list[bytes]]:
        """The last chunk, with a last line that has no end."""
        self._close()
        if self._lines:
            yield self._take()

    def _extend(self, part: bytes) -> None:
        """Counts all of a line, and keeps as much of it as is of use."""
        room = self._line_bytes_max + len(BOM) + 1 - self._open_bytes
        if part and room > 0:
            self._open.append(part[:room])
            self._open_bytes += min(len(part), room)

    def _close(self) -> None:
        line = self._open[0] if len(self._open) == 1 else b"".join(self._open)
        self._open.clear()
        self._open_bytes = 0
        if not self._begun:
            line = line.removeprefix(BOM)
            self._begun = True
        if line and not line.isspace():
            self._lines.append(line)
            self._bytes += len(line)

    def _take(self) -> list[bytes]:
        taken, self._lines, self._bytes = self._lines, [], 0
        return taken
