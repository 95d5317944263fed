"""`carbon-stream dev`: the whole service on this machine, with a real Kafka and something to look at."""

from __future__ import annotations

import os
import sys

import click

from carbon_stream.commands.frame import load
from carbon_stream.settings import Settings

_ROOT = (sys.executable, "-m", "carbon_stream.cli")


@click.command("dev")
@click.option("--kafka", metavar="HOST:PORT,…", help="Use the Kafka that is there instead of starting one.")
@click.option("--demo/--no-demo", default=True, show_default=True, help="Play a day at the platform.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=20.0, show_default=True, help="Steps a second."
)
def dev(kafka: str | None, demo: bool, rate: float) -> None:
    """Run everything here: a real Kafka, the service, and a demo stream. Ctrl-C stops all of it.

    Topics and tables are kept in CARBON_STREAM_DATA_DIR from one start to the next.
    """
    settings = load(serving=True)
    from carbon_stream.local.dev import DevOptions, run

    options = DevOptions(
        service=(*_ROOT, "worker"),
        demo=(*_ROOT, "demo", "--rate", f"{rate:g}") if demo else None,
        data_dir=settings.data_dir / "kafka",
        kafka=kafka,
        kafka_port=settings.kafka_port,
        http_port=settings.http_port,
        banner=lambda servers: _banner(settings, servers, demo),
        # On one terminal with the demo: what goes as it should is not told, unless asked for.
        environment={"CARBON_STREAM_LOG_LEVEL": os.environ.get("CARBON_STREAM_LOG_LEVEL") or "WARNING"},
    )
    sys.exit(run(options))


def _banner(settings: Settings, servers: str, demo: bool) -> str:
    from carbon_stream.demo.banner import banner

    return banner(settings.model_copy(update={"kafka_bootstrap_servers": servers}), demo=demo)
