"""A library that repeats itself is heard once in a while, with a count; our own lines are never held back."""

import logging

from carbon_stream.observability.repeats import EVERY_S, Repeats


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def line(name: str, text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "x.py", 1, text, args, None)


def test_what_a_library_repeats_is_said_once_and_counted() -> None:
    clock = Clock()
    repeats = Repeats(clock)
    assert repeats.filter(line("aiokafka", "Unable connect to node with id %s", 1))
    assert not any(repeats.filter(line("aiokafka", "Unable connect to node with id %s", n)) for n in range(5))
    clock.now += EVERY_S
    again = line("aiokafka", "Unable connect to node with id %s", 1)
    assert repeats.filter(again)
    assert again.getMessage() == "Unable connect to node with id 1 (and 5 more like it)"


def test_different_lines_are_all_heard() -> None:
    repeats = Repeats(Clock())
    assert all(repeats.filter(line("aiokafka.consumer", f"text {n}")) for n in range(3_000))
    assert repeats.filter(line("aiokafka.producer", "text 1"))


def test_our_own_lines_are_never_held_back() -> None:
    repeats = Repeats(Clock())
    assert all(repeats.filter(line("carbon_stream.worker", "again")) for _ in range(10))
