"""`make chaos ARGS="--seed 7 --minutes 10"`: as long as one likes, and again the same from the seed."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from pathlib import Path

import click

from carbon_stream.local import LocalKafka
from tests.chaos.run import run
from tests.chaos.steps import script


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seed", type=int, help="Of all that happens and all that is sent; drawn and printed if not given.")
@click.option("--minutes", type=click.FloatRange(0.2), default=3.0, show_default=True)
@click.option("--rate", type=click.IntRange(1), default=1000, show_default=True, help="Records a second.")
@click.option("--store", type=click.Choice(["memory", "rocksdb"]), default="memory", show_default=True)
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), help="Leave logs and data in this folder.")
@click.option("--dry", is_flag=True, help="Only print what would happen.")
def main(seed: int | None, minutes: float, rate: int, store: str, keep: Path | None, dry: bool) -> None:
    """Workers on three brokers, killed, paused, scaled, grown and cut off, with a stream of events beside it."""
    seed = random.SystemRandom().randrange(1_000_000) if seed is None else seed
    steps = script(seed, minutes * 60)
    click.echo(f'again: make chaos ARGS="--seed {seed} --minutes {minutes:g} --rate {rate} --store {store}"')
    os.environ["STORE"] = store  # where the workers keep their rows
    if dry:
        for step in steps:
            click.echo(str(step))
        return
    with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
        folder = keep or Path(temporary)
        (folder / "workers").mkdir(parents=True, exist_ok=True)
        with LocalKafka(folder / "kafka", nodes=3) as kafka:
            asyncio.run(run(kafka, folder / "workers", seed, steps, rate, click.echo))


if __name__ == "__main__":
    main(prog_name="python -m tests.chaos")
