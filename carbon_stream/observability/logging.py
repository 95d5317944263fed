"""Logs on standard error: for people, or one JSON object a line. No payload of an event is ever logged."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from typing import Literal

from carbon_stream.observability.repeats import Repeats

__all__ = ["JsonFormatter", "configure"]

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


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time` (RFC 3339, UTC), `level`, `logger`, `message`, `pid`, and the call's `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": _moment(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage()[:_FIELD_CHARS],
            "pid": record.process,
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
    """Sends all logs to standard error in one form. Libraries speak from WARNING on, unless `level` is DEBUG.

    aiokafka logs whole records at DEBUG, which would put payloads into the logs: it stays at INFO at least.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else _HumanFormatter())
    if level != "DEBUG":
        handler.addFilter(_Settled())
        handler.addFilter(Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        floor = logging.INFO if level == "DEBUG" else logging.WARNING
        logging.getLogger(name).setLevel(max(floor, logging.getLevelName(level)))
    # A broker tells a transactional producer of an older protocol "not enough replicas" when it should only try again
    # in a moment, about once a second: what is retried is not worth a warning, and what fails is told by its caller.
    logging.getLogger("aiokafka.producer.sender").setLevel(logging.ERROR)
