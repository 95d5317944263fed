"""A Faust app whose stages work in transactional batches. Everything else of Faust is as it was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import NotReady
from mode import Service

from carbon_stream.streaming.exclusive import Exclusive
from carbon_stream.streaming.observer import Observer, Silent
from carbon_stream.streaming.stage import Stage, Stages
from carbon_stream.streaming.table import Table, TableManager
from carbon_stream.streaming.tracing import Tracing, Untraced
from carbon_stream.streaming.transport import Consumer, servers
from carbon_stream.streaming.unit import ROW_BYTES_MAX
from carbon_stream.streaming.watchdog import Sight, Standstill, Stuck, Watchdog, hangs, lag

WATCH_EVERY_S = 1.0
LOOK_EVERY_S = 10.0
"""How often brokers are asked where partitions end."""

DEFAULTS: dict[str, Any] = {
    # a few batches between the consumer and the agent: they count batches, not records
    "stream_buffer_maxsize": 4,
    "stream_wait_empty": False,
    "broker_max_poll_records": 10_000,
    # a killed worker's partitions stay unowned until its session times out
    "broker_session_timeout": 10.0,
    "broker_heartbeat_interval": 2.0,
    "broker_request_timeout": 30.0,
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "web_tables_enabled": False,
}
"""What a batched app needs different from Faust's defaults; any of it can be set by the caller."""


class App(faust.App):
    """`faust.App` with stages.

    `kafka` are keyword arguments for aiokafka clients (`bootstrap_servers`, TLS, SASL) and serve the stages' own
    producers and readers; `dead_letters` is the topic for what cannot be applied; `ids_max` bounds deduplication.
    `store` says where tables keep their rows, `memory://` (unless set) or `rocksdb://`, in Faust's `tabledir`.
    `writes_previous_formats` leads back to the release before (see `formats`).
    `row_bytes_max` bounds a row, key and value; the changelogs' `max.message.bytes` should be some kilobytes more, and
    at least 1 MiB.
    """

    def __init__(
        self,
        id: str,
        *,
        kafka: Mapping[str, Any],
        dead_letters: str,
        observer: Observer | None = None,
        tracing: Tracing | None = None,
        ids_max: int = 1_000_000,
        writes_previous_formats: bool = False,
        row_bytes_max: int = ROW_BYTES_MAX,
        **options: Any,
    ) -> None:
        self.kafka, self.dead_letters = dict(kafka), dead_letters
        self.observer: Observer = observer or Silent()
        self.tracing: Tracing = tracing or Untraced()
        self._ids_max, self.row_bytes_max = ids_max, row_bytes_max
        self.writes_previous_formats = writes_previous_formats
        self._stages: Stages | None = None
        self._directory: Exclusive | None = None
        bootstrap = self.kafka["bootstrap_servers"]
        brokers = servers(bootstrap if isinstance(bootstrap, str) else ",".join(bootstrap))
        fixed = {"broker": brokers, "Table": Table, "TableManager": TableManager}
        super().__init__(id, **{**DEFAULTS, "store": "memory://", **options, **fixed})

    @property
    def stages(self) -> Stages:
        """This worker's stages."""
        if self._stages is None:
            self._stages = Stages(self, self.kafka, self._ids_max)
        return self._stages

    def stage(self, name: str, **declaration: Any) -> Stage:
        """Declare a stage; see `Stage` for what it takes."""
        stage = Stage(self, name, **declaration)
        self.stages.add(stage)
        return stage

    def crash_soon(self, exc: BaseException) -> None:
        """End the worker with this error; whoever supervises it starts it afresh."""
        self._crashing = asyncio.ensure_future(self.crash(exc))

    def claim(self) -> None:
        """Where tables are kept on disk, make their directory ours alone; DirectoryInUse says whose it is.

        Done when the app starts; whoever wants to know before that may call it before.
        """
        if self._directory is None and any(
            table.is_on_disk for table in cast(TableManager, self.tables).declared.values()
        ):
            directory = Path(self.conf.tabledir)
            directory.mkdir(parents=True, exist_ok=True)
            claimed = Exclusive(directory)
            claimed.take()
            self._directory = claimed

    def _create_directories(self) -> None:
        """Make Faust's data directory and what is above it."""
        self.conf.datadir.mkdir(parents=True, exist_ok=True)
        super()._create_directories()
        self.claim()

    async def on_stop(self) -> None:
        """Finish what the partitions have under way, then stop as Faust does."""
        await self.stages.close()
        if self._directory is not None:
            self._directory.release()
            self._directory = None
        await super().on_stop()

    @Service.task
    async def _watch(self) -> None:
        """Tell the lag, and see to it that nothing stands still without a word."""
        consumer = cast(Consumer, self.consumer)
        watchdog = Watchdog()
        while not self.should_stop:
            await self.sleep(WATCH_EVERY_S)
            owned = list(self.stages.owned())
            read_next = consumer.read_next() if owned else {}
            for tp, partition in owned:
                position, end = partition.position(tp.topic), consumer.highwater(tp)
                sight = Sight(tp, position, consumer.handed_over(tp), partition.busy_s())
                if end is not None:
                    self.observer.on_lag(tp.topic, tp.partition, lag(sight, read_next.get(tp, position), end))
                if why := watchdog.misses(sight, time.monotonic()):
                    partition.read_again(why)
            if consumer.has_left_the_group():
                self.crash_soon(Stuck("the consumer's coordination with its group has ended"))
            for partition in list(self.stages.partitions()):
                if why := hangs(partition.busy_s()):
                    self.crash_soon(Stuck(f"{partition}: {why}"))

    @Service.task
    async def _watch_reading(self) -> None:
        """End a worker whose reading stands still while there is more to read: a fresh one begins anew."""
        consumer = cast(Consumer, self.consumer)
        standstill = Standstill()
        while not self.should_stop:
            await self.sleep(LOOK_EVERY_S)
            try:
                reading = await consumer.reading()
            except (KafkaError, TimeoutError, OSError, NotReady):
                reading = {}  # while brokers are away, nothing can move
            if self.rebalancing:
                reading = {}  # nor while the group hands partitions out anew, for which it waits for its slowest member
            waiting = {
                tp for tp, partition in self.stages.owned() if partition.intake.has_room() and not partition.busy_s()
            }
            if why := standstill.stands({tp: reading[tp] for tp in waiting if tp in reading}, time.monotonic()):
                self.crash_soon(Stuck(why))
