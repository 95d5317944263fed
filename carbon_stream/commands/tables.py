"""`carbon-stream tables rebuild`: makes tables again from what the topics still hold."""

from __future__ import annotations

import sys

import click

from carbon_stream.commands.frame import CHANGES, load, run


@click.group()
def tables() -> None:
    """The tables that answers come from."""


@tables.command()
@click.argument("names", nargs=-1, metavar="[TABLE]...")
@click.option("--compare", is_flag=True, help="Fold everything again and say how many rows would change. Change none.")
@click.option("--yes", is_flag=True, help="Do it. Without this, only show what would be done.")
def rebuild(names: tuple[str, ...], compare: bool, yes: bool) -> None:
    """Make rows again from what the topics still hold; older rows are carried over.

    Workers and queries go on: answers come from the old rows until the new ones are in their place, and a partition
    whose rows change pauses for some seconds. Safe to interrupt and to repeat. Records that are in the dead letters
    stay there. A person who was erased comes back where topics still have the events: erase again afterwards. Exit
    status: 0 nothing (left) to do, 2 something to do, 1 an error.
    """
    load()
    from carbon_stream.app import app
    from carbon_stream.rebuild.run import apply, chosen, plan, told_plan

    plans = chosen(names, {name: stage.plan() for name, stage in app.stages.by_name.items()})
    for planned in run(plan(plans)):
        click.echo("\n".join(told_plan(planned)))
    if compare and not yes:
        found = run(apply(plans, put=False, say=click.echo))
        sys.exit(0 if all(done.is_nothing for done in found.values()) else CHANGES)
    if not yes:
        click.echo("Compare with --compare, which changes nothing; do it with --yes.")
        sys.exit(CHANGES)
    run(apply(plans, put=True, say=click.echo))
