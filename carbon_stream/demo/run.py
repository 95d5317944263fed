"""`carbon-stream demo`: plays the scenario, tells what happens, and reports at the end."""

import asyncio
import signal
import time
from collections.abc import Callable

from carbon_stream.demo.play import Play
from carbon_stream.demo.tally import Tally
from carbon_stream.settings import Settings

Say = Callable[[str], None]


def run(
    settings: Settings,
    *,
    url: str | None = None,
    kafka: str | None = None,
    rate: float = 50.0,
    count: int = 0,
    seed: int | None = None,
    say: Say = print,
) -> Tally:
    """Play `count` steps (0: until SIGINT or SIGTERM) at `rate` a second (0: as fast as they are taken).

    `url` is the service's, `kafka` its brokers (host:port,…); without them those of the settings. Without a `seed`
    the day is a new one each time.
    """
    return asyncio.run(_run(settings, url, kafka, rate, count, seed, say))


async def _run(
    settings: Settings, url: str | None, kafka: str | None, rate: float, count: int, seed: int | None, say: Say
) -> Tally:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    base = url or f"http://{settings.http_host}:{settings.http_port}"
    client = settings.kafka_client()
    if kafka:
        client["bootstrap_servers"] = kafka.split(",")
    chosen = time.time_ns() % 1_000_000 if seed is None else seed
    many = f"{count} steps" if count else "until it is stopped"
    pace = f"{rate:g} a second" if rate else "as fast as they are taken"
    say(f"playing seed {chosen} against {base}, {many}, {pace}")
    token = settings.token.get_secret_value() if settings.token is not None else None
    tally = await Play(base, client, rate=rate, count=count, seed=chosen, say=say, stop=stop, token=token).run()
    for line in report(tally, base):
        say(line)
    return tally


def report(tally: Tally, url: str) -> list[str]:
    """What was sent and what became of it, and where to look."""
    return [
        "",
        *tally.lines(),
        "",
        "Look at:",
        f"  {url}/v1/audit/summary?by=user",
        f"  {url}/v1/health/services",
        f"  {url}/v1/lineage?dataset=s3://lake/raw/trades&direction=downstream&depth=4",
        f"  {url}/v1/dead-letters?limit=5",
    ]
