"""Resident memory of a worker whose tables hold very many entities."""

from __future__ import annotations

from collections.abc import Callable

from bench.events import api_calls
from bench.figures import Figure, Part
from bench.options import Options
from bench.place import Place, place
from bench.preload import Stretch, preload
from bench.processes import Child
from bench.progress import watching

Say = Callable[[str], None]

MB_MOST = 400


async def run(options: Options, say: Say) -> Part:
    """One event by each of the users: agents alone, then the whole service, which restores and has views as well."""
    figures: list[Figure] = []
    async with place() as where:
        say(f"{options.entities:,} users")
        stretch = await preload(where, api_calls(options.entities, seed=1, users=options.entities))
        async with where.service("worker", "--without-web") as worker:
            figures += await _folded(where, stretch, worker, "agents alone")
        stretch = await preload(where, api_calls(options.entities, seed=2, users=options.entities))
        async with where.served("worker") as server:
            figures += await _folded(where, stretch, server.child, "whole service, restored")
    return Part("memory", [], figures)


async def _folded(where: Place, stretch: Stretch, worker: Child, name: str) -> list[Figure]:
    peak = 0.0

    def watch() -> None:
        nonlocal peak
        peak = max(peak, worker.resident_mb())

    async with watching(where, stretch, worker) as progress:
        await progress.measure(watch)
    return [
        Figure(f"{name}: {stretch.count:,} events folded", worker.resident_mb(), "MB", most=MB_MOST),
        Figure(f"{name}: at most meanwhile", peak, "MB", most=MB_MOST),
    ]
