"""What has been handed to the publisher at once, and what becomes of each of its records."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from carbon_stream.routing import Record

__all__ = ["SPOOLED", "Delivery", "Failed", "Outcome", "Spooled", "Stored"]


class Stored(NamedTuple):
    """Acknowledged by all in-sync replicas. `offset` is None where the broker no longer knew it (a repeat of ours)."""

    partition: int
    offset: int | None


class Spooled(NamedTuple):
    """On disk, and on its topic once Kafka takes it."""


class Failed(NamedTuple):
    """Not acknowledged. `retriable`: the record may be sent again. `unknown`: it may have arrived."""

    retriable: bool
    why: str
    unknown: bool = False


Outcome = Stored | Spooled | Failed
SPOOLED: Final = Spooled()
_HANDED_OVER: Final = Failed(True, "nobody has settled it")
"""Stands for the outcome of a record that somebody else than its lane will settle."""


class Delivery:
    """Records with one deadline. Each is settled once; what comes after the deadline no longer counts.

    Outcomes are kept in columns, since there is one for every event.
    """

    __slots__ = (
        "_finished",
        "_offsets",
        "_open",
        "_others",
        "_partitions",
        "began",
        "done",
        "forwarded",
        "records",
        "sizes",
    )

    def __init__(
        self,
        records: Sequence[Record],
        finished: Callable[["Delivery"], object] | None = None,
        *,
        forwarded: bool = False,
    ) -> None:
        self.records = records
        self.sizes = [record.size for record in records]
        self.began = time.monotonic()
        self.forwarded = forwarded
        """Whether these are records that the spool has, so that it need not take them."""
        self._open = len(records)
        self._partitions = [-1] * len(records)
        self._offsets = [-1] * len(records)
        self._others: dict[int, Spooled | Failed] = {}
        self._finished = finished
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not records:
            self.done.set_result(None)

    def store(self, indices: Sequence[int], partition: int, offset: int) -> None:
        """Settles records that stand one after the other from `offset` on; a negative offset is an unknown one."""
        step = 1 if offset >= 0 else 0
        partitions, offsets = self._partitions, self._offsets
        for index in indices:
            if partitions[index] < 0 and index not in self._others:
                partitions[index] = partition
                offsets[index] = offset
                self._open -= 1
            offset += step
        self._close_if_settled()

    def fail(self, indices: Sequence[int], failure: Failed) -> None:
        """Settles records that are still open as failed."""
        for index in indices:
            if self.is_open(index):
                self._others[index] = failure
                self._open -= 1
        self._close_if_settled()

    def hand_over(self, indices: Sequence[int]) -> None:
        """From now on these are settled by `settle` alone."""
        for index in indices:
            assert self.is_open(index)
            self._others[index] = _HANDED_OVER

    def settle(self, indices: Sequence[int], outcome: Spooled | Failed) -> None:
        """Settles records that were handed over, where nobody has yet."""
        for index in indices:
            if self._others.get(index) is _HANDED_OVER:
                self._others[index] = outcome
                self._open -= 1
        self._close_if_settled()

    @property
    def failed(self) -> bool:
        """Whether any record has failed, or was handed over."""
        return bool(self._others)

    @property
    def whole(self) -> bool:
        """Whether nothing is settled or handed over yet."""
        return self._open == len(self.records) and not self._others

    def is_open(self, index: int) -> bool:
        """Whether a record's outcome is still to come."""
        return self._partitions[index] < 0 and index not in self._others

    def size_of(self, indices: Sequence[int]) -> int:
        """Bytes that records take."""
        sizes = self.sizes
        return sum([sizes[index] for index in indices])

    def outcomes(self) -> list[Outcome]:
        """All outcomes in order of the records; only when `done`."""
        assert not self._open
        others = self._others
        return [
            others[index] if partition < 0 else Stored(partition, offset if offset >= 0 else None)
            for index, (partition, offset) in enumerate(zip(self._partitions, self._offsets, strict=True))
        ]

    def _close_if_settled(self) -> None:
        if not self._open and not self.done.done():
            self.done.set_result(None)
            if self._finished is not None:
                self._finished(self)
