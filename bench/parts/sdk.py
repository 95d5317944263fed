"""The producer libraries, each from one process, against the bare clients below them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from shutil import which

from bench.figures import Figure, Part, Sample, Series, ratio
from bench.options import Options
from bench.place import Place, place

ROOT = Path(__file__).parents[2]
Say = Callable[[str], None]

CONTENDERS = {
    "producer library": "library",
    "bare librdkafka, events made by hand": "by_hand",
    "bare librdkafka, prepared bytes": "prepared",
    "producer library, asyncio": "library_asyncio",
    "bare aiokafka, prepared bytes": "prepared_asyncio",
}


NODE_CONTENDERS = {
    "Node.js producer library": "library",
    "bare @platformatic/kafka, events made by hand": "by_hand",
    "bare @platformatic/kafka, prepared bytes": "prepared",
}
_IMPORTS = 7


async def run(options: Options, say: Say) -> Part:
    """All contenders in turns on one broker; each turn is a process of its own."""
    contenders = [(name, "sdk_sender", contender) for name, contender in CONTENDERS.items()]
    if which("node") and (ROOT / "sdk/node/dist/index.mjs").exists():
        contenders += [(name, "node_sender", contender) for name, contender in NODE_CONTENDERS.items()]
    else:
        say("the Node.js library is left out: it needs Node.js, and `make node`")
    samples: dict[str, list[Sample]] = {name: [] for name, _, _ in contenders}
    async with place() as where:
        for repetition in range(options.repetitions):
            say(f"repetition {repetition + 1} of {options.repetitions}")
            for name, module, contender in contenders:
                count = options.slow_events if "asyncio" in contender else options.posted_in_batches
                sample = await _turn(where, module, contender, count, repetition)
                say(f"  {name}: {sample.rate:,.0f} a second, {sample.cpu_us:.1f} µs CPU each")
                samples[name].append(sample)
    series = {name: Series(name, "events", taken) for name, taken in samples.items()}
    library, by_hand, prepared, in_asyncio, prepared_asyncio, *node = series.values()
    figures = [
        ratio(library, by_hand, least=0.8),
        ratio(library, prepared),
        ratio(in_asyncio, prepared_asyncio),
        Figure("producer library", library.rate(), "events/s", least=40_000),
        _import_ms("import", sys.executable, "-c", "import carbon_stream_producer"),
    ]
    if node:
        node_library, node_by_hand, node_prepared = node
        figures += [
            ratio(node_library, node_by_hand, least=0.8),
            ratio(node_library, node_prepared),
            _import_ms("require", "node", "-e", "require('./sdk/node/dist')"),
        ]
    return Part("sdk", list(series.values()), figures)


def _import_ms(word: str, program: str, option: str, script: str) -> Figure:
    """What an import adds to the start of a process, in CPU time: the difference of the least of several starts."""

    def least(text: str) -> float:
        times = []
        for _ in range(_IMPORTS):
            before = getrusage(RUSAGE_CHILDREN)
            subprocess.run([program, option, text], cwd=ROOT, check=True)
            after = getrusage(RUSAGE_CHILDREN)
            times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        return min(times)

    return Figure(f"{word} of the library", max(0.0, least(script) - least("0")) * 1_000, "ms CPU", most=150)


async def _turn(where: Place, module: str, contender: str, count: int, seed: int) -> Sample:
    async with where.peer(module, contender=contender, count=count, seed=seed) as sender:
        await sender.line()
        await sender.go()
        said = await sender.line()
    return Sample(**said, more={"CPU %": 100 * said["cpu_s"] / said["wall_s"]})
