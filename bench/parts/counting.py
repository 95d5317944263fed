"""Bare counting by key in a stage, against Kafka Streams with exactly_once_v2 on one thread; and a stage that idles."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.events import TOPIC, api_calls
from bench.figures import Figure, Part, Sample, Series, percentile, ratio
from bench.java import NoJava, Streams, compiled
from bench.options import Options
from bench.place import Place, place
from bench.preload import Stretch, preload
from bench.processes import Child, Failed
from bench.progress import watching

Say = Callable[[str], None]
Turn = Callable[[Place, Stretch, str], Awaitable[Sample]]

STAGE, STREAMS = "stage, counting by key", "Kafka Streams, exactly once, one thread"
WARM_SHARE = 0.3
"""A virtual machine compiles what it runs often: the first third is not counted, for either."""
COMMITTED_MS_MOST, TAKEN_OVER_S_MOST = 50.0, 3.0
APART_S = 0.15
SEEN_S_MAX = 30.0


async def run(options: Options, say: Say) -> Part:
    """First one event at a time, then all at once; every turn reads the same events under a name of its own."""
    async with place() as where:
        figures = await _idle(where, options.markers, say)
        turns: dict[str, Turn] = {STAGE: _stage}
        if options.java:
            try:
                turns[STREAMS] = _streams(await asyncio.to_thread(compiled, where.folder))
            except NoJava as missing:
                say(f"Kafka Streams is left out: {missing}")
        samples: dict[str, list[Sample]] = {name: [] for name in turns}
        stretch = await preload(where, api_calls(options.counted, seed=1))
        for repetition in range(options.repetitions):
            say(f"repetition {repetition + 1} of {options.repetitions}: {stretch.count:,} events")
            for name, turn in turns.items():
                sample = await turn(where, stretch, f"bench-{'stage' if name == STAGE else 'streams'}-{repetition}")
                say(f"  {name}: {sample.rate:,.0f} events/s, {sample.cpu_us:.1f} µs CPU each")
                samples[name].append(sample)
    series = {name: Series(name, "events", taken) for name, taken in samples.items()}
    if STREAMS in series:
        figures = [ratio(series[STAGE], series[STREAMS], least=1), *figures]
    return Part("counting", list(series.values()), figures)


@asynccontextmanager
async def _counting(where: Place, group: str, partitions: int) -> AsyncIterator[Child]:
    """A worker with nothing but a counting stage, and empty tables."""
    admin = AIOKafkaAdminClient(**where.settings.kafka_client())
    await admin.start()
    try:
        compacted = {"cleanup.policy": "compact"}
        await admin.create_topics([NewTopic(f"{group}-counts-changelog", partitions, 1, topic_configs=compacted)])
    finally:
        await admin.close()
    folder = str(where.folder / group)
    async with where.peer("counting_stage", group=group, partitions=partitions, folder=folder) as worker:
        yield worker


async def _stage(where: Place, stretch: Stretch, group: str) -> Sample:
    async with (
        _counting(where, group, len(stretch.begins)) as worker,
        watching(where, stretch, worker, group) as progress,
    ):
        return await progress.measure(warm_share=WARM_SHARE)


def _streams(program: Streams) -> Turn:
    async def turn(where: Place, stretch: Stretch, group: str) -> Sample:
        command = program.command(where.bootstrap_servers, group, TOPIC, where.folder / group)
        async with (
            where.program("kafka-streams", command) as worker,
            watching(where, stretch, worker, group) as progress,
        ):
            return await progress.measure(warm_share=WARM_SHARE)

    return turn


async def _idle(where: Place, events: int, say: Say) -> list[Figure]:
    """Taking over, and then from the sending of single events until what they changed is committed."""
    group, partitions = "bench-idle", 12
    async with _counting(where, group, partitions) as worker:
        taken_over = re.search(
            r"taken over in ([0-9.]+) s: count (\d+)", await worker.logged("partitions taken over in")
        )
        if taken_over is None or int(taken_over[2]) != partitions:
            raise Failed(f"{partitions} partitions should have been taken over")
        say(f"{events} events, one at a time")
        seconds = await _committed(where, f"{group}-counts-changelog", partitions, events)
    return [
        Figure(f"{partitions} partitions taken over, empty tables", float(taken_over[1]), "s", most=TAKEN_OVER_S_MOST),
        Figure("idle, sent to committed, median", percentile(seconds, 0.5) * 1e3, "ms", most=COMMITTED_MS_MOST),
        Figure("idle, sent to committed, p99", percentile(seconds, 0.99) * 1e3, "ms"),
    ]


async def _committed(where: Place, changelog: str, partitions: int, events: int) -> list[float]:
    kafka = where.settings.kafka_client()
    times = []
    async with (
        AIOKafkaConsumer(changelog, **kafka, isolation_level="read_committed", fetch_max_wait_ms=1) as reader,
        AIOKafkaProducer(**kafka, acks="all") as producer,
    ):
        await reader.getmany(timeout_ms=1_000)
        for number, event in enumerate(api_calls(events + 3, seed=9)):
            began = time.perf_counter()
            await producer.send_and_wait(TOPIC, orjson.dumps(event), partition=number % partitions)
            while not any((await reader.getmany(timeout_ms=100)).values()):
                if time.perf_counter() - began > SEEN_S_MAX:
                    raise Failed(f"an event was not committed within {SEEN_S_MAX:g} s")
            if number >= 3:  # the first ones find connections that are still to be made
                times.append(time.perf_counter() - began)
            await asyncio.sleep(APART_S)
            await reader.getmany(timeout_ms=0)
    return times
