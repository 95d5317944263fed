"""Rows whose age stands in the row and not in the key: reading all of them at every sweep would be dear."""

from __future__ import annotations

from zlib import crc32

from carbon_stream.projections.rows import Key

_HOUR_MS = 3_600_000


def is_due(key: Key, now: int) -> bool:
    """Whether a sweep at `now` looks at this row: each has its hour of the day."""
    return crc32(repr(key).encode()) % 24 == now // _HOUR_MS % 24
