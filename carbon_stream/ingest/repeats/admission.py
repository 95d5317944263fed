"""Publishes events that are new, and says of those that are not what became of the first one."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from carbon_stream.ingest.delivery import Failed, Outcome, Spooled, Stored
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.repeats.shared import SharedFile
from carbon_stream.ingest.repeats.window import Known, Mark, Window
from carbon_stream.routing import Record

__all__ = ["Admission", "Conflict", "Duplicate", "Result", "Submission"]

_EXCHANGE_S: Final = 0.2
_LEARNED_AT_ONCE: Final = 1_000
_FIRST_FAILED: Final = Failed(True, "an event with its id was being published, and did not arrive")


class Duplicate(NamedTuple):
    """The same event was taken before, and is durable. Partition and offset are None where they are not known."""

    partition: int | None
    offset: int | None


class Conflict(NamedTuple):
    """Another event of the same source and id was taken before."""


Result = Outcome | Duplicate | Conflict


class Submission:
    """Records that were handed in together, and the marks of those that can be recognised."""

    def __init__(self, records: Sequence[Record], marks: Sequence[Mark | None]) -> None:
        self._records = records
        self._marks = marks
        self._new: list[int] = []
        self._known: dict[int, Known] = {}
        self._after: dict[int, tuple[Submission, int]] = {}
        """Repeats of events that are being published: of which submission, and which of its records."""
        self._outcomes: dict[int, Outcome] = {}
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def results(self) -> list[Result]:
        """What became of each record, in order."""
        await self._settled
        if len(self._outcomes) == len(self._records):
            return list(self._outcomes.values())
        results: list[Result] = []
        for index in range(len(self._records)):
            if index in self._outcomes:
                results.append(self._outcomes[index])
            elif index in self._known:
                results.append(_repeat(self._known[index], self._marks[index]))
            else:
                first, place = self._after[index]
                await first._settled
                known = first._durable(place)
                results.append(_FIRST_FAILED if known is None else _repeat(known, self._marks[index]))
        return results

    def _durable(self, index: int) -> Known | None:
        """The event that a record was, now that it is settled; None where it was not taken."""
        outcome, mark = self._outcomes[index], self._marks[index]
        assert mark is not None
        if isinstance(outcome, Stored):
            offset = -1 if outcome.offset is None else outcome.offset
            return Known(mark.digest, self._records[index].topic, outcome.partition, offset)
        return Known(mark.digest, self._records[index].topic, -1, -1) if isinstance(outcome, Spooled) else None


class Admission:
    """One for each process: what it publishes is remembered in `window`, and shared through `file`."""

    def __init__(self, publisher: Publisher, window: Window, file: SharedFile | None) -> None:
        self.publisher = publisher
        self._window = window
        self._file = file
        self._pending: dict[str, tuple[Submission, int]] = {}
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
        submission = Submission(records, marks)
        new, pending, find = submission._new, self._pending, self._window.find
        for index, mark in enumerate(marks):
            if mark is not None:
                known = find(mark.identity)
                if known is not None:
                    submission._known[index] = known
                    continue
                first = pending.get(mark.identity)
                if first is not None:
                    submission._after[index] = first
                    continue
                pending[mark.identity] = (submission, index)
            new.append(index)
        wanted = records if len(new) == len(records) else [records[index] for index in new]
        try:
            delivery = await self.publisher.submit(wanted)
        except BaseException:
            outcomes: list[Outcome] = [_FIRST_FAILED] * len(new)
            self._settle(submission, outcomes)
            raise
        delivery.done.add_done_callback(lambda _: self._settle(submission, delivery.outcomes()))
        return submission

    def _settle(self, submission: Submission, outcomes: list[Outcome]) -> None:
        submission._outcomes = dict(zip(submission._new, outcomes, strict=True))
        marks, add, pop = submission._marks, self._window.add, self._pending.pop
        for index in submission._new:
            mark = marks[index]
            if mark is not None:
                pop(mark.identity)
                known = submission._durable(index)
                if known is not None:
                    add(mark.identity, known)
        submission._settled.set_result(None)

    async def _share(self) -> None:
        while True:
            await asyncio.sleep(_EXCHANGE_S)
            await self._exchange()

    async def _exchange(self) -> None:
        self._window.age(time.monotonic())
        mine, self._window.unwritten = self._window.unwritten, []
        if self._file is not None:
            await self._learn(await asyncio.to_thread(self._file.exchange, mine))

    async def _learn(self, entries: list[tuple[str, Known]]) -> None:
        for place, (identity, known) in enumerate(entries):
            self._window.learn(identity, known)
            if place % _LEARNED_AT_ONCE == _LEARNED_AT_ONCE - 1:
                self._window.age(time.monotonic())
                await asyncio.sleep(0)


def _repeat(known: Known, mark: Mark | None) -> Result:
    assert mark is not None
    if known.digest != mark.digest:
        return Conflict()
    return Duplicate(known.partition if known.partition >= 0 else None, known.offset if known.offset >= 0 else None)
