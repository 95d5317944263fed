"""A stage: source topics of one partition count, folded by one function into one table, one Faust agent feeding it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import faust
from faust.types import TP

from carbon_stream.streaming import intake
from carbon_stream.streaming.batch import Batch
from carbon_stream.streaming.clock import BrokerClock
from carbon_stream.streaming.deduplication import Budget
from carbon_stream.streaming.entry import Decode, Fold, Route, Sweep, Translate
from carbon_stream.streaming.partition import Partition
from carbon_stream.streaming.plan import Plan, Reader
from carbon_stream.streaming.restore import Restorer
from carbon_stream.streaming.table import Table
from carbon_stream.streaming.unit import Logic

if TYPE_CHECKING:
    from carbon_stream.streaming.app import App

log = logging.getLogger(__name__)


class BatchSchema(faust.Schema[Any, Any]):
    """Hands batches through undecoded: a value that Faust cannot decode would be acknowledged and lost."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """The message's key as it is."""
        return message.key

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        """The batch."""
        return message.value


class Stage:
    """Declared with `app.stage(...)`; `source` is what its agent listens to, `run` is the agent's body."""

    def __init__(
        self,
        app: App,
        name: str,
        *,
        topics: Sequence[str],
        table: Table,
        decoder: Callable[[str], Decode],
        invalid: type[Exception],
        fold: Fold,
        sweep: Sweep | None = None,
        route: Route | None = None,
        translate: Translate | None = None,
    ) -> None:
        self.app, self.name, self.table = app, name, table
        self.topics = tuple(topics)
        decoders = {topic: decoder(topic) for topic in topics}
        self._logic = Logic(decoders, invalid, fold, table.formats, app.row_bytes_max, route, translate)
        self._sweep = sweep
        self.partitions: dict[int, Partition] = {}
        self.source = app.topic(*self.topics, schema=BatchSchema(), partitions=table.partitions)

    async def run(self, batches: AsyncIterable[Batch]) -> None:
        """Hand each batch to its partition. Never waits: room was made sure of before the batch was fetched."""
        async for batch in batches:
            partition = self.partitions.get(batch[0].partition)
            if partition is not None:
                partition.submit(batch)

    def plan(self) -> Plan:
        """What the stage's partitions have in common."""
        app = self.app
        return Plan(
            name=self.name,
            topics=self.topics,
            changelog=self.table.changelog_topic_name,
            dead_letters=app.dead_letters,
            group_id=app.conf.id,
            logic=self._logic,
            sweep=self._sweep,
            kafka=app.kafka,
            observer=app.observer,
            tracing=app.tracing,
            reassignment_s_max=app.conf.broker_heartbeat_interval * 2 + 2.0,
        )


