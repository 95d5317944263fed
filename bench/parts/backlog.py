"""A worker that is far behind: how much memory it takes to catch up, and how much faster two of them are."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack

from bench.figures import Figure, Part, Sample, Series, ratio
from bench.options import Options
from bench.place import Place, place
from bench.preload import Stretch, pile
from bench.processes import Child
from bench.progress import watching

Say = Callable[[str], None]

ONE, TWO = "one worker", "two workers"
MB_MOST = 500.0
TWICE_LEAST, CORES_LEAST = 1.7, 6
"""Two workers and a broker need cores of their own for that to say anything."""
TAKEN_OVER = "partitions taken over in"


async def run(options: Options, say: Say) -> Part:
    """The audit agent with all its work, one worker and then two, each time with so many new events on the topic."""
    peaks: list[float] = []
    samples: dict[str, list[Sample]] = {ONE: [], TWO: []}
    async with place() as where:
        for name, workers in ((ONE, 1), (TWO, 2)):
            say(f"{options.backlog:,} events behind, {name}")
            stretch = await pile(where, options.backlog, seed=workers)
            samples[name].append(await _caught_up(where, stretch, workers, peaks))
            say(f"  {samples[name][-1].rate:,.0f} events/s, {max(peaks):,.0f} MB at most")
    series = [Series(name, "events", taken) for name, taken in samples.items()]
    has_room = (os.cpu_count() or 1) >= CORES_LEAST
    figures = [
        Figure(f"{options.backlog:,} events behind: resident at most", max(peaks), "MB", most=MB_MOST),
        ratio(series[1], series[0], least=TWICE_LEAST if has_room else None),
    ]
    return Part("backlog", series, figures)


async def _caught_up(where: Place, stretch: Stretch, workers: int, peaks: list[float]) -> Sample:
    """Each worker has a data directory of its own. The first one's CPU time stands for all."""
    async with AsyncExitStack() as stack:
        children: list[Child] = []
        for number in range(workers):
            own = {"CARBON_STREAM_DATA_DIR": str(where.folder / f"worker-{number}")}
            children.append(await stack.enter_async_context(where.service("worker", "--without-web", **own)))
        progress = await stack.enter_async_context(watching(where, stretch, children[0]))
        return await progress.measure(lambda: peaks.append(max(child.resident_mb() for child in children)))
