"""Events a second of the audit agent doing all its work, against agents and consumers that do less.

Its work is to decode, validate, deduplicate and fold, with rows, ledger and offset in a transaction. What the shipped
rules add to it is told apart: one event in twenty is denied here, becomes a security event, and is counted as a repeat
by two further stages of the same worker.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from bench.events import TOPIC, api_calls
from bench.figures import Part, Sample, Series, ratio
from bench.options import Options
from bench.place import Place, place
from bench.preload import Stretch, preload
from bench.progress import watching

Say = Callable[[str], None]
Turn = Callable[[Place, Stretch], Awaitable[Sample]]

AUDIT, RULES, PLAIN, COUNTING, BARE = (
    "audit agent, all its work",
    "audit agent and the shipped rules",
    "plain Faust agent, nothing",
    "plain Faust agent, table",
    "bare getmany + orjson",
)


WITHOUT_RULES = """\
version: 1
shipped:
  denied-actions: {enabled: false}
  repeated-failures: {enabled: false}
"""


async def run(options: Options, say: Say) -> Part:
    """Everything takes turns on the same events; each repetition has fresh ones."""

    async def plain(where: Place, stretch: Stretch) -> Sample:
        return await _plain(where, stretch, options.slow_events, counting=False)

    async def counting(where: Place, stretch: Stretch) -> Sample:
        return await _plain(where, stretch, options.slow_events, counting=True)

    turns: dict[str, Turn] = {AUDIT: _audit, PLAIN: plain, BARE: _bare, COUNTING: counting, RULES: _with_rules}
    samples: dict[str, list[Sample]] = {name: [] for name in turns}
    async with place() as where:
        for repetition in range(options.repetitions):
            say(f"repetition {repetition + 1} of {options.repetitions}: {options.events:,} events")
            stretch = await preload(where, api_calls(options.events, seed=repetition))
            for name, turn in turns.items():
                if name == RULES:  # the same worker's group has read the others
                    stretch = await preload(where, api_calls(options.events, seed=-1 - repetition))
                sample = await turn(where, stretch)
                say(f"  {name}: {sample.rate:,.0f} events/s, {sample.cpu_us:.1f} µs CPU each")
                samples[name].append(sample)
    series = {name: Series(name, "events", taken) for name, taken in samples.items()}
    ratios = [
        # The plain agent to be compared with keeps an aggregate, as ours does. Ten times the one that throws every
        # event away can be more than a bare consumer does, which throws them away as well: no bar for anything.
        ratio(series[AUDIT], series[COUNTING], least=10),
        ratio(series[AUDIT], series[PLAIN]),
        ratio(series[AUDIT], series[BARE], least=0.3),
        ratio(series[RULES], series[BARE]),
    ]
    return Part("streaming", list(series.values()), ratios)


async def _audit(where: Place, stretch: Stretch) -> Sample:
    """The real worker, without HTTP; it goes on where the last repetition has ended."""
    rules = where.folder / "no-rules.yaml"
    rules.write_text(WITHOUT_RULES)
    return await _worked_off(where, stretch, CARBON_STREAM_RULES=str(rules))


async def _with_rules(where: Place, stretch: Stretch) -> Sample:
    return await _worked_off(where, stretch)


async def _worked_off(where: Place, stretch: Stretch, **settings: str) -> Sample:
    worker = where.service("worker", "--without-web", **settings)
    async with worker as child, watching(where, stretch, child) as progress:
        return await progress.measure()


async def _plain(where: Place, stretch: Stretch, count: int, *, counting: bool) -> Sample:
    group = f"bench-{'counting' if counting else 'plain'}-{sum(stretch.begins.values())}"
    begins = {TopicPartition(TOPIC, number): OffsetAndMetadata(offset, "") for number, offset in stretch.begins.items()}
    async with AIOKafkaConsumer(**where.settings.kafka_client(), group_id=group, enable_auto_commit=False) as consumer:
        consumer.assign(list(begins))
        await consumer.commit(begins)
    folder = str(where.folder / group)
    arguments = {"group": group, "count": count, "counting": counting, "partitions": len(begins), "folder": folder}
    async with where.peer("plain_agent", **arguments) as agent:
        return Sample(**await agent.line())


async def _bare(where: Place, stretch: Stretch) -> Sample:
    begins = {str(number): offset for number, offset in stretch.begins.items()}
    async with where.peer("bare_consumer", begins=begins, count=stretch.count) as consumer:
        return Sample(**await consumer.line())
