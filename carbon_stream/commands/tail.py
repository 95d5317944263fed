"""`carbon-stream tail`: events as they arrive, in a terminal or for another program."""

from __future__ import annotations

import os
import sys
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import click

from carbon_stream.commands.frame import load, run

_ENTITIES = ("serviceName", "deploymentName", "component", "datasetName", "targetDataset", "job", "service", "username")
_WORDS = ("healthStatus", "status", "result", "action", "operation", "checkName", "severity", "method", "statusCode")
_TEXT_CHARS = 80


@click.command("tail")
@click.option("--type", "event_types", multiple=True, help="Only this event type; may be given more than once.")
@click.option("--topic", "topics", multiple=True, help="Only this topic; may be given more than once.")
@click.option("--source", "sources", multiple=True, help="Only events of this source; may be given more than once.")
@click.option("--entity", help="Only events about this: what they are keyed by.")
@click.option("--correlation", help="Only events of this flow (correlationId).")
@click.option(
    "--field", "fields", multiple=True, metavar="NAME=VALUE", help="Only events with this value; dots inside."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as the stream has it.")
@click.option("--limit", type=click.IntRange(1), help="End after so many events.")
@click.option("--url", metavar="URL", help="The service; by default the one on this machine.")
@click.option(
    "--token", envvar="CARBON_STREAM_TOKEN", metavar="TOKEN", help="Bearer token; better as CARBON_STREAM_TOKEN."
)
def tail(
    event_types: tuple[str, ...],
    topics: tuple[str, ...],
    sources: tuple[str, ...],
    entity: str | None,
    correlation: str | None,
    fields: tuple[str, ...],
    as_json: bool,
    limit: int | None,
    url: str | None,
    token: str | None,
) -> None:
    """Show events as they arrive, until Ctrl-C. A connection that is lost is made again, from where it was."""
    filters = [
        *((name, ",".join(words)) for name, words in (("eventType", event_types), ("topic", topics)) if words),
        *([("source", ",".join(sources))] if sources else []),
        *((name, word) for name, word in (("entity", entity), ("correlationId", correlation)) if word),
        *(("field", field) for field in fields),
    ]
    if url is None:
        settings = load()
        host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "::") else settings.http_host  # noqa: S104 -- compared
        url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"
    try:
        run(_follow(url, filters, token, as_json, limit))
    except KeyboardInterrupt:
        pass  # that is how it ends
    except BrokenPipeError:  # whoever read it has seen enough; nothing may be flushed into it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _follow(
    url: str, filters: list[tuple[str, str]], token: str | None, as_json: bool, limit: int | None
) -> None:
    from carbon_stream.live.client import Tail

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    shown = 0
    following = Tail(url, filters, headers=headers, say=lambda text: click.echo(f"carbon-stream: {text}", err=True))
    async with aclosing(following.messages()) as messages:
        async for message in messages:
            if message.kind == "gap":
                missing = f"{message.data['dropped']} dropped, {message.data['skipped']} skipped"
                click.echo(f"carbon-stream: events are missing here: {missing}", err=True)
                continue
            _print(message.kind, message.data, as_json)
            shown += 1
            if shown == limit:
                return


def _print(kind: str, data: dict[str, Any], as_json: bool) -> None:
    if as_json:
        import orjson

        click.echo(orjson.dumps({"refused": True, **data} if kind == "refused" else data).decode())
        return
    time = datetime.fromtimestamp(data["receivedAt"] / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    place = f"{data['topic']}/{data['partition']}@{data['offset']}"
    if kind == "refused":
        why = "; ".join(f"{error['pointer']} {error['message']}".strip() for error in data["errors"])
        click.echo(f"{time}  {place:<32} REFUSED {data['reason']}  {_plain(why)}")
        return
    entity = next((data[name] for name in _ENTITIES if data.get(name)), "")
    words = " ".join(str(data[name]) for name in _WORDS if data.get(name) is not None)
    click.echo(
        f"{time}  {place:<32} {data['eventType']:<24} {_plain(data['source'])}: {_plain(entity)}  {_plain(words)}"
    )


def _plain(value: object) -> str:
    """Nothing that an event says may steer the terminal."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(value))
    return text if len(text) <= _TEXT_CHARS else text[: _TEXT_CHARS - 1] + "…"
