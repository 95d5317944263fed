"""The spool of one process: takes records, says when they are durable, and hands them out to be forwarded."""

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from carbon_stream.ingest.observer import IngestObserver, Unobserved
from carbon_stream.ingest.spool.backlog import Backlog, OnItsWay
from carbon_stream.ingest.spool.commits import Commits
from carbon_stream.ingest.spool.rows import Row, Strand, strand_of
from carbon_stream.ingest.spool.salvage import open_store
from carbon_stream.ingest.spool.store import New, Store, Stored, is_corrupt
from carbon_stream.routing import Record

__all__ = ["Kept", "Round", "Spool", "SpoolUnusable"]

_ROUND_ROWS: Final = 2_000
_ROUND_BYTES: Final = 4 << 20
_LINE_ROWS: Final = 500
_AGAIN_S: Final = 0.5
_SPARE_BYTES: Final = 64 << 10
"""A spool with less room than that (or two per cent of all) counts as full, though small events may still fit."""

T = TypeVar("T")
log = logging.getLogger(__name__)


class SpoolUnusable(Exception):
    """The directory cannot be used; the message says why."""


class Kept:
    """Records that were put into the spool together. `done` is set when they are durable, or raises sqlite3.Error."""

    def __init__(self, spool: "Spool", new: list[New], done: "asyncio.Future[None]") -> None:
        self._spool, self._new, self.done = spool, new, done

    def heard(self, *, arrived: bool) -> None:
        """What became of records that were on their way to Kafka when they were put here: only now they may be sent.

        Those that have arrived are forgotten.
        """
        self._spool.hear(self._new, self.done, arrived=arrived)


class Round(NamedTuple):
    """Rows to be forwarded, in order, and their strands, which nobody else forwards meanwhile."""

    rows: list[Row]
    lines: set[Strand]


