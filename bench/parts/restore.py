"""Changelog records a second into a stage's tables and into views, and a start with rows that are there already."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.changelog import fill
from bench.figures import Figure, Part, Sample, Series, ratio
from bench.options import Options
from bench.place import Place, place

Say = Callable[[str], None]

BARE, MEMORY, ROCKSDB, VIEWS = (
    "bare getmany, committed",
    "stage, into memory",
    "stage, into RocksDB",
    "views, audit",
)
WAYS = {BARE: "bare", MEMORY: "memory", ROCKSDB: "rocksdb", VIEWS: "views"}
READY_S_MOST = 10.0
TAKEN_OVER = "partitions taken over in"


async def run(options: Options, say: Say) -> Part:
    """All ways take turns on one changelog; then a worker starts twice."""
    samples: dict[str, list[Sample]] = {name: [] for name in WAYS}
    async with place() as where:
        say(f"writing {options.rows:,} rows")
        records = await fill(where, options.rows)
        for repetition in range(options.repetitions):
            say(f"repetition {repetition + 1} of {options.repetitions}: {records:,} records")
            for name, way in WAYS.items():
                folder = str(where.folder / f"rows-{repetition}")
                async with where.peer("changelog_reader", way=way, count=records, folder=folder) as reader:
                    sample = Sample(**await reader.line())
                say(f"  {name}: {sample.rate:,.0f} records/s, {sample.cpu_us:.1f} µs CPU each")
                samples[name].append(sample)
        figures = [await _start(where, "first start, from the changelog", None)]
        figures += [await _start(where, f"start with {options.rows:,} rows in RocksDB", READY_S_MOST)]
    series = {name: Series(name, "records", taken) for name, taken in samples.items()}
    ratios = [
        ratio(series[MEMORY], series[BARE]),
        ratio(series[ROCKSDB], series[BARE]),
        ratio(series[VIEWS], series[BARE]),
        Figure("stage, into memory: a second", series[MEMORY].rate(), "records", least=100_000),
        Figure("stage, into RocksDB: a second", series[ROCKSDB].rate(), "records", least=100_000),
        Figure("views: a second", series[VIEWS].rate(), "records", least=100_000),
    ]
    return Part("restore", list(series.values()), [*ratios, *(figure for pair in figures for figure in pair)])


async def _start(where: Place, name: str, most: float | None) -> tuple[Figure, ...]:
    """From the start of the process, with everything that it loads, to all partitions taken over."""
    since = time.perf_counter()
    async with where.service("worker", "--without-web", CARBON_STREAM_STORE="rocksdb") as worker:
        await worker.logged(TAKEN_OVER)
        seconds, cpu_s, resident_mb = time.perf_counter() - since, worker.cpu_s(), worker.resident_mb()
    return (
        Figure(f"{name}: to ready", seconds, "s", most=most),
        Figure(f"{name}: CPU", cpu_s, "s"),
        Figure(f"{name}: resident then", resident_mb, "MB"),
    )
