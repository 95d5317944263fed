"""`carbon-stream settings`."""

from __future__ import annotations

import json

import click

from carbon_stream.commands.frame import output_option
from carbon_stream.settings import Settings


@click.command("settings")
@output_option
def settings(output: str) -> None:
    """Show all settings, where each comes from and what it means; secrets are masked."""
    rows = Settings.load().shown()
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    names, values = (max(len(row[column]) for row in rows) for column in ("variable", "value"))
    for row in rows:
        mark = "*" if row["from"] == "environment" else " "
        click.echo(f"{mark} {row['variable']:<{names}}  {row['value'] or '-':<{min(values, 40)}}  {row['meaning']}")
    click.echo("\n* set in the environment; the others are defaults, - is unset")