class Spool:
    """A directory's spool; `open` first. `bytes_max` and `age_max_s` bound what it takes: what it has is kept."""

    def __init__(
        self, directory: Path, *, bytes_max: int, age_max_s: float, observer: IngestObserver | None = None
    ) -> None:
        self.directory = directory
        self.bytes_max = bytes_max
        self._age_max_s = age_max_s
        self._observer = observer or Unobserved()
        self._backlog = Backlog()
        self.rows = 0
        self.bytes = 0
        self.aside = 0
        """Events that can be neither forwarded nor read; they stay in the file."""
        self._oldest_ms: int | None = None
        self._seq = 0
        self._commits: Commits | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed = ""
        self.corrupt = False
        """Whether the file turned out not to be what was written, and has to be opened again."""
        self.wake = asyncio.Event()
        """Set when there may be something to forward."""

    async def open(self) -> None:
        """Takes over what the directory has. Raises SpoolUnusable."""
        try:
            store, rows, marks, damaged = await asyncio.to_thread(_open, self.directory)
            self.aside = await asyncio.to_thread(store.asides)
        except (sqlite3.Error, OSError) as error:
            raise SpoolUnusable(f"the spool in {self.directory} cannot be used: {error}") from error
        backlog = self._backlog = Backlog()
        for row in rows:
            backlog.line(row.strand).waiting.append(row.seq)
        for strand, last in marks.items():
            if strand in backlog:
                backlog.line(strand).repeats_to = last
        self.rows, self.bytes = len(rows), sum(row.size for row in rows)
        self._seq, self._oldest_ms = (rows[-1].seq, rows[0].at) if rows else (0, None)
        self._failed, self.corrupt = "", False
        self._commits = Commits(store, self._observer.spool_committed)
        if damaged:
            self._observer.spool_set_aside("corrupt file", 1)
        if rows:
            log.warning("%d events wait in the spool %s", len(rows), self.directory)
        self.wake.set()

    async def close(self) -> None:
        """Finishes what was asked for, and lets go of the file."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._commits is not None:
            commits, self._commits = self._commits, None
            await commits.close()

    def __contains__(self, record: Record) -> bool:
        """Whether it has to come here as well, since it would overtake others of its strand that wait here."""
        return bool(self._backlog) and self._backlog.keeps_back(strand_of(record))

    def __bool__(self) -> bool:
        return bool(self._backlog)

    @property
    def age_s(self) -> float:
        """Age of the oldest record that waits, of which `look` keeps track; 0 without one."""
        return 0.0 if self._oldest_ms is None or not self.rows else max(time.time() - self._oldest_ms / 1000, 0.0)

    @property
    def lack(self) -> str | None:
        """Why nothing much is taken at present; None when it is. A write that failed counts until one has not."""
        return self._failed or self._why_not(min(_SPARE_BYTES, self.bytes_max // 50))

    def _why_not(self, size: int) -> str | None:
        if self._commits is None or self.corrupt:
            return "the spool is closed"
        if self.bytes + size > self.bytes_max:
            return "the spool is full"
        if self.age_s > self._age_max_s:
            return "what waits in the spool is too old"
        return None

    def put(self, records: Sequence[Record], *, unknown: bool, held: bool = False) -> Kept | str:
        """Keeps records, behind what was put before; or says why not.

        `unknown`: they may be on their topic already. `held`: they are on their way to Kafka, and are not forwarded
        before it is `heard` what became of them.
        """
        size = sum(record.size for record in records)
        refusal = self._why_not(size)
        if refusal is not None or self._commits is None:
            return refusal or "the spool is closed"
        new = []
        for record in records:
            self._seq += 1
            strand = strand_of(record)
            new.append(New(self._seq, strand, record.size, unknown, record))
            line = self._backlog.line(strand)
            line.coming += 1
            line.held += held
        self.rows += len(new)
        self.bytes += size
        done = self._commits.ask(lambda store: store.add(new), size)
        backlog = self._backlog
        done.add_done_callback(lambda answered: self._added(backlog, new, size, answered))
        return Kept(self, new, done)

    def _added(self, backlog: Backlog, new: list[New], size: int, done: "asyncio.Future[None]") -> None:
        error = None if done.cancelled() else done.exception()
        if backlog is not self._backlog:
            return  # the file was opened again meanwhile, and has what was written
        for seq, strand, *_ in new:
            line = backlog.line(strand)
            line.coming -= 1
            if error is None:
                line.waiting.append(seq)
        backlog.tidy({strand for _, strand, *_ in new})
        if error is None:
            self._failed = ""
            self._oldest_ms = self._oldest_ms or time.time_ns() // 1_000_000
            self._observer.spooled(len(new))
        else:
            self.rows -= len(new)
            self.bytes -= size
            self._trouble(error)
        self.wake.set()

    def hear(self, new: list[New], done: "asyncio.Future[None]", *, arrived: bool) -> None:
        """See `Kept.heard`."""
        task = asyncio.create_task(self._settle(self._backlog, new, done, arrived=arrived))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self, backlog: Backlog, new: list[New], done: "asyncio.Future[None]", *, arrived: bool) -> None:
        await asyncio.wait([done])
        if backlog is not self._backlog:
            return
        gone = arrived and not done.cancelled() and done.exception() is None
        strands = _by_strand(new)
        for strand, seqs in strands.items():
            backlog.line(strand).held -= len(seqs)
        if gone:
            for strand, seqs in strands.items():
                backlog.remove(strand, seqs)
        backlog.tidy(strands)
        self.wake.set()
        if gone:
            await self._forget([each.seq for each in new], (), sum(each.size for each in new))

    async def take(self, now: float) -> Round | None:
        """Rows to forward, read and marked as handed over; None when there are none. Raises sqlite3.Error."""
        backlog = self._backlog
        taken = backlog.take(now, _ROUND_ROWS, _LINE_ROWS)
        if not taken:
            return None
        seqs = sorted(seq for rows in taken.values() for seq in rows)
        try:
            read = await self._ask(lambda store: store.begin(seqs, _ROUND_BYTES))
        except BaseException:
            for strand in taken:
                backlog.rest(strand, now, failed=True)
            raise
        self._set_aside(read.unreadable, "unreadable event")
        rows = [row._replace(maybe=row.maybe or row.seq <= backlog.line(row.strand).repeats_to) for row in read.rows]
        found = {row.strand for row in rows}
        for strand in taken.keys() - found:
            backlog.rest(strand, now, failed=False)
        backlog.tidy(taken.keys() - found)
        return Round(rows, found)

    def queued(self, taken: Round, on_its_way: OnItsWay) -> None:
        """A round's rows stand in the queue to Kafka, so that new records of their strands may go there too."""
        numbers = Counter(row.strand for row in taken.rows)
        for strand, number in numbers.items():
            line = self._backlog.line(strand)
            line.under_way, line.on_its_way = number, on_its_way

    async def end(
        self, ended: Round, gone: Collection[int], unknown: Iterable[int] = (), refused: Collection[int] = ()
    ) -> None:
        """Ends a round. `gone` (by `seq`) are on a topic; of `unknown` nobody knows; `refused` are taken by none."""
        backlog = self._backlog
        doubtful = set(unknown)
        rows = [row for row in ended.rows if row.seq in gone]
        for strand in ended.lines:
            backlog.line(strand).under_way = 0  # whatever else waits was put here since, or has to be sent again
        for strand, seqs in _by_strand(rows).items():
            backlog.remove(strand, seqs)
        for row in ended.rows:
            if row.seq in doubtful:
                line = backlog.line(row.strand)
                line.repeats_to = max(line.repeats_to, row.seq)
        if refused:
            why = "refused event"
            await self._until_done(lambda store: store.set_aside(refused, why))
            self._set_aside([Stored(r.seq, r.strand, r.record.size, 0) for r in ended.rows if r.seq in refused], why)
        clear = ended.lines - {row.strand for row in ended.rows if row.seq in doubtful}
        await self._forget([row.seq for row in rows], clear, sum(row.record.size for row in rows))
        failed = {row.strand for row in ended.rows if row.seq not in gone and row.seq not in refused}
        now = time.monotonic()
        for strand in ended.lines:
            backlog.rest(strand, now, failed=strand in failed)
        backlog.tidy(ended.lines)
        self.wake.set()

    def _set_aside(self, rows: Sequence[Stored], why: str) -> None:
        if rows:
            log.error("%d events of the spool %s were set aside: %s", len(rows), self.directory, why)
            self._observer.spool_set_aside(why, len(rows))
            self.aside += len(rows)
        for row in rows:
            self._backlog.remove(row.strand, [row.seq])
            self.rows -= 1
            self.bytes -= row.size

    async def _forget(self, seqs: Sequence[int], strands: Iterable[Strand], size: int) -> None:
        clear = list(strands)
        await self._until_done(lambda store: store.end(seqs, clear))
        self.rows -= len(seqs)
        self.bytes -= size
        if not self.rows:
            self._oldest_ms = None
            await self._shrink()

    async def _shrink(self) -> None:
        while not self.rows and await self._until_done(Store.shrink):
            pass

    async def _until_done(self, work: Callable[[Store], T]) -> T:
        """Repeats what must not be left undone: forgetting what was sent. A corrupt file ends it: sqlite3.Error."""
        while True:
            try:
                return await self._ask(work)
            except sqlite3.Error:
                if self.corrupt:
                    raise
            await asyncio.sleep(_AGAIN_S)

    async def _ask(self, work: Callable[[Store], T]) -> T:
        if self._commits is None:
            raise asyncio.CancelledError
        try:
            return await self._commits.ask(work)
        except sqlite3.Error as error:
            self._trouble(error)
            raise

    async def look(self) -> None:
        """Learns the age of what waits, and whether a disk that refused a write takes one again."""
        if self._commits is None:
            return
        try:
            if self._failed:
                await self._ask(Store.prove)
                self._failed = ""
                log.warning("the spool in %s can write again", self.directory)
            self._oldest_ms = await self._ask(Store.oldest) if self.rows else None
        except sqlite3.Error:
            pass  # told where it was noticed

    def _trouble(self, error: BaseException) -> None:
        if not self._failed:
            log.error("the spool in %s cannot be written: %s", self.directory, error)
        self._failed = f"the spool cannot be written: {error}"
        self.corrupt = self.corrupt or is_corrupt(error)
        self.wake.set()


def _by_strand(rows: Iterable[New | Row]) -> dict[Strand, list[int]]:
    strands: dict[Strand, list[int]] = {}
    for row in rows:
        strands.setdefault(row.strand, []).append(row.seq)
    return strands


def _open(directory: Path) -> tuple[Store, list[Stored], dict[Strand, int], bool]:
    store, damaged = open_store(directory)
    return store, store.load(), store.marks(), damaged
