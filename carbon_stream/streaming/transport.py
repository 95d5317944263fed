"""A Faust transport (`kafka+batch://`) that delivers one message a fetched partition batch and never commits.

Faust's own machinery costs about 95 microseconds a message, whatever an agent does with it; here it is paid once a
batch. Offsets are committed inside each partition's transactions (`transaction.py`), so Faust's own commit, which
could rewind them, is switched off. `DESIGN.md` lists what this changes in Faust and why.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import aiokafka
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from carbon_stream.streaming.batch import Batch, BatchMessage

if TYPE_CHECKING:
    from carbon_stream.streaming.app import App

log = logging.getLogger(__name__)

FETCH_WAIT_MS = 25
"""How long a broker may hold a fetch that finds nothing. aiokafka asks a node again only when its last answer is in, so
a partition that has just been read waits this long at most; Faust's 1,500 would be the latency of a quiet topic."""

ENDS_S_MAX = 10.0
"""How long brokers may take to say where partitions end."""

LEAVE_S_MAX = 5.0
"""How long the consumer may take to finish with its group and to close its connections when the worker stops."""

CROWDED_POLL_S = 0.02
"""How long one poll may wait while some partitions have no room: they are looked at again after it."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, reading committed records only and always with Faust's co-partitioning assignor."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        conf = self.app.conf
        # Faust picks a round-robin assignor for apps without tables of its own kind; a stage needs partition n of
        # each of its topics on one worker.
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            # Faust's default is an empty name, which to the broker is one and the same member for every worker
            group_instance_id=conf.consumer_group_instance_id or None,
            **cast("App", self.app).kafka,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset=conf.consumer_auto_offset_reset,
            max_poll_records=conf.broker_max_poll_records,
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 0) * 1000),
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            check_crcs=conf.broker_check_crcs,
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            # a producer may write to the topics in transactions of its own: what it aborts was never said
            isolation_level="read_committed",
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
        )

    async def on_thread_stop(self) -> None:
        """Leave the group, within a bound: a rebalance that is under way is waited for, and so are brokers that do not
        close their end of a TLS connection. A member that has not said that it leaves is missed after its session.
        """
        try:
            async with asyncio.timeout(LEAVE_S_MAX):
                await super().on_thread_stop()
        except TimeoutError:
            log.warning("the consumer did not end within %g s, and is given up", LEAVE_S_MAX)

    async def reading(self) -> dict[TP, tuple[int, int]]:
        """By partition: the offset that is read next, markers and aborted records passed over, and the end of what
        can be read. TimeoutError or KafkaError when the brokers do not say.
        """
        return cast(dict[TP, tuple[int, int]], await self.call_thread(self._reading))

    async def _reading(self) -> dict[TP, tuple[int, int]]:
        at = self.read_next()
        async with asyncio.timeout(ENDS_S_MAX):
            ends = await self._ensure_consumer().end_offsets(list(at))
        return {tp: (at[tp], ends[tp]) for tp in at}

    def read_next(self) -> dict[TP, int]:
        """By partition: the offset that is read next, as far as it is known. Takes no turn of the thread."""
        assignment = self._assignment()
        if assignment is None:
            return {}
        states = {TP(*tp): assignment.state_value(tp) for tp in assignment.tps}
        return {tp: state.position for tp, state in states.items() if state.has_valid_position}

    def highwater(self, tp: TP) -> int | None:  # type: ignore[override] # Faust says int, and returns None as well
        """Where the partition ends, as heard with the last fetch. None while that is not known, and for one that the
        group has taken away: aiokafka asserts that it is assigned, which may change between two lines of a caller's.
        """
        assignment = self._assignment()
        if assignment is None or tp not in assignment.tps:
            return None
        return cast(int | None, assignment.state_value(tp).highwater)

    def _assignment(self) -> Any:
        """What the group has assigned, as one object that does not change; None for nothing."""
        subscription = self._ensure_consumer()._subscription.subscription
        return subscription.assignment if subscription is not None else None


class Consumer(driver.Consumer):
    """Hands over batches where there is room for them, numbers its runs, commits nothing."""

    app: App

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._runs = itertools.count(1)
        self._reading: dict[TP, tuple[int, int, int | None]] = {}  # generation, run, last offset handed over
        super().__init__(*args, **kwargs)

    def has_left_the_group(self) -> bool:
        """Whether the task that speaks to the group has ended: nothing would ever be assigned again."""
        consumer = self._thread._consumer
        task = getattr(getattr(consumer, "_coordinator", None), "_coordination_task", None)
        return task is not None and task.done()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        active = active_partitions or set()
        stages = self.app.stages
        roomy = stages.roomy(active)
        if not roomy:
            await stages.wait_for_room(CROWDED_POLL_S)
            return {}
        crowded = len(roomy) < len(active)
        fetched = await super()._getmany(roomy, min(timeout, CROWDED_POLL_S) if crowded else timeout)
        return {tp: self._as_messages(tp, records) for tp, records in fetched.items() if records}

    def _as_messages(self, tp: TP, records: Sequence[Any]) -> Sequence[Any]:
        return [BatchMessage(Batch(records))] if self.app.topics.acks_enabled_for(tp.topic) else records

    async def getmany(self, timeout: float) -> Any:
        """Yield (partition, message); a batch gets its run and predecessor at the moment it is handed over."""
        async for tp, message in super().getmany(timeout):
            batch: Any = message.value
            if isinstance(batch, Batch):
                self._number(tp, batch)
            yield tp, message

    def _number(self, tp: TP, batch: Batch) -> None:
        generation = self.app.consumer_generation_id
        known = self._reading.get(tp)
        run, last = known[1:] if known is not None and known[0] == generation else (next(self._runs), None)
        batch.run, batch.previous = run, last
        self._reading[tp] = (generation, run, batch[-1].offset)

    async def reread(self, positions: Mapping[TP, int]) -> None:
        """Read on from these offsets. What was fetched before belongs to an older run and is recognised as such."""
        self._new_runs(positions)
        await self.seek_wait(positions)
        for tp, position in positions.items():
            self._read_offset[tp] = position or None
        self._new_runs(positions)

    def _new_runs(self, partitions: Iterable[TP]) -> None:
        for tp in partitions:
            self._reading[tp] = (self.app.consumer_generation_id, next(self._runs), None)

    def handed_over(self, partition: TP) -> int | None:
        """The last offset of the present run that was handed over; None if there was none."""
        known = self._reading.get(partition)
        return known[2] if known is not None and known[0] == self.app.consumer_generation_id else None

    def run_of(self, partition: TP) -> int:
        """The number of the run that is being read now; 0 before the first batch."""
        known = self._reading.get(partition)
        return known[1] if known is not None else 0

    async def reading(self) -> dict[TP, tuple[int, int]]:
        """By partition: the offset that is read next, and the end of what can be read."""
        return await cast(ConsumerThread, self._thread).reading()

    def read_next(self) -> dict[TP, int]:
        """By partition: the offset that is read next. Markers and what was aborted are passed over."""
        return cast(ConsumerThread, self._thread).read_next()

    async def begins_at(self, partition: TP) -> int:
        """The first offset that the broker still has."""
        return int((await self.earliest_offsets(partition))[partition])

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets that the log no longer has need no bookkeeping: nothing is committed from here."""

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit nothing; forget Faust's acknowledgements, which would otherwise pile up for ever."""
        for acked in self._acked.values():
            acked.clear()
        for index in self._acked_index.values():
            index.clear()
        self._gap.clear()
        return False

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's warnings about stalled commits do not apply: positions are watched where they are made."""


class Transport(driver.Transport):
    """Faust's Kafka transport with the consumer above. URL scheme: `kafka+batch`."""

    Consumer = cast(Any, Consumer)
    default_port = 9092
    driver_version = f"batches over aiokafka={aiokafka.__version__}"


def servers(bootstrap_servers: str) -> list[str]:
    """Broker URLs for `faust.App(broker=...)` from a comma-separated list of host:port."""
    return [f"kafka+batch://{server.strip()}" for server in bootstrap_servers.split(",") if server.strip()]
