"""The producer library from one process, against the bare clients below it."""

from __future__ import annotations

from collections.abc import Callable

from bench.figures import Figure, Part, Sample, Series, ratio
from bench.options import Options
from bench.place import Place, place

Say = Callable[[str], None]

CONTENDERS = {
    "producer library": "library",
    "bare librdkafka, events made by hand": "by_hand",
    "bare librdkafka, prepared bytes": "prepared",
    "producer library, asyncio": "library_asyncio",
    "bare aiokafka, prepared bytes": "prepared_asyncio",
}


async def run(options: Options, say: Say) -> Part:
    """All contenders in turns on one broker; each turn is a process of its own."""
    samples: dict[str, list[Sample]] = {name: [] for name in CONTENDERS}
    async with place() as where:
        for repetition in range(options.repetitions):
            say(f"repetition {repetition + 1} of {options.repetitions}")
            for name, contender in CONTENDERS.items():
                count = options.slow_events if "asyncio" in contender else options.posted_in_batches
                sample = await _turn(where, contender, count, repetition)
                say(f"  {name}: {sample.rate:,.0f} a second, {sample.cpu_us:.1f} µs CPU each")
                samples[name].append(sample)
    series = {name: Series(name, "events", taken) for name, taken in samples.items()}
    library, by_hand, prepared, in_asyncio, prepared_asyncio = series.values()
    figures = [
        ratio(library, by_hand, least=0.8),
        ratio(library, prepared),
        ratio(in_asyncio, prepared_asyncio),
        Figure("producer library", library.rate(), "events/s", least=40_000),
    ]
    return Part("sdk", list(series.values()), figures)


async def _turn(where: Place, contender: str, count: int, seed: int) -> Sample:
    async with where.peer("sdk_sender", contender=contender, count=count, seed=seed) as sender:
        await sender.line()
        await sender.go()
        said = await sender.line()
    return Sample(**said, more={"CPU %": 100 * said["cpu_s"] / said["wall_s"]})
