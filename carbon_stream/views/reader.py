"""Reads the tables' changelogs and hands their rows to the views of this process, first all of them, then as they come.

One consumer reads every partition of every changelog, read committed, from the beginning. What it has read it never
reads again in this process, also not after a broker was away. End of loading goes by position: the last offset of a
changelog may be a transaction's marker, behind which no record will ever come.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from carbon_stream.contracts.names import changelog
from carbon_stream.projections.formats import FORMATS
from carbon_stream.projections.rows import Key, Row
from carbon_stream.streaming import clients
from carbon_stream.streaming.formats import Formats, NewerRow
from carbon_stream.streaming.tracing import TRACES
from carbon_stream.views import consumers
from carbon_stream.views.moves import Moves, Run

log = logging.getLogger(__name__)

_POLL_RECORDS_MAX = 5_000
_POLL_MS = 100
_SLICE_S = 0.008
"""Applying rows gives way to whatever else runs on the event loop after this long."""
_FETCH_WAIT_MS = 25
"""aiokafka asks a broker one thing at a time: while it waits for one partition, the others' new rows wait too."""
_TOPICS_EVERY_S = 0.5
"""How often changelogs that are missing are looked for, and below, partitions that were added."""
_GROWTH_EVERY_S = 10.0
_RETRY_S = 1.0
_BACKOFF_MS = 400
"""aiokafka logs each attempt to reach a broker that is away."""
_COMPLAIN_EVERY_S = 30.0
_KIND = re.compile(rb"[\[(][\"']([a-z-]{1,32})[\"']")
_STALE_S = 86_400.0
"""Brokers keep tombstones for two days after compaction (`bootstrap.topics.desired`): whoever was away for a day cannot
be sure to learn of every row that is gone, and would count again what has moved out of it."""


class View(Protocol):
    """A read model of one table. Several views may read the same table.

    A view may have a method `clear(partition)`, called when a changelog was made anew and is read from its beginning.
    """

    @property
    def table(self) -> str: ...

    def apply(self, partition: int, key: Key, row: Row | None) -> None:
        """Take over the row's newest state; None means that there is no such row any more.

        Rows of the stage itself come too: those whose key begins with "ids" never, those with "ledger" always, and
        after the other rows that were read with them.
        """


