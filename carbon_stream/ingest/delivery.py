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
        "_done",
        "_finished",
        "_open",
        "_others",
        "_told",
        "began",
        "closed",
        "forwarded",
        "offsets",
        "partitions",
        "records",
        "size",
        "sizes",
    )

    def __init__(
        self,
        records: list[Record],
        finished: Callable[["Delivery"], object] | None = None,
        *,
        forwarded: bool = False,
    ) -> None:
        self.records = records
        self.sizes = [record.size for record in records]
        self.size = sum(self.sizes)
        """Bytes that all of them take."""
        self.began = time.monotonic()
        self.forwarded = forwarded
        """Whether these are records that the spool has, so that it need not take them."""
        self._open = len(records)
        self.partitions = [-1] * len(records)
        """Where each record is stored: -1 where it is not, or not yet."""
        self.offsets = [-1] * len(records)
        """At which offset; -1 also where the broker no longer knew it."""
        self._others: dict[int, Spooled | Failed] = {}
        self._finished = finished
        self.closed = not records
        """Whether all records are settled."""
        self._told: Callable[[Delivery], object] | None = None
        self._done: asyncio.Future[None] | None = None

    @property
    def done(self) -> "asyncio.Future[None]":
        """Is set when all records are settled."""
        if self._done is None:
            self._done = asyncio.get_running_loop().create_future()
            if self.closed:
                self._done.set_result(None)
        return self._done

    def join(self, record: Record, size: int) -> int:
        """Takes one more record, of `size` bytes, before anything has become of the others, and gives its index."""
        index = len(self.sizes)
        self.records.append(record)
        self.sizes.append(size)
        self.size += size
        self.partitions.append(-1)
        self.offsets.append(-1)
        self._open += 1
        return index

    def store(self, indices: Sequence[int], partition: int, offset: int) -> None:
        """Settles records that stand one after the other from `offset` on; a negative offset is an unknown one."""
        count = len(self.sizes)
        if len(indices) == self._open == count and not self._others:  # nothing has become of any of them before
            self.partitions = [partition] * count
            self.offsets = list(range(offset, offset + count)) if offset >= 0 else [-1] * count
            self._open = 0
            self._close_if_settled()
            return
        step = 1 if offset >= 0 else 0
        partitions, offsets = self.partitions, self.offsets
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

    def is_open(self, index: int) -> bool:
        """Whether a record's outcome is still to come."""
        return self.partitions[index] < 0 and index not in self._others

    def size_of(self, indices: Sequence[int]) -> int:
        """Bytes that records take."""
        if len(indices) == len(self.sizes):
            return self.size
        sizes = self.sizes
        return sum([sizes[index] for index in indices])

    def outcomes(self) -> list[Outcome]:
        """All outcomes in order of the records; only when all are settled."""
        return [self.outcome(index) for index in range(len(self.records))]

    def outcome(self, index: int) -> Outcome:
        """One record's outcome; only when all are settled."""
        assert not self._open
        partition, offset = self.partitions[index], self.offsets[index]
        return self._others[index] if partition < 0 else Stored(partition, offset if offset >= 0 else None)

    @property
    def stored(self) -> bool:
        """Whether all records are stored."""
        return not self._open and not self._others

    def when_settled(self, tell: Callable[["Delivery"], object]) -> None:
        """`tell` is called once all are settled, in the course of that, or now. For one caller."""
        if self.closed:
            tell(self)
        else:
            self._told = tell

    def _close_if_settled(self) -> None:
        if not self._open and not self.closed:
            self.closed = True
            if self._done is not None and not self._done.done():  # whoever waited for it may have been cancelled
                self._done.set_result(None)
            if self._finished is not None:
                self._finished(self)
            tell, self._told = self._told, None  # it may know of this delivery: a cycle would be memory for long
            if tell is not None:
                tell(self)
