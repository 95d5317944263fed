"""Says once what a library says many times: while a broker is away, each of its clients tells so ten times a second."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic

EVERY_S = 10.0
_LIBRARIES = ("aiokafka", "kafka", "faust", "mode", "asyncio")


class Repeats(logging.Filter):
    """Lets a library's line through once in `EVERY_S`, with the number of those like it that were left out before.

    Lines are alike if their logger and their text before arguments are. Our own lines are never held back.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is shown; its text gains the count of those that were not."""
        if record.name.split(".", 1)[0] not in _LIBRARIES:
            return True
        now, line = self._clock(), (record.name, str(record.msg))
        said, left_out = self._last.get(line, (now - EVERY_S, 0))
        if now - said < EVERY_S:
            self._last[line] = (said, left_out + 1)
            return False
        if len(self._last) > 1_000:
            self._last.clear()  # texts that carry their arguments are all different
        self._last[line] = (now, 0)
        if left_out:
            record.msg = f"{record.getMessage()} (and {left_out} more like it)"
            record.args = None
        return True
