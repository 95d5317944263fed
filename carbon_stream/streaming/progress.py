"""How far a restore has come: a log line every few seconds, and the observer's figures."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from aiokafka import TopicPartition

from carbon_stream.streaming.observer import Observer

log = logging.getLogger(__name__)

LOG_EVERY_S = 5.0


class Progress:
    """`left` gives for each changelog partition its stage, and the offsets to read (at least as many as records)."""

    def __init__(self, observer: Observer, left: Mapping[TopicPartition, tuple[str, int]]) -> None:
        self._observer = observer
        self._stage = {tp: stage for tp, (stage, _) in left.items()}
        self._left = {tp: offsets for tp, (_, offsets) in left.items()}
        self._began = self._told = time.monotonic()
        self._records = self._told_records = 0

    def read(self, tp: TopicPartition, records: int, left: int) -> None:
        """So many records of a partition were read, and so many offsets are left of it."""
        self._records += records
        self._left[tp] = left
        self._tell_observer(self._stage[tp], records)
        now = time.monotonic()
        if now - self._told >= LOG_EVERY_S:
            rate = (self._records - self._told_records) / (now - self._told)
            log.info(
                "restoring: %s changelog records read, %s a second, at most %s left",
                f"{self._records:,}", f"{rate:,.0f}", f"{sum(self._left.values()):,}",
            )  # fmt: skip
            self._told, self._told_records = now, self._records

    def _tell_observer(self, stage: str, records: int) -> None:
        left = sum(offsets for tp, offsets in self._left.items() if self._stage[tp] == stage)
        self._observer.on_restore(stage, records, left)

    def finish(self, rows: int) -> None:
        """All of it was read; the shards hold so many rows."""
        seconds = time.monotonic() - self._began
        self._left = dict.fromkeys(self._left, 0)
        for stage in set(self._stage.values()):
            self._tell_observer(stage, 0)
        log.log(
            logging.INFO if self._records or rows else logging.DEBUG,
            "restored %d partitions in %.2f s: %s changelog records read, %s rows held",
            len(self._left), seconds, f"{self._records:,}", f"{rows:,}",
        )  # fmt: skip
