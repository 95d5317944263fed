"""Logs on standard error: for people, or one JSON object a line. No payload of an event is ever logged."""

from __future__ import annotations

import json
import logging
import math
import signal
import sys
import time
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Literal

from carbon_stream.observability.repeats import Repeats

__all__ = [
    "JsonFormatter",
    "change_level_on_signals",
    "configure",
    "log_about",
    "log_context",
    "set_level",
    "tell_level",
]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = ("aiokafka", "kafka", "faust", "mode", "asyncio", "urllib3")
_PASSING = ("not found in cluster metadata", "NotLeaderForPartitionError", "LeaderNotAvailableError")
_FIELD_CHARS = 2_048


def _moment(record: logging.LogRecord) -> str:
    """When it was logged: RFC 3339, UTC, milliseconds."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


class _Settled(logging.Filter):
    """Leaves out what aiokafka calls errors while a topic is being made or its leader moves: it tries again by itself,
    and what does not pass is told by whoever waits for it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        message = record.getMessage()
        return not any(passing in message for passing in _PASSING)


_context: ContextVar[dict[str, str] | None] = ContextVar("log_context", default=None)


class _LogContext:
    """A class of its own, since each request has one: a generator takes three times as long."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _context.set({})

    def __exit__(self, *_: object) -> None:
        _context.reset(self._token)


def log_context() -> AbstractContextManager[None]:
    """Within it, `log_about` says what all lines are about."""
    return _LogContext()


def log_about(**ids: str) -> None:
    """Every line from here to the end of the context has these ids, such as `traceId`; without a context, none has."""
    about = _context.get()
    if about is not None:
        about.update(ids)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339, UTC), `level`, `logger`, `message`, `pid`, the ids of what it is about
    (`requestId`, `traceId`), and the call's `extra`, such as `eventId`.
    """

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[:_FIELD_CHARS],
            "pid": record.process,
            **(_context.get() or {}),
        }
        for name, value in vars(record).items():
            if name not in _STANDARD and name not in line:
                plain = value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
                line[name] = value if plain else str(value)[:_FIELD_CHARS]
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, allow_nan=False)


class _HumanFormatter(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - the base's name
        return _moment(record)


def configure(level: str, form: Literal["human", "json"]) -> None:
    """Sends all logs to standard error in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else _HumanFormatter())
    logging.getLogger().handlers[:] = [handler]
    set_level(level)


def set_level(level: str) -> None:
    """What is logged from now on. Libraries speak from WARNING on, unless `level` is DEBUG.

    aiokafka logs whole records at DEBUG, which would put payloads into the logs: it stays at INFO at least.
    """
    root = logging.getLogger()
    for handler in root.handlers:
        handler.filters[:] = [] if level == "DEBUG" else [_Settled(), Repeats()]
    root.setLevel(level)
    for name in _QUIET:
        floor = logging.INFO if level == "DEBUG" else logging.WARNING
        logging.getLogger(name).setLevel(max(floor, logging.getLevelName(level)))
    # A broker tells a transactional producer of an older protocol "not enough replicas" when it should only try again
    # in a moment, about once a second: what is retried is not worth a warning, and what fails is told by its caller.
    logging.getLogger("aiokafka.producer.sender").setLevel(logging.ERROR)


def change_level_on_signals(level: str) -> None:
    """SIGUSR1: everything (DEBUG), from now on. SIGUSR2: as the settings say (`level`) again."""
    signal.signal(signal.SIGUSR1, lambda *_: tell_level("DEBUG"))
    signal.signal(signal.SIGUSR2, lambda *_: tell_level(level))


def tell_level(level: str) -> None:
    """Change the level, and say so."""
    set_level(level)
    logging.getLogger(__name__).warning("the log level is %s now", level)
