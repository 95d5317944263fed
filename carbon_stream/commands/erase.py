"""`carbon-stream erase --user`: takes a person out of the tables and the dead letters."""

from __future__ import annotations

import getpass
import sys
from typing import TYPE_CHECKING

import click

from carbon_stream.commands.frame import CHANGES, load, run

if TYPE_CHECKING:
    from carbon_stream.erasure.run import Report


@click.command("erase")
@click.option("--user", required=True, help="The person, as events name them in userId.")
@click.option("--by", default=getpass.getuser, show_default="who runs this", help="Who does it, for the audit trail.")
@click.option("--reference", default="none", show_default=True, help="A case number, for the audit trail.")
@click.option("--yes", is_flag=True, help="Do it. Without this, only show what would be done.")
def erase(user: str, by: str, reference: str, yes: bool) -> None:
    """Take a person out of table rows and dead letters; counts go on among those of all other users.

    Workers may run: each partition with rows of the person pauses for some seconds. The erasure itself is audited, with
    who did it and the reference, never the person. Events on the topics stay until their retention is over. Exit
    status: 0 nothing (left) to do, 2 something to do, 1 an error.
    """
    from carbon_stream.erasure.run import apply, plan

    kafka = load().kafka_client()
    if yes:
        report = run(apply(kafka, user, by, reference, click.echo))
        click.echo("Erased: " + _words(report))
        return
    report = run(plan(kafka, user))
    click.echo(
        "Nothing of this person is there." if report.is_empty else f"To erase: {_words(report)}. Do it with --yes."
    )
    sys.exit(0 if report.is_empty else CHANGES)


def _words(report: Report) -> str:
    rows = ", ".join(f"{number} rows of {table}" for table, number in report.rows.items() if number) or "no rows"
    return f"{rows}, {report.letters} dead letters"
