"""`carbon-stream bootstrap plan|apply|export`: one group each, a command an area."""

from __future__ import annotations

import sys

import click

from carbon_stream.commands import bootstrap_gateway as gateway
from carbon_stream.commands import bootstrap_mesh as mesh
from carbon_stream.commands.frame import CHANGES, load, output_option, run


@click.group()
def bootstrap() -> None:
    """Set up what the service stands on: plan shows, apply does."""


@bootstrap.group()
def plan() -> None:
    """Show what would change, and change nothing. Exit status: 0 nothing, 2 something, 1 an error."""


@plan.command("topics")
@click.option(
    "--output",
    type=click.Choice(["text", "json", "reassignment"]),
    default="text",
    show_default=True,
    help="For people, for programs, or as kafka-reassign-partitions.sh reads it.",
)
def plan_topics(output: str) -> None:
    """Topics that are missing, short of partitions or replicas, or have other settings."""
    from carbon_stream.bootstrap.topics import show
    from carbon_stream.bootstrap.topics.apply import read_plan

    result = run(read_plan(load()))
    form = {"text": show.as_text, "json": show.as_json, "reassignment": show.as_reassignment}[output]
    click.echo(form(result))
    sys.exit(0 if result.clean else CHANGES)


@bootstrap.group()
def apply() -> None:
    """Do what the plan shows. Safe to repeat; nothing is deleted unless it is asked for."""


@apply.command("topics")
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0, 3_600), default=0.0, help="Seconds to wait for idle workers."
)
@click.option("--force", is_flag=True, help="Grow partitions although workers are at work.")
@output_option
def apply_topics(wait_s: float, force: bool, output: str) -> None:
    """Create missing topics, grow partitions, mend settings that drifted.

    Nothing is ever shrunk, emptied or deleted. Growing needs the workers drained: with workers at work it is refused
    before anything changes, unless they leave within --wait seconds. What only a reassignment mends is reported.
    """
    from carbon_stream.bootstrap.topics import show
    from carbon_stream.bootstrap.topics.apply import apply as take

    def say(line: str) -> None:
        click.echo(line, err=output == "json")

    left = run(take(load(), wait_s=wait_s, force=force, say=say))
    click.echo(show.as_json(left) if output == "json" else show.as_text(left))


@bootstrap.group()
def export() -> None:
    """Print the desired state in the forms of other tools. Asks nothing and changes nothing."""


for area in (gateway, mesh):
    plan.add_command(area.plan)
    apply.add_command(area.apply)
    export.add_command(area.export)
bootstrap.add_command(mesh.phases)
