"""Publishes events that are new, and says of those that are not what became of the first one."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from carbon_stream.ingest.delivery import Failed, Outcome, Spooled, Stored
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.repeats.shared import Segment, SharedFile
from carbon_stream.ingest.repeats.window import Mark, Taken, Window
from carbon_stream.routing import Record

__all__ = ["Admission", "Conflict", "Duplicate", "Result", "Submission"]

_EXCHANGE_S: Final = 0.2
_SMALL_EVENTS: Final = 50
_FIRST_FAILED: Final = Failed(True, "an event with its id was being published, and did not arrive")


class Duplicate(NamedTuple):
    """The same event was taken before, and is durable. Partition and offset are None where they are not known."""

    partition: int | None
    offset: int | None


class Conflict(NamedTuple):
    """Another event of the same source and id was taken before."""


Result = Outcome | Duplicate | Conflict


class Submission:
    """Records that were handed in together: `taken` are the new ones, `repeats` says which is one of which."""

    def __init__(self, marks: Sequence[Mark | None]) -> None:
        self._marks = marks
        self._taken = Taken()
        self._repeats: dict[int, tuple[Taken, int]] = {}
        self._outcomes: list[Outcome] = []
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taken.settled = self._settled

    async def results(self) -> list[Result]:
        """What became of each record, in order."""
        await self._settled
        if not self._repeats:
            return list(self._outcomes)
        outcomes = iter(self._outcomes)
        results: list[Result] = []
        for index, mark in enumerate(self._marks):
            first = self._repeats.get(index)
            if first is None:
                results.append(next(outcomes))
            else:
                assert mark is not None
                results.append(await _repeat(*first, mark))
        return results


class Admission:
    """One for each process: what it publishes is remembered in `window`, and shared through `file`."""

    def __init__(self, publisher: Publisher, window: Window, file: SharedFile | None) -> None:
        self.publisher = publisher
        self._window = window
        self._file = file
        self._unwritten: list[Taken] = []
        self._sharing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Learns what was taken before, and begins to share."""
        if self._file is not None:
            await self._learn(await asyncio.to_thread(self._file.open))
            self._sharing = asyncio.create_task(self._share(), name="repeats")

    async def stop(self) -> None:
        """Writes what is not written yet."""
        if self._sharing is not None and self._file is not None:
            self._sharing.cancel()
            await asyncio.wait([self._sharing])
            await self._exchange()
            await asyncio.to_thread(self._file.close)

    async def submit(self, records: Sequence[Record], marks: Sequence[Mark | None]) -> Submission:
        """Publishes the records that are new, as `Publisher.submit` does. A mark of None is that of a new event."""
        if not self._window.events_min:
            marks = [None] * len(records)  # repeats are not told here: each event is taken for a new one
        submission = Submission(marks)
        new = self._window.sift(submission._taken, marks, submission._repeats)
        wanted = records if new is None else [records[index] for index in new]
        try:
            delivery = await self.publisher.submit(wanted)
        except BaseException:
            self._settle(submission, wanted, [_FIRST_FAILED] * len(wanted))
            raise
        delivery.done.add_done_callback(lambda _: self._settle(submission, wanted, delivery.outcomes()))
        return submission

    def _settle(self, submission: Submission, records: Sequence[Record], outcomes: list[Outcome]) -> None:
        """What is durable is remembered with its place, what is not is forgotten."""
        submission._outcomes = outcomes
        taken = submission._taken
        partitions, offsets = taken.partitions, taken.offsets
        for index, outcome in enumerate(outcomes):
            if type(outcome) is Stored:
                partition, offset = outcome
                partitions.append(partition)
                offsets.append(-1 if offset is None else offset)
            else:
                partitions.append(-1)
                offsets.append(-1 if type(outcome) is Spooled else None)
                if type(outcome) is Failed and not outcome.retriable:
                    taken.refusals[index] = outcome
        taken.topics = [record[0] for record in records]
        if None in offsets:
            self._window.forget(taken)
        submission._settled.set_result(None)
        taken.settled = None
        if self._file is not None and len(taken.identities) != taken.identities.count(None):
            self._unwritten.append(taken)

    async def _share(self) -> None:
        while True:
            await asyncio.sleep(_EXCHANGE_S)
            await self._exchange()

    async def _exchange(self) -> None:
        self._window.age(time.monotonic())
        unwritten, self._unwritten = self._unwritten, []
        small = [taken for taken in unwritten if len(taken.identities) < _SMALL_EVENTS]
        large = [taken for taken in unwritten if len(taken.identities) >= _SMALL_EVENTS]
        segments = [taken.segment() for taken in (*large, *([self._window.merge(small)] if small else ()))]
        if self._file is not None:
            await self._learn(await asyncio.to_thread(self._file.exchange, segments))

    async def _learn(self, segments: list[Segment]) -> None:
        for segment in segments:
            self._window.learn(Taken.of(segment))
            self._window.age(time.monotonic())
            await asyncio.sleep(0)


async def _repeat(first: Taken, index: int, mark: Mark) -> Result:
    """What a repeat of an event is told, once that is known."""
    if first.settled is not None:
        await first.settled
    partition, offset = first.partitions[index], first.offsets[index]
    is_same = first.digests[index] == mark[1]
    if offset is None:
        # what is refused for good is refused as often as it comes
        return first.refusals.get(index, _FIRST_FAILED) if is_same else _FIRST_FAILED
    if not is_same:
        return Conflict()
    return Duplicate(partition if partition >= 0 else None, offset if offset >= 0 else None)
