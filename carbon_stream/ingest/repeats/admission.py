"""Publishes events that are new, and says of those that are not what became of the first one."""

import asyncio
import time
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Final, NamedTuple

from carbon_stream.ingest.delivery import Delivery, Failed, Outcome
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.repeats.shared import SharedFile
from carbon_stream.ingest.repeats.window import Mark, Taken, Window, place_of
from carbon_stream.routing import Record

__all__ = ["Admission", "Conflict", "Duplicate", "Result", "Submission"]

_EXCHANGE_S: Final = 0.2
_FIRST_FAILED: Final = Failed(True, "an event with its id was being published, and did not arrive")


class Duplicate(NamedTuple):
    """The same event was taken before, and is durable. Partition and offset are None where they are not known."""

    partition: int | None
    offset: int | None


class Conflict(NamedTuple):
    """Another event of the same source and id was taken before."""


Result = Outcome | Duplicate | Conflict


class Submission:
    """Records that were handed in together: `taken` are the new ones, `repeats` what is known of the others."""

    __slots__ = ("marks", "repeats", "taken")

    def __init__(self, marks: Sequence[Mark | None], loop: asyncio.AbstractEventLoop) -> None:
        self.marks = marks
        self.taken = Taken(loop)
        self.repeats: dict[int, bytes | Taken] = {}

    def settled(self) -> Awaitable[Delivery]:
        """What became of the new ones, as soon as that is known."""
        return self.taken.settled()

    async def results(self) -> list[Result]:
        """What became of each record, in order."""
        outcomes = (await self.taken.settled()).outcomes()
        if not self.repeats:
            return list(outcomes)
        new = iter(outcomes)
        results: list[Result] = []
        for index, mark in enumerate(self.marks):
            first = self.repeats.get(index)
            if first is None:
                results.append(next(new))
            else:
                assert mark is not None
                results.append(await _repeat(first, mark))
        return results


class Admission:
    """One for each process: what it publishes is remembered in `window`, and shared through `file`."""

    def __init__(self, publisher: Publisher, window: Window, file: SharedFile | None) -> None:
        self.publisher = publisher
        self._window = window
        self._file = file
        self._unwritten: list[bytes] = []
        self._gathered: dict[Delivery, Taken] = {}
        """Of deliveries that others may join."""
        self._sharing: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

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

    async def submit_one(self, record: Record, mark: Mark | None) -> Result:
        """What becomes of one record. Those of several callers that wait for the same batch share most of the work."""
        if not self._window.events_min:
            mark = None
        elif mark is not None and (first := self._window.find(mark[0])) is not None:
            return await _repeat(first, mark)
        joined = self.publisher.join(record)
        if joined is None:
            submission = await self.submit([record], [mark], gathers=True)
            return (await submission.settled()).outcome(0)
        delivery, index = joined
        taken = self._gathered[delivery]
        self._window.put(taken, mark)
        await taken.settling()
        return delivery.outcome(index)

    async def submit(self, records: list[Record], marks: Sequence[Mark | None], *, gathers: bool = False) -> Submission:
        """Publishes the records that are new, as `Publisher.submit` does. A mark of None is that of a new event."""
        if not self._window.events_min:
            marks = [None] * len(records)  # repeats are not told here: each event is taken for a new one
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        submission = Submission(marks, self._loop)
        new = self._window.sift(submission.taken, marks, submission.repeats)
        wanted = records if new is None else [records[index] for index in new]
        try:
            delivery = await self.publisher.submit(wanted, gathers=gathers)
        except BaseException:
            never = Delivery(wanted)
            never.fail(range(len(wanted)), _FIRST_FAILED)
            submission.taken.settle(never)
            raise
        if gathers:
            self._gathered[delivery] = submission.taken
            if not self._window.is_open(submission.taken):
                self.publisher.gather_anew()  # asking for a topic's partitions has taken long
        delivery.when_settled(partial(self._settle, submission.taken))
        return submission

    def _settle(self, taken: Taken, delivery: Delivery) -> None:
        self._gathered.pop(delivery, None)
        rows = taken.settle(delivery)
        if self._file is not None:
            self._unwritten += rows

    async def _share(self) -> None:
        while True:
            await asyncio.sleep(_EXCHANGE_S)
            await self._exchange()

    async def _exchange(self) -> None:
        self._age()
        rows = b"".join(self._unwritten)
        self._unwritten.clear()
        if self._file is not None:
            await self._learn(await asyncio.to_thread(self._file.exchange, rows))

    async def _learn(self, segments: list[bytes]) -> None:
        for rows in segments:
            self._window.learn(rows)
            self._age()
            await asyncio.sleep(0)

    def _age(self) -> None:
        if self._window.age(time.monotonic()):
            self.publisher.gather_anew()  # what is taken together stands in one generation


async def _repeat(first: bytes | Taken, mark: Mark) -> Result:
    """What a repeat of an event is told, once that is known."""
    if isinstance(first, bytes):
        digest, partition, offset = place_of(first)
    else:
        delivery = await first.settled()
        index = first.find(mark[0])
        outcome = delivery.outcome(index)
        digest = (first.marks[index] or mark)[1]
        if isinstance(outcome, Failed):
            # what is refused for good is refused as often as it comes
            return _FIRST_FAILED if outcome.retriable or digest != mark[1] else outcome
        partition, offset = delivery.partitions[index], delivery.offsets[index]
    if digest != mark[1]:
        return Conflict()
    return Duplicate(partition if partition >= 0 else None, offset if offset >= 0 else None)
