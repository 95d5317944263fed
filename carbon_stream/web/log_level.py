"""GET and PUT /v1/log-level: what is logged from now on, by every process behind this port.

Processes that share a port have a folder of their own for their metrics. The level that was asked for lies there as a
file, so that those that were not asked follow within a second, and those that start later begin with it.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

from aiohttp import web

from carbon_stream.observability.exposition import shared_folder
from carbon_stream.observability.logging import tell_level
from carbon_stream.query.parameters import parameters
from carbon_stream.web.problems import json_response
from carbon_stream.web.small_bodies import bad_request, read_object

__all__ = ["LEVELS", "LOG_LEVEL", "LogLevel", "routes"]

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_BODY_MAX: Final = 1 << 10
_FILE: Final = "log-level"


class LogLevel:
    """The level of this process and of its siblings. `configured`: what the settings say; `folder`: theirs together."""

    def __init__(self, configured: str, folder: Path | None) -> None:
        self.configured = configured
        self._file = folder / _FILE if folder is not None else None
        self._seen: tuple[int, int] | None = None

    def ask(self, level: str) -> None:
        """Log from this level on, here at once and in the siblings when they next look."""
        if self._file is None:
            tell_level(level)
            return
        fresh = self._file.with_suffix(f".{os.getpid()}")
        fresh.write_text(level)
        fresh.replace(self._file)
        self.look()

    def look(self) -> None:
        """Do as was last asked of any sibling; a signal to this process alone holds until somebody asks again."""
        if self._file is None:
            return
        try:
            found = self._file.stat()
            level = self._file.read_text()
        except FileNotFoundError:
            return
        if (seen := (found.st_mtime_ns, found.st_ino)) != self._seen and level in LEVELS:
            self._seen = seen
            tell_level(level)

    def document(self) -> dict[str, str]:
        """What this process logs now, and what it would by its settings."""
        return {"level": logging.getLevelName(logging.getLogger().level), "configured": self.configured}


LOG_LEVEL: Final = web.AppKey("log_level", LogLevel)


def put(application: web.Application, configured: str) -> LogLevel:
    """The application's own, and its routes."""
    application.add_routes(routes())
    made = application[LOG_LEVEL] = LogLevel(configured, shared_folder())
    return made


def routes() -> list[web.RouteDef]:
    """Routes that find LOG_LEVEL in the application; the guard asks for an operator (`web/guard`)."""
    return [web.get("/v1/log-level", show), web.put("/v1/log-level", change)]


async def show(request: web.Request) -> web.Response:
    """{"level", "configured"}."""
    parameters(request, ())
    return json_response(request.app[LOG_LEVEL].document())


async def change(request: web.Request) -> web.Response:
    """Takes {"level": "DEBUG"}; null is as the settings say. Answers as `show` does, when it is done here."""
    parameters(request, ())
    asked = await read_object(request, _BODY_MAX, "a log level")
    if unknown := sorted(set(asked) - {"level"}):
        raise bad_request(unknown[0], "this member is not known")
    if "level" not in asked or asked["level"] not in (None, *LEVELS):
        raise bad_request("level", f"give one of {', '.join(LEVELS)}, or null for what the settings say")
    level = request.app[LOG_LEVEL]
    level.ask(asked["level"] or level.configured)
    return json_response(level.document())
