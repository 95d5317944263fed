"""`carbon-stream worker`: the Faust app, with or without HTTP."""

from __future__ import annotations

import click

from carbon_stream.commands.frame import load


@click.command("worker")
@click.option("--with-web/--without-web", default=True, show_default=True, help="Serve HTTP from this process as well.")
def worker(with_web: bool) -> None:
    """Fold the topics into the tables; unless told otherwise, take events in and answer queries as well.

    `faust -A carbon_stream.app worker` starts the same.
    """
    load(serving=True)
    from carbon_stream.app import app
    from carbon_stream.worker import run

    app.conf.web_enabled = with_web
    run(app)
