"""`carbon-stream demo`: a believable day at the platform, at a chosen rate."""

from __future__ import annotations

import sys

import click

from carbon_stream.commands.frame import load


@click.command("demo")
@click.option("--rate", type=click.FloatRange(min=0), default=50.0, show_default=True, help="Steps a second, or 0.")
@click.option("--count", type=click.IntRange(min=0), default=0, help="Steps to play; 0 (the default): until stopped.")
@click.option("--seed", type=int, help="The same seed plays the same day; without one it is a new day each time.")
@click.option("--url", help="The service's URL; by default the settings' host and port.")
@click.option("--kafka", metavar="HOST:PORT,…", help="The brokers; by default KAFKA_BOOTSTRAP_SERVERS.")
def demo(rate: float, count: int, seed: int | None, url: str | None, kafka: str | None) -> None:
    """Play a day: all twelve types of event, by HTTP and straight to Kafka, with failures, repeats and bad events.

    A deployment breaks a service, a rollback mends it. What goes to Kafka as it should goes by the producer library,
    and the report says what was delivered. Waits politely while the service or Kafka is away. Exit status 1 when an
    event was not answered as the day expects.
    """
    try:
        from carbon_stream.demo.run import run
    except ModuleNotFoundError as error:
        if error.name != "carbon_stream_producer":
            raise
        told = (
            "the demo sends with the producer library: pip install carbon-stream-producer (sdk/python in the sources)"
        )
        raise click.ClickException(told) from None

    tally = run(load(), url=url, kafka=kafka, rate=rate, count=count, seed=seed, say=click.echo)
    sys.exit(1 if tally.surprises else 0)
