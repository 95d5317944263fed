"""`carbon-stream dead-letters list|show|replay`: straight from Kafka, so it works while HTTP is down."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from carbon_stream.commands.frame import load, output_option, run
from carbon_stream.errors import OperatorError

if TYPE_CHECKING:
    from carbon_stream.dead_letters.reader import DeadLetterReader, Page
    from carbon_stream.dead_letters.record import DeadLetter

_SHOWN_BYTES = 4_096
_reason = click.option("--reason", help="Only those refused for this reason.")
_topic = click.option("--topic", help="Only those that were on this topic.")


@click.group("dead-letters")
def dead_letters() -> None:
    """What was refused and why; try it again."""


@dead_letters.command("list")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@click.option("--cursor", help="Where the last list ended.")
@_reason
@_topic
@output_option
def list_letters(limit: int, cursor: str | None, reason: str | None, topic: str | None, output: str) -> None:
    """The newest dead letters."""
    page = run(_page(limit, cursor, reason, topic))
    if output == "json":
        letters = [letter.document() for letter in page.letters]
        click.echo(json.dumps({"deadLetters": letters, "next": page.next, "scanned": page.scanned}, indent=2))
        return
    for letter in page.letters:
        click.echo(
            f"{letter.id:<12} {_moment(letter.at)}  {_origin(letter):<32} {letter.reason:<14} {letter.error[:80]}"
        )
    if page.next:
        click.echo(f"\nmore: --cursor {page.next}")
    elif not page.letters:
        click.echo("There are none.")


@dead_letters.command("show")
@click.argument("letter_id", metavar="ID")
@output_option
def show_letter(letter_id: str, output: str) -> None:
    """One dead letter with its headers and bytes; ID is as `list` shows it."""
    letter = run(_one(letter_id))
    if output == "json":
        click.echo(json.dumps(letter.document(), indent=2))
        return
    click.echo(f"id      {letter.id}\nat      {_moment(letter.at)}\norigin  {_origin(letter)}")
    click.echo(f"reason  {letter.reason}\nerror   {letter.error}")
    for name, content in letter.headers:
        click.echo(f"header  {name}: {_bytes(content)}")
    click.echo(f"key     {_bytes(letter.key)}\nvalue   {_bytes(letter.value)}")


@dead_letters.command("replay")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@_reason
@_topic
@click.option("--limit", type=click.IntRange(1, 500), default=100, show_default=True, help="Most that are replayed.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of each.")
@output_option
def replay(
    letter_ids: tuple[str, ...], reason: str | None, topic: str | None, limit: int, dry_run: bool, output: str
) -> None:
    """Send dead letters again, onto the partition that they came from; only those that would be taken today.

    Give ids, or --reason or --topic for the newest that match. Replaying twice counts once. Exit status 1 when one was
    not replayed.
    """
    if bool(letter_ids) == bool(reason or topic):
        raise click.UsageError("give ids, or --reason or --topic")
    outcomes = run(_replay(letter_ids, reason, topic, limit, dry_run))
    if output == "json":
        click.echo(json.dumps({"outcomes": outcomes}, indent=2))
    else:
        for outcome in outcomes:
            errors = "; ".join(error["message"] for error in outcome.get("errors", []))
            where = f"{outcome['topic']}-{outcome['partition']}@{outcome['offset']}" if "offset" in outcome else errors
            click.echo(f"{outcome['id']:<12} {outcome['status']:<10} {where}")
        if not outcomes:
            click.echo("There are none.")
    sys.exit(0 if all(outcome["status"] in ("replayed", "valid") for outcome in outcomes) else 1)


async def _page(limit: int, cursor: str | None, reason: str | None, topic: str | None) -> Page:
    from carbon_stream.dead_letters.reader import BadCursor, Unavailable
    from carbon_stream.dead_letters.replay import selector

    try:
        return await _reader().page(limit, cursor, selector(reason, topic))
    except (BadCursor, Unavailable) as error:
        raise OperatorError(str(error)) from error


async def _one(letter_id: str) -> DeadLetter:
    from carbon_stream.dead_letters.reader import Unavailable
    from carbon_stream.dead_letters.record import parse_id

    place = parse_id(letter_id)
    if place is None:
        raise OperatorError(f"{letter_id!r} is no id of a dead letter; `carbon-stream dead-letters list` shows them")
    try:
        found = await _reader().fetch([place])
    except Unavailable as error:
        raise OperatorError(str(error)) from error
    if place not in found:
        raise OperatorError(f"there is no dead letter {letter_id} (any more)")
    return found[place]


async def _replay(
    letter_ids: tuple[str, ...], reason: str | None, topic: str | None, limit: int, dry_run: bool
) -> list[dict[str, Any]]:
    from carbon_stream.dead_letters.reader import Unavailable
    from carbon_stream.dead_letters.replay import Replayer

    replayer = Replayer(load().kafka_client(), _reader())
    try:
        if letter_ids:
            return await replayer.replay_ids(letter_ids, dry_run=dry_run)
        return await replayer.replay_matching(reason, topic, limit, dry_run=dry_run)
    except Unavailable as error:
        raise OperatorError(str(error)) from error


def _reader() -> DeadLetterReader:
    from carbon_stream.dead_letters.reader import DeadLetterReader

    return DeadLetterReader(load().kafka_client())


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")


def _origin(letter: DeadLetter) -> str:
    origin = letter.origin
    return "unknown" if origin is None else f"{origin.topic}-{origin.partition}@{origin.offset}"


def _bytes(content: bytes | None) -> str:
    """Bytes for a terminal: text where it is text, escaped where not, cut where long."""
    if content is None:
        return "(null)"
    text = content[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return shown + (f" … ({len(content)} bytes)" if len(content) > _SHOWN_BYTES else "")
