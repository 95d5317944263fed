"""`carbon-stream ingest` and `carbon-stream query`: the HTTP application's two halves as processes of their own."""

from __future__ import annotations

import click

from carbon_stream.commands.frame import load

_APPLICATION = "carbon_stream.web.application:"


@click.command("ingest")
@click.option(
    "--processes",
    type=click.IntRange(1, 64),
    help="Processes that share the port; by default CARBON_STREAM_PROCESSES.",
)
def ingest(processes: int | None) -> None:
    """Take events in over HTTP, and nothing else: no agents, no queries.

    Several processes listen on one port; one that dies is started again, and /metrics answers for all of them.
    """
    _serve("ingest_application", "ingest", processes)


@click.command("query")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes on the port.")
def query(processes: int) -> None:
    """Answer queries from views of its own: stays up while workers restart."""
    _serve("query_application", "query", processes)


def _serve(build: str, role: str, processes: int | None) -> None:
    from carbon_stream.web.supervisor import serve_processes

    settings = load(serving=True)
    serve_processes(_APPLICATION + build, settings, processes or settings.processes, role)
