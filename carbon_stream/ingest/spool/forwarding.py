"""Brings what the spool has to Kafka, in the order of each strand, and forgets what is acknowledged."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from carbon_stream.contracts.names import DEAD_LETTERS
from carbon_stream.ingest.delivery import Failed, Stored
from carbon_stream.ingest.observer import IngestObserver, Unobserved
from carbon_stream.ingest.publisher import Publisher
from carbon_stream.ingest.spool.keeping import Round, Spool, SpoolUnusable
from carbon_stream.ingest.spool.rows import Row
from carbon_stream.routing import Record
from carbon_stream.streaming.dead_letters import DeadLetter, message

__all__ = ["Forwarder"]

_ROUNDS_MAX: Final = 4
"""Rounds at a time: one that waits for a partition without a leader does not hold up the others."""
_LOOK_S: Final = 1.0
_KAFKA_S: Final = 0.1
REASON: Final = "refused-by-broker"

log = logging.getLogger(__name__)


class Forwarder:
    """Empties a spool as long as it runs, whenever Kafka answers."""

    def __init__(self, spool: Spool, publisher: Publisher, observer: IngestObserver | None = None) -> None:
        self.spool = spool
        self._publisher = publisher
        self._observer = observer or Unobserved()
        self._rounds: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._empty = asyncio.Event()

    def start(self) -> None:
        """Begins."""
        self._tasks = [
            asyncio.create_task(self._forward(), name="spool-forwarder"),
            asyncio.create_task(self._look(), name="spool-look"),
        ]

    async def drain(self, seconds: float) -> None:
        """Waits until nothing is left, or Kafka is away, or so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._publisher.ready and not self._empty.is_set():
                    await _woken(self._empty, _KAFKA_S)

    async def emptied(self) -> None:
        """Waits until nothing is left, however long that takes."""
        await self._empty.wait()

    async def close(self) -> None:
        """Ends: what was sent is forgotten, what was not stays."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._rounds:
            _, late = await asyncio.wait(self._rounds, timeout=5.0)
            for task in late:
                task.cancel()

    async def _forward(self) -> None:
        while True:
            await self.spool.wake.wait()
            self._empty.clear()
            if self.spool.corrupt:
                await self._reopen()
            elif not self.spool:
                self.spool.wake.clear()
                self._empty.set()
            elif len(self._rounds) >= _ROUNDS_MAX or not self._publisher.ready:
                await asyncio.sleep(_KAFKA_S)
            else:
                await self._begin()

    async def _begin(self) -> None:
        try:
            taken = await self.spool.take(time.monotonic())
        except sqlite3.Error:
            await asyncio.sleep(_LOOK_S)
            return
        if taken is None:
            self.spool.wake.clear()
            if not await _woken(self.spool.wake, _KAFKA_S):
                self.spool.wake.set()  # lines that failed are due again without anybody saying so
        elif taken.rows:
            task = asyncio.create_task(self._round(taken), name="spool-round")
            self._rounds.add(task)
            task.add_done_callback(self._rounds.discard)

    async def _round(self, taken: Round) -> None:
        records = [row.record for row in taken.rows]
        outcomes = await self._publisher.forward(records, lambda delivery: self.spool.queued(taken, delivery))
        gone: set[int] = set()
        unknown: set[int] = set()
        refused: list[tuple[Row, str]] = []
        for row, outcome in zip(taken.rows, outcomes, strict=True):
            if isinstance(outcome, Stored):
                gone.add(row.seq)
            elif isinstance(outcome, Failed) and not outcome.retriable:
                refused.append((row, outcome.why))
            elif isinstance(outcome, Failed) and outcome.unknown:
                unknown.add(row.seq)
        repeats = sum(1 for row in taken.rows if row.maybe and (row.seq in gone or row.seq in unknown))
        if gone or repeats:
            self._observer.forwarded(len(gone), repeats)
        lost = await self._bury(refused, gone) if refused else set()
        try:
            await self.spool.end(taken, gone, unknown, lost)
        except sqlite3.Error as error:
            log.error("what was forwarded cannot be forgotten, and is sent again: %s", error)

    async def _bury(self, refused: list[tuple[Row, str]], gone: set[int]) -> set[int]:
        """What its topic will never take becomes a dead letter; gives those that cannot even be that."""
        lost: set[int] = set()
        for row, why in refused:
            partition = self._publisher.partition(row.record) or 0
            (outcome,) = await self._publisher.forward([_letter(row.record, partition, why)])
            if isinstance(outcome, Stored):
                log.error("an event in the spool became a dead letter: %s: %s", row.strand.topic, why)
                gone.add(row.seq)
            elif isinstance(outcome, Failed) and not outcome.retriable:
                lost.add(row.seq)
        return lost

    async def _reopen(self) -> None:
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)
        try:
            await self.spool.close()
            await self.spool.open()
        except SpoolUnusable as error:
            log.error("%s", error)
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        while True:
            await self.spool.look()
            await asyncio.sleep(_LOOK_S)


async def _woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set within so long."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


@dataclass(frozen=True, slots=True)
class _Origin:
    """A record as the dead letters want it; it never had an offset."""

    topic: str
    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    offset: int = -1


def _letter(record: Record, partition: int, why: str) -> Record:
    topic, key, value, headers, spread, timestamp = record
    origin = _Origin(topic, partition, timestamp, key, value, headers)
    key, letter, more = message(DeadLetter(origin, REASON, why))
    return Record(DEAD_LETTERS, key, letter or b"", more, spread, timestamp)
