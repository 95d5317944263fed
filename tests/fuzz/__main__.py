"""`make fuzz ARGS="--seed 7 --minutes 10"`: as long as one likes, and again the same requests from the seed."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path

import click

from carbon_stream.local import LocalKafka
from tests.fuzz.run import ENVIRONMENT, run, start
from tests.support.service import Service


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, help="Of all that is sent; drawn and printed if not given.")
@click.option("--minutes", type=click.FloatRange(0.1), default=3.0, show_default=True)
def main(seed: int | None, minutes: float) -> None:
    """Good and broken requests of every kind to the whole service on a broker; then what it took is counted."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    click.echo(f'again: make fuzz ARGS="--seed {seed} --minutes {minutes:g}"')
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary, LocalKafka(Path(temporary) / "kafka") as kafka:
        service = Service(kafka, Path(temporary), ENVIRONMENT)
        try:
            start(service)
            asyncio.run(run(service, seed, -60 * minutes, click.echo))
        finally:
            service.stop()


if __name__ == "__main__":
    main(prog_name="python -m tests.fuzz")
