"""A shard: all rows of one table partition, encoded, wherever they are kept; and which changelog they were read from.

A shard holds what the changelog says before `position`, so that only what comes after has to be read when the
partition is taken over. It changes after a transaction has committed, never before. `MemoryShard` and `RocksShard`
implement it; one contract test holds both to the same behaviour.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

Pair = tuple[str | int, str | int]
"""The first two parts of a key that has more of them."""

Changes = dict[bytes, bytes | None]
"""Encoded key to encoded row; None deletes (a tombstone on the changelog)."""

SEGMENT = b'["ids",'
"""How a deduplication segment's key begins (`deduplication.FAMILY`): these are rows that no fold ever sees."""


NOTHING_KEPT = "nothing is kept here"
"""Why rows are read anew by a worker that has not had the partition before, or whose directory was lost."""


class ShardFailed(OSError):
    """Rows cannot be read or written now: nothing is lost by it, and trying again later may help."""


class ShardBusy(ShardFailed):
    """The disk does not keep up with what is written: the same again in a moment will do (`patiently`)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The changelog that rows come from: names do not tell a topic from one that was made anew under its name."""

    cluster: str = ""
    topic: str = ""
    """Kafka's id of the topic; empty where brokers do not tell it (before 2.8)."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a shard has come.

    `at` (ms since 1970) is when it was last known that no deletion before `position` was missed: when its changelog was
    last at its end, or begun to be read from its beginning. Half a restore leaves it as it was.
    """

    origin: Origin = Origin()
    position: int = 0
    at: int = 0


class Shard(Protocol):
    """The rows of one table partition. Whatever fails in it raises ShardFailed and leaves it as it was."""

    @property
    def mark(self) -> Mark:
        """How far it has come."""

    @property
    def emptied(self) -> str | None:
        """Why `open` found nothing that could be used; None if it found a shard or never keeps any."""

    def open(self) -> None:
        """Make it usable, with what was kept; one that is open stays as it is."""

    def close(self) -> None:
        """Let go of files and locks; what lives in memory alone stays."""

    def clear(self, origin: Origin) -> None:
        """Forget everything; what comes from now on is of this origin, read from its beginning."""

    def __len__(self) -> int:
        """Rows without segments."""

    def get(self, key: bytes) -> bytes | None:
        """The row under an encoded key."""

    def keys(self) -> Iterator[bytes]:
        """Keys of all rows without segments; the shard may change meanwhile."""

    def count(self, pair: Pair) -> int:
        """Rows whose keys start with these two parts and have more."""

    def load(self, changes: Mapping[bytes, bytes | None], position: int, at: int | None = None) -> None:
        """Take over what stands on the changelog before `position`, segments among it; `at` when that is its end."""

    def apply(self, rows: Mapping[bytes, bytes | None], segments: Mapping[bytes, bytes | None], written: int) -> None:
        """Take over what a transaction has committed; all before the offset `written` need not be read again."""

    def segments(self) -> list[tuple[bytes, bytes]]:
        """The segments, for whoever keeps them in memory from now on."""


def now_ms() -> int:
    """The wall clock, ms."""
    return time.time_ns() // 1_000_000


def parted(changes: Mapping[bytes, bytes | None]) -> tuple[Changes, Changes]:
    """Rows and segments."""
    segments = {key: row for key, row in changes.items() if key.startswith(SEGMENT)}
    if not segments:
        return dict(changes), segments
    return {key: row for key, row in changes.items() if key not in segments}, segments


def pairs(keys: Iterable[bytes]) -> Counter[Pair]:
    """How many of these keys begin with which pair."""
    decoded = map(orjson.loads, keys)
    return Counter((parts[0], parts[1]) for parts in decoded if len(parts) > 2)
