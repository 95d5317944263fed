"""What all commands share: settings and logs, the event loop, and how a failure is told."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["CHANGES", "Group", "load", "output_option", "overlay_option", "run", "seconds_option"]

_T = TypeVar("_T")
CHANGES = 2
"""Exit status of a plan that has something to do, as diff has it; 1 is left for errors."""


class Group(click.Group):
    """Shows what the operator can mend as a message with exit status 1, never as a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OperatorError as error:
            click.echo(f"carbon-stream: {error}", err=True)
            sys.exit(1)


output_option = click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="For people or programs."
)
overlay_option = click.option(
    "--overlay",
    "overlays",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file of your own values, laid over the platform's; the last one of several is on top.",
)


def seconds_option(
    flag: str, name: str, told: str, *, default: float, most: float, least: float = 0
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """An option that is a time in seconds."""
    return click.option(flag, name, type=click.FloatRange(least, most), default=default, show_default=True, help=told)


def run(work: Coroutine[Any, Any, _T]) -> _T:
    """Runs one asynchronous command to its end."""
    return asyncio.run(work)


def load(*, serving: bool = False) -> Settings:
    """The settings, and logs as they say.

    A command that only asks and answers logs warnings at most, and leaves it to its own message to say that no broker
    answers; CARBON_STREAM_LOG_LEVEL=DEBUG shows everything.
    """
    from carbon_stream.observability.logging import configure

    settings = Settings.load()
    quiet = not serving and settings.log_level != "DEBUG"
    configure("WARNING" if quiet else settings.log_level, settings.log_format)
    if quiet:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return settings