class ChangelogReader:
    """Keeps views up to date. `kafka` are an aiokafka client's settings (bootstrap_servers, security).

    `on_seen(table, seconds)` is told, for each batch of events that arrives in the views once they are loaded, the time
    from the broker's taking the batch's last event to the views' having its rows. `on_traces(table, traces, at)` is
    told of rows that were made in traces: the header's value, and the append time (ms) of their record. `formats` are
    those of the tables.
    """

    def __init__(
        self,
        kafka: Mapping[str, Any],
        views: Sequence[View],
        *,
        on_seen: Callable[[str, float], None] | None = None,
        on_traces: Callable[[str, bytes, int], None] | None = None,
        formats: Mapping[str, Formats] = FORMATS,
    ) -> None:
        self.ready = asyncio.Event()
        """Set once every changelog exists and has been read to the end that it had."""
        self.skipped: Counter[str] = Counter()
        """By table: rows that could not be understood."""
        self._kafka = dict(kafka)
        self._views: dict[str, list[View]] = {}
        for view in views:
            self._views.setdefault(changelog(view.table), []).append(view)
        self._tables = {changelog(view.table): view.table for view in views}
        self._formats = {changelog(view.table): formats.get(view.table, Formats()) for view in views}
        self._on_seen, self._on_traces = on_seen, on_traces
        self._positions: dict[TopicPartition, int] = {}
        self._lags: dict[TopicPartition, int] = {}
        self._loaded: set[TopicPartition] = set()
        self._moves: defaultdict[TopicPartition, Moves] = defaultdict(Moves)
        self._caught_up: dict[TopicPartition, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._complained: dict[str, float] = {}

    async def start(self) -> None:
        """Begin reading. Returns at once, with or without a broker: `ready` says when the views are loaded."""
        self._task = asyncio.create_task(self._run(), name="changelog-reader")

    async def stop(self) -> None:
        """Stop reading; the views stay as they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def lag(self) -> dict[str, int]:
        """By table: committed records that are on the changelog and not yet in the views, as far as is known."""
        lags = dict.fromkeys(self._tables.values(), 0)
        for partition, behind in self._lags.items():
            lags[self._tables[partition.topic]] += behind
        return lags

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except (KafkaError, OSError) as error:
                self._complain("broker", f"changelogs cannot be read, trying again: {error!r}")
            except Exception:
                log.exception("reading the changelogs failed, trying again")
            await asyncio.sleep(_RETRY_S)

    async def _read(self) -> None:
        """Read until something fails."""
        consumer = AIOKafkaConsumer(
            **self._kafka,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            retry_backoff_ms=_BACKOFF_MS,
        )
        admin = AIOKafkaAdminClient(**self._kafka)
        try:
            await consumer.start()
            await admin.start()
            while True:
                missing = await self._assign(consumer, admin)
                seconds = _TOPICS_EVERY_S if missing else _GROWTH_EVERY_S
                if consumer.assignment():
                    await self._read_for(consumer, seconds, complete=not missing)
                else:
                    await asyncio.sleep(seconds)
        finally:
            await clients.stop(consumer)
            await admin.close()

    async def _assign(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> set[str]:
        """Read all partitions from where this process left them, new ones from their beginning.

        Returns the changelogs that are missing.
        """
        partitions = await consumers.partitions_of(admin, self._views)
        if partitions - consumer.assignment():
            consumer.assign(list(partitions))
            for partition in partitions:  # nothing may be awaited before: the fetcher would look for offsets by itself
                consumer.seek(partition, self._positions.setdefault(partition, 0))
        missing = self._views.keys() - {partition.topic for partition in partitions}
        if missing:
            self._complain("missing", f"waiting for the changelogs {', '.join(sorted(missing))}")
        return missing

    async def _read_for(self, consumer: AIOKafkaConsumer, seconds: float, *, complete: bool) -> None:
        """Read for a while. `complete`: every changelog is there, so that the views may become ready."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            polled = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_POLL_RECORDS_MAX)
            for partition, records in polled.items():
                self._check_continuity(partition, records[0].offset)
                if self._is_stale(partition):
                    self.ready.clear()
                    consumer.seek(partition, 0)
                    continue
                await self._apply(partition, self._moves[partition].runs(records))
                self._positions[partition] = records[-1].offset + 1  # with what is kept back: nothing comes again
                self._tell_traces(self._tables[partition.topic], records)
            await self._note_positions(consumer)
            if complete and not self.ready.is_set() and self._loaded >= consumer.assignment():
                log.info("the views are loaded: %d changelog partitions", len(self._loaded))
                self.ready.set()

    def _tell_traces(self, table: str, records: Sequence[Any]) -> None:
        """What was made in a trace is shown now; while views are being loaded that is no news."""
        if self._on_traces is None or not self.ready.is_set():
            return
        for record in records:
            for name, value in record.headers:
                if name == TRACES:
                    self._on_traces(table, value, record.timestamp)

    async def _note_positions(self, consumer: AIOKafkaConsumer) -> None:
        """Positions move over aborted records and markers as well, so they are asked for and not counted."""
        for partition in consumer.assignment():
            position = await consumer.position(partition)
            self._check_continuity(partition, position)
            self._positions[partition] = position
            end = consumer.last_stable_offset(partition)
            if end is not None:  # known with the first answer of the broker, whether it brought records or not
                self._lags[partition] = max(0, end - position)
                if position >= end:
                    self._loaded.add(partition)
                    # when the broker said so: this loop goes on without one, and after a pause of the whole process
                    self._caught_up[partition] = consumer.last_poll_timestamp(partition) / 1000
                    await self._apply(partition, self._moves[partition].rest())

    def _check_continuity(self, partition: TopicPartition, offset: int) -> None:
        """A position that goes back means that the changelog was made anew: what was read of the old one is void."""
        if offset >= self._positions[partition]:
            return
        log.warning("%s/%d was made anew, reading it from its beginning", partition.topic, partition.partition)
        self._void(partition, offset)

    def _is_stale(self, partition: TopicPartition) -> bool:
        """Whether tombstones may have gone that were never read; if so, what was read is void."""
        away_s = time.time() - self._caught_up.get(partition, float("inf"))
        if away_s < _STALE_S:
            return False
        log.warning("%s/%d was not read for %.0f h, reading it again", *partition, away_s / 3600)
        self._void(partition, 0)
        return True

    def _void(self, partition: TopicPartition, offset: int) -> None:
        """Forget what was read of a partition; it is read again from this offset."""
        self._positions[partition] = offset
        self._moves.pop(partition, None)
        self._caught_up.pop(partition, None)
        self._loaded.discard(partition)
        for view in self._views[partition.topic]:
            clear = getattr(view, "clear", None)
            if clear is not None:
                clear(partition.partition)

    async def _apply(self, partition: TopicPartition, runs: Iterable[Run]) -> None:
        """Hand the newest state of each row to the views, in slices that do not cut a move."""
        ledgers: dict[Key, Row | None] = {}
        slice_ends = time.perf_counter() + _SLICE_S
        for run in runs:
            for encoded_key, value in run.rows.items():
                change = self._decode(partition, encoded_key, value)
                if change is None:
                    continue
                key, row = change
                if key[0] == "ledger":
                    ledgers[key] = row  # says how far the rows have come: so it comes after them
                else:
                    self._hand_over(partition, key, row)
                if not run.is_move and time.perf_counter() >= slice_ends:
                    await asyncio.sleep(0)
                    slice_ends = time.perf_counter() + _SLICE_S
        for key, row in ledgers.items():
            self._hand_over(partition, key, row)
            if row is not None and "at" in row and self._on_seen is not None and self.ready.is_set():
                self._on_seen(self._tables[partition.topic], time.time() - row["at"] / 1000)

    def _decode(
        self, partition: TopicPartition, encoded_key: bytes | None, value: bytes | None
    ) -> tuple[Key, Row | None] | None:
        """Key and row, or None for what no view may see."""
        if encoded_key is None or encoded_key.startswith(b'["ids"'):
            return None
        try:
            key = orjson.loads(encoded_key)
            row = None if value is None else orjson.loads(value)
            if type(key) is not list or not key:
                raise ValueError("the key is no array")
            if row is not None:
                if "v" not in row:
                    raise ValueError("the row has no version")
                row = self._formats[partition.topic].read(key, row)
        except (ValueError, TypeError, KeyError, NewerRow) as error:
            self._skip(partition, encoded_key, error)
            return None
        return tuple(key), row

    def _hand_over(self, partition: TopicPartition, key: Key, row: Row | None) -> None:
        for view in self._views[partition.topic]:
            try:
                view.apply(partition.partition, key, row)
            except Exception as error:  # noqa: BLE001 -- one row that a view cannot take must not stop all others
                self._skip(partition, repr(key).encode(), error)

    def _skip(self, partition: TopicPartition, key: bytes, error: Exception) -> None:
        table = self._tables[partition.topic]
        self.skipped[table] += 1
        self._complain(
            f"row {table}",
            f"{partition.topic}/{partition.partition}: skipped row {_kind(key)} ({self.skipped[table]} of this table "
            f"so far): {error if isinstance(error, NewerRow) else type(error).__name__}",
        )

    def _complain(self, about: str, message: str) -> None:
        """Log a warning, at most every half minute about the same."""
        now = time.monotonic()
        if now - self._complained.get(about, -_COMPLAIN_EVERY_S) >= _COMPLAIN_EVERY_S:
            self._complained[about] = now
            log.warning("%s", message)


def _kind(key: bytes) -> str:
    """What kind of row it is; the rest of a key names people and things, and has no place in logs."""
    found = _KIND.match(key)
    return f"of kind {found[1].decode()}" if found else "of no known kind"