class Stages:
    """All stages of an app on this worker: who owns what, where there is room, how far each has come."""

    FENCINGS_MAX = 8

    def __init__(self, app: App, kafka: Mapping[str, Any], ids_max: int) -> None:
        self.app = app
        self.by_name: dict[str, Stage] = {}
        self._by_topic: dict[str, Stage] = {}
        self._restorer = Restorer(kafka, app.observer)
        self._budget = Budget(ids_max)
        self._clock = BrokerClock()
        self._fencing = asyncio.Semaphore(self.FENCINGS_MAX)
        self._room = asyncio.Event()
        self._assigning = asyncio.Lock()
        self._telling: asyncio.Task[None] | None = None
        self._closed = False

    def add(self, stage: Stage) -> None:
        """Register a stage; a topic belongs to one stage only."""
        if stage.name in self.by_name:
            raise ValueError(f"stage {stage.name!r} is declared twice")
        if taken := [topic for topic in stage.topics if topic in self._by_topic]:
            raise ValueError(f"stage {stage.name!r}: {', '.join(taken)} belong to another stage")
        self.by_name[stage.name] = stage
        self._by_topic |= dict.fromkeys(stage.topics, stage)

    # -- what the transport asks ----------------------------------------------------------------------------------

    def roomy(self, active: Iterable[TP]) -> set[TP]:
        """Of which of these a batch may be fetched: those of no stage, and those that are ours and have room."""
        free, intakes = set(), {}
        for tp in active:
            stage = self._by_topic.get(tp.topic)
            if stage is None:
                free.add(tp)
            elif (partition := stage.partitions.get(tp.partition)) is not None:
                intakes[tp] = partition.intake
        return free | intake.roomy(intakes)

    async def wait_for_room(self, seconds: float) -> None:
        """Until some partition has taken its queue, or for so long."""
        self._room.clear()
        try:
            await asyncio.wait_for(self._room.wait(), seconds)
        except TimeoutError:
            return

    # -- what the group says --------------------------------------------------------------------------------------

    def hold(self) -> None:
        """The group is about to hand partitions out anew."""
        for partition in self.partitions():
            partition.hold()

    async def assign(self, assigned: set[TP], revoked: int) -> None:
        """Start on what is new, go on with what stays (an owner who was fenced meanwhile notices at its next
        commit), let go of what is gone. Once all is closed, nothing is started: the group may speak while it stops.
        """
        async with self._assigning:
            if self._closed:
                assigned = set()
            self.app.observer.on_rebalance(len(assigned), revoked)
            await asyncio.gather(*(self._assign(stage, assigned) for stage in self.by_name.values()))
        if assigned:
            if self._telling is not None:
                self._telling.cancel()
            self._telling = asyncio.create_task(self._tell(time.monotonic()))

    async def _tell(self, since: float) -> None:
        """Say once when everything that was assigned has been taken over."""
        await asyncio.gather(*(partition.taken_over.wait() for partition in list(self.partitions())))
        owned = ", ".join(f"{name} {len(stage.partitions)}" for name, stage in self.by_name.items())
        log.info("partitions taken over in %.2f s: %s", time.monotonic() - since, owned)

    async def _assign(self, stage: Stage, assigned: set[TP]) -> None:
        numbers = [{tp.partition for tp in assigned if tp.topic == topic} for topic in stage.topics]
        whole, partly = set.intersection(*numbers), set.union(*numbers)
        if whole != partly:
            log.error(
                "stage %s: partitions %s are not assigned for all of %s: the topics of a stage need one partition "
                "count; they are left alone until then",
                stage.name, sorted(partly - whole), ", ".join(stage.topics),
            )  # fmt: skip
        gone = [stage.partitions.pop(n) for n in set(stage.partitions) - whole]
        await asyncio.gather(*(partition.close() for partition in gone))
        for partition in gone:
            stage.table.drop(partition.number)
        for number in sorted(whole):
            known = stage.partitions.get(number)
            if known is not None:
                known.reassigned()
            else:
                self._start(stage, number)

    def _start(self, stage: Stage, number: int) -> None:
        partition = Partition(
            stage.plan(),
            number,
            stage.table.shard(number),
            self._restorer,
            self._budget,
            self._clock,
            self._fencing,
        )
        stage.partitions[number] = partition
        partition.start(cast(Reader, self.app.consumer), self._room, self.app.crash_soon)

    async def close(self) -> None:
        """Finish what is under way and let go of everything."""
        self._closed = True
        if self._telling is not None:
            self._telling.cancel()
        await self.assign(set(), 0)

    def owned(self) -> Iterator[tuple[TP, Partition]]:
        """Every source partition that has been taken over, with the stage partition that works on it."""
        for stage in self.by_name.values():
            for number, partition in stage.partitions.items():
                if partition.owned:
                    yield from ((TP(topic, number), partition) for topic in stage.topics)

    def partitions(self) -> Iterator[Partition]:
        """Every stage partition that is assigned, taken over or not."""
        for stage in self.by_name.values():
            yield from stage.partitions.values()
