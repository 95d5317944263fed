"""Dead letters: records that could not be applied, with their bytes, headers, origin and reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carbon_stream.streaming.batch import Record

PREFIX = "carbon-stream-"
ERROR_BYTES_MAX = 2048
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was refused: why, in a word for machines and a sentence for people."""

    record: Record
    reason: str
    error: str


def message(letter: DeadLetter) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers of the dead-letter record: the original ones, and where it stood and why it is here.

    A record with neither key nor value cannot be sent by the client, so an empty key stands for the absent one, and a
    header says so. Headers of the original that look like ours are kept under another prefix.
    """
    record = letter.record
    headers: Headers = [
        (f"{PREFIX}original-{name[len(PREFIX) :]}" if name.startswith(PREFIX) else name, value)
        for name, value in record.headers or ()
    ]
    headers += [
        (f"{PREFIX}origin-topic", record.topic.encode()),
        (f"{PREFIX}origin-partition", str(record.partition).encode()),
        (f"{PREFIX}origin-offset", str(record.offset).encode()),
        (f"{PREFIX}origin-timestamp", str(record.timestamp).encode()),
        (f"{PREFIX}reason", letter.reason.encode()),
        (f"{PREFIX}error", _bounded(letter.error)),
    ]
    key = record.key
    if key is None and record.value is None:
        key = b""
        headers.append((f"{PREFIX}null-key", b"1"))
    return key, record.value, headers


def _bounded(text: str) -> bytes:
    return text.encode("utf-8", "replace")[:ERROR_BYTES_MAX].decode("utf-8", "ignore").encode()


def spread(letters: Sequence[DeadLetter], partitions: int) -> list[tuple[int, DeadLetter]]:
    """Each letter with the dead-letter partition it belongs to: its origin's, modulo their number."""
    return [(letter.record.partition % partitions, letter) for letter in letters]
