"""Events over HTTP, acknowledged, against a handler that does nothing and against a loop of `producer.send`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bench.figures import Figure, Part, Sample, Series, ratio
from bench.options import Options
from bench.place import Place, Server, place

Say = Callable[[str], None]
Turn = Callable[[int], Awaitable[Sample]]

SINGLES, HALF, IDLE, BATCHES, LOOP = (
    "single events",
    "single events at half that pace",
    "handler that does nothing",
    "batches of 500",
    "loop of producer.send",
)
ONE_TAKEN = '{"accepted":1,"rejected":0,'
BATCH_EVENTS = 500
CONNECTIONS_SINGLE = 128
"""Enough to keep a process busy while it waits for Kafka's acknowledgements."""
CONNECTIONS_BATCH = 8
HALF_P99_MS_MOST = 25.0


async def run(options: Options, say: Say) -> Part:
    """Ingest alone in one process, as `carbon-stream ingest` starts it, and what it is compared with, in turns."""
    samples: dict[str, list[Sample]] = {name: [] for name in (SINGLES, HALF, IDLE, BATCHES, LOOP)}
    async with (
        place() as where,
        where.served("ingest", "--processes", "1") as ingest,
        where.peer_served("idle_handler") as idle,
    ):
        turns: dict[str, Turn] = {
            SINGLES: lambda seed: _singles(where, ingest, options, seed, ONE_TAKEN),
            IDLE: lambda seed: _singles(where, idle, options, seed, ""),  # at once, since a machine's pace drifts
            HALF: lambda seed: _singles(where, ingest, options, seed, ONE_TAKEN, samples[SINGLES][-1].rate / 2),
            BATCHES: lambda seed: _batches(where, ingest, options, seed),
            LOOP: lambda seed: _loop(where, options, seed),
        }
        for repetition in range(options.repetitions):
            say(f"repetition {repetition + 1} of {options.repetitions}")
            for number, (name, turn) in enumerate(turns.items()):
                # events of its own for each turn: an event that comes again is told so, and costs something else
                sample = await turn(repetition * len(turns) + number)
                say(f"  {name}: {sample.rate:,.0f} a second, {sample.cpu_us:.1f} µs CPU each")
                samples[name].append(sample)
    units = {SINGLES: "requests", HALF: "requests", IDLE: "requests", BATCHES: "events", LOOP: "events"}
    series = {name: Series(name, units[name], taken) for name, taken in samples.items()}
    figures = [
        ratio(series[BATCHES], series[LOOP], least=1.0),
        ratio(series[SINGLES], series[IDLE], least=0.3),
        Figure(f"{HALF}: p99 from when each was due", series[HALF].more()["p99 ms"], "ms", most=HALF_P99_MS_MOST),
    ]
    return Part("http", list(series.values()), figures)


async def _singles(
    where: Place, server: Server, options: Options, seed: int, expected: str, per_s: float = 0.0
) -> Sample:
    return await _posted(where, server, options.posted_alone, 1, CONNECTIONS_SINGLE, seed, expected, per_s)


async def _batches(where: Place, server: Server, options: Options, seed: int) -> Sample:
    requests = options.posted_in_batches // BATCH_EVENTS
    expected = f'{{"accepted":{BATCH_EVENTS},"rejected":0,'
    return await _posted(where, server, requests, BATCH_EVENTS, CONNECTIONS_BATCH, seed, expected)


async def _posted(
    where: Place,
    server: Server,
    requests: int,
    batch: int,
    connections: int,
    seed: int,
    expected: str,
    per_s: float = 0.0,
) -> Sample:
    """One turn of the client, at a pace if one is given. It warms up before; its own share of a CPU is told as well."""
    arguments = {"requests": requests, "batch": batch, "connections": connections, "seed": seed, "per_s": per_s}
    async with where.peer("http_client", url=server.url, expected=expected, **arguments) as client:
        await client.line()
        before = server.child.cpu_s()
        await client.go()
        said = await client.line()
        cpu_s = server.child.cpu_s() - before
    more = {"client CPU %": 100 * said["cpu_s"] / said["wall_s"], "CPU %": 100 * cpu_s / said["wall_s"]}
    more |= {f"{name} ms": value for name, value in said["ms"].items()}
    return Sample(said["requests"] * batch, said["wall_s"], cpu_s, more)


async def _loop(where: Place, options: Options, seed: int) -> Sample:
    async with where.peer("producer_loop", count=options.posted_in_batches, seed=seed) as producer:
        await producer.line()
        await producer.go()
        said = await producer.line()
    return Sample(**said, more={"CPU %": 100 * said["cpu_s"] / said["wall_s"]})
