"""`python -m bench [PART …]`."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import orjson

from bench import report
from bench.figures import Part
from bench.options import Options

PARTS = ("streaming", "counting", "backlog", "http", "latency", "memory", "restore", "sdk")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--events", type=click.IntRange(1_000), help="Events of one streaming turn; HTTP takes a share of it.")
@click.option("--repetitions", type=click.IntRange(1, 50), help="Turns that everything takes.")
@click.option("--entities", type=click.IntRange(1_000, 120_000), help="Distinct users of the memory part.")
@click.option("--rows", type=click.IntRange(1_000), help="Rows of the restore part.")
@click.option("--markers", type=click.IntRange(3), help="Events of the latency part that are timed.")
@click.option("--backlog", type=click.IntRange(1_000), help="Events that a worker of the backlog part is behind.")
@click.option("--java/--without-java", default=True, help="Let Kafka Streams take part in counting; needs a JDK.")
@click.option("--quick", is_flag=True, help="As small as it goes: shows that it runs, not how fast.")
@click.option("--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all samples here.")
def main(parts: Sequence[str], quick: bool, java: bool, json_file: Path | None, **sizes: int | None) -> None:
    """Measure the service on this machine, with a Kafka of its own: PARTS, or all of them.

    streaming: the audit agent doing all its work, against a plain Faust agent and a bare consumer.
    counting: a stage that only counts by key, against Kafka Streams with exactly_once_v2 on one thread; and idle.
    backlog: memory of a worker far behind, and two workers against one.
    http: events over HTTP, in batches and alone, against a handler that does nothing and a producer loop.
    latency: from POST to answer in a query, at 200 events a second.
    memory: a worker's resident memory with 100,000 distinct entities.
    restore: changelog records into tables and views, against a bare consumer; a start with 1,000,000 rows in RocksDB.
    sdk: the producer libraries for Python and Node.js, against the bare clients below them.
    """
    options = Options.quick() if quick else Options()
    options = replace(options, java=java, **{name: size for name, size in sizes.items() if size is not None})
    found = asyncio.run(_run(parts or PARTS, options))
    for line in report.lines(found):
        click.echo(line)
    if json_file is not None:
        json_file.write_bytes(orjson.dumps(report.document(found, options), option=orjson.OPT_INDENT_2))


async def _run(names: Sequence[str], options: Options) -> list[Part]:
    found = []
    for name in dict.fromkeys(names):
        part = importlib.import_module(f"bench.parts.{name}")
        found.append(await part.run(options, lambda line, name=name: click.echo(f"{name}: {line}", err=True)))
    return found


if __name__ == "__main__":
    main(prog_name="python -m bench")
