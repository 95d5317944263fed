"""The command line: `carbon-stream COMMAND`. Settings come from the environment; a command loads only what it runs."""

from __future__ import annotations

import click

from carbon_stream.commands.bootstrap import bootstrap
from carbon_stream.commands.contracts import contracts
from carbon_stream.commands.dead_letters import dead_letters
from carbon_stream.commands.demo import demo
from carbon_stream.commands.dev import dev
from carbon_stream.commands.drain import drain
from carbon_stream.commands.erase import erase
from carbon_stream.commands.frame import Group
from carbon_stream.commands.keys import keys
from carbon_stream.commands.rules import rules
from carbon_stream.commands.serve import ingest, query
from carbon_stream.commands.show_settings import settings
from carbon_stream.commands.tables import tables
from carbon_stream.commands.tail import tail
from carbon_stream.commands.verify import bootstrap_verify, verify
from carbon_stream.commands.worker import worker

__all__ = ["main"]


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="carbon-stream", message="%(version)s")
def main() -> None:
    """A data platform's events: taken in over HTTP and Kafka, checked, kept, folded, and asked.

    Settings come from the environment; `carbon-stream settings` shows them all.
    """


for command in (
    bootstrap,
    contracts,
    dead_letters,
    demo,
    dev,
    drain,
    erase,
    ingest,
    keys,
    query,
    rules,
    settings,
    tables,
    tail,
    verify,
    worker,
):
    main.add_command(command)

bootstrap.add_command(bootstrap_verify)

if __name__ == "__main__":
    main()
