"""Events that a fold sends on: they stand on their topic if, and only if, the batch they come from is committed."""

from __future__ import annotations

from typing import NamedTuple


class Forward(NamedTuple):
    """One record for another topic. Its partition is that of its key (murmur2, as the Java client has it)."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    by: str | None = None
    """Who has it sent, where that is not the stage itself: for whoever counts."""
