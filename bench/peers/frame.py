"""What peers have in common: their arguments, their answers, and a meter."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import orjson

from bench.progress import WARM_SHARE

_ANSWERS = os.dup(1)
os.dup2(2, 1)  # what libraries print goes to the log


def arguments() -> dict[str, Any]:
    """What the run has told this program."""
    told: dict[str, Any] = orjson.loads(sys.argv[1])
    return told


def answer(document: Any) -> None:
    """Say a line to the run."""
    os.write(_ANSWERS, orjson.dumps(document) + b"\n")


def wait_for_go() -> None:
    """Say that all is prepared, and wait for the run's word."""
    answer({"ready": True})
    sys.stdin.readline()


class Meter:
    """Counts up to `total`, and times everything after the first tenth."""

    def __init__(self, total: int) -> None:
        self.total, self.seen = total, 0
        self._since: tuple[int, float, float] | None = None

    def add(self, count: int) -> bool:
        """Count; whether that was all."""
        self.seen += count
        if self._since is None and self.seen >= self.total * WARM_SHARE:
            self._since = (self.seen, time.perf_counter(), time.process_time())
        return self.seen >= self.total

    def tell(self) -> None:
        """Say a sample."""
        assert self._since is not None
        seen, wall, cpu = self._since
        answer(
            {
                "count": max(1, self.seen - seen),
                "wall_s": time.perf_counter() - wall,
                "cpu_s": time.process_time() - cpu,
            }
        )
