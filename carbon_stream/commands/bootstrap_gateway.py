"""`carbon-stream bootstrap plan|apply|export gateway`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from carbon_stream.commands.frame import CHANGES, load, output_option, overlay_option, run

_prune_option = click.option("--prune", is_flag=True, help="Delete what carries our tag and is no longer wanted.")


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    return overlay_option(_prune_option(output_option(command)))


@click.command("gateway")
@_options
def plan(overlays: tuple[Path, ...], prune: bool, output: str) -> None:
    """Services, routes, plugins and consumers of the gateway that are missing or differ; and those of others."""
    _plan(overlays, prune, output)


@click.command("gateway")
@_options
@click.option("--dry-run", is_flag=True, help="Show the plan, and touch nothing; exit status as of plan.")
def apply(overlays: tuple[Path, ...], prune: bool, output: str, dry_run: bool) -> None:
    """Create what is missing, mend what differs; what is not ours is left alone.

    It stops at the first refusal and says what was done, what was not, and how to go on.
    """
    if dry_run:
        _plan(overlays, prune, output)
    from carbon_stream.bootstrap.gateway.apply import Stopped
    from carbon_stream.bootstrap.gateway.apply import apply as take
    from carbon_stream.bootstrap.gateway.show import WORDS
    from carbon_stream.bootstrap.gateway.values import load_gateway

    def say(line: str) -> None:
        click.echo(line, err=output == "json")

    try:
        report = run(take(load(), load_gateway(overlays), prune=prune, say=say))
    except Stopped as stopped:
        if output == "json":
            click.echo(WORDS.report_json(stopped.plan, stopped.done, stopped.undone, stopped.why))
        raise
    done = report.actions
    click.echo(WORDS.report_json(report, done, (), None) if output == "json" else WORDS.report_text(report, done))


def _plan(overlays: tuple[Path, ...], prune: bool, output: str) -> None:
    from carbon_stream.bootstrap import shown as form
    from carbon_stream.bootstrap.gateway.apply import read_plan
    from carbon_stream.bootstrap.gateway.show import shown
    from carbon_stream.bootstrap.gateway.values import load_gateway

    result = run(read_plan(load(), load_gateway(overlays), prune=prune))
    click.echo((form.as_json if output == "json" else form.as_text)(shown(result)))
    sys.exit(0 if result.clean else CHANGES)


@click.command("gateway")
@overlay_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["deck", "kubernetes", "values", "schema", "overlay-schema"]),
    default="deck",
    show_default=True,
    help="A decK file; resources for Kong's ingress controller; the values; JSON Schemas of values and of overlays.",
)
def export(overlays: tuple[Path, ...], form: str) -> None:
    """The gateway's desired state. Secrets appear as references, never as values."""
    from carbon_stream.bootstrap.gateway.exports import FORMS

    click.echo(FORMS[form](overlays), nl=False)
