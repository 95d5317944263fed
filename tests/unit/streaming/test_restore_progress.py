"""A restore tells how far it has come while it runs, and what it read at its end."""

from __future__ import annotations

import logging

import pytest
from aiokafka import TopicPartition

from carbon_stream.streaming.observer import Silent
from carbon_stream.streaming.progress import Progress

FIRST, SECOND, OTHER = (
    TopicPartition("a-changelog", 0),
    TopicPartition("a-changelog", 1),
    TopicPartition("b-changelog", 0),
)


class Told(Silent):
    def __init__(self) -> None:
        self.told: list[tuple[str, int, int]] = []

    def on_restore(self, stage: str, records: int, left: int) -> None:
        self.told.append((stage, records, left))


def test_records_and_what_is_left_are_told_by_stage() -> None:
    told = Told()
    made = Progress(told, {FIRST: ("a", 100), SECOND: ("a", 50), OTHER: ("b", 7)})
    made.read(FIRST, 20, 70)
    made.read(OTHER, 6, 0)
    made.finish(90)
    assert told.told[:2] == [("a", 20, 120), ("b", 6, 0)]
    assert sorted(told.told[2:]) == [("a", 0, 0), ("b", 0, 0)]


def test_a_line_every_few_seconds_has_records_rate_and_what_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr("carbon_stream.streaming.progress.time.monotonic", lambda: now[0])
    with caplog.at_level(logging.INFO):
        made = Progress(Told(), {FIRST: ("a", 900_000), OTHER: ("b", 50)})
        for second in range(1, 7):
            now[0] = 100.0 + second
            made.read(FIRST, 100_000, 900_000 - second * 100_000)
        now[0] = 107.0
        made.finish(1_234)
    assert caplog.messages == [
        "restoring: 500,000 changelog records read, 100,000 a second, at most 400,050 left",
        "restored 2 partitions in 7.00 s: 600,000 changelog records read, 1,234 rows held",
    ]


def test_a_restore_of_nothing_is_not_worth_a_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Progress(Told(), {FIRST: ("a", 0)}).finish(0)
    assert caplog.messages == []
