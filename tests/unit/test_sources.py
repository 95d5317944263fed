"""Who sends is told apart within a bound, and nobody who sends loses a place to names that are made up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carbon_stream.observability import sources
from carbon_stream.observability.instruments import OTHER, REGISTRY
from carbon_stream.observability.sources import FORGOTTEN_S, Sources

T = 1_764_000_000


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> Iterator[None]:
    """The metrics are the process's: whatever ran before may have counted something, and what comes after may."""
    for metric in (sources.EVENTS, sources.LAST):
        metric.clear()
    yield
    for metric in (sources.EVENTS, sources.LAST):
        metric.clear()


def shown(name: str) -> dict[str, float]:
    samples = [sample for family in REGISTRY.collect() for sample in family.samples if sample.name == name]
    return {sample.labels["source"]: sample.value for sample in samples}


def numbers() -> dict[str, float]:
    return shown("carbon_stream_source_events_total")


def last() -> dict[str, float]:
    return shown("carbon_stream_source_last_event_timestamp_seconds")


def send(told: Sources, source: str, at: float, number: int = 1) -> None:
    told.count({source: number}, {source: int(at * 1000)})


def test_events_add_up_and_the_newest_stays() -> None:
    told = Sources()
    told.count({"a": 2, "b": 1}, {"a": T * 1000, "b": (T + 5) * 1000})
    send(told, "a", T - 60, 3)
    assert numbers() == {"a": 5, "b": 1}
    assert last() == {"a": T, "b": T + 5}


def test_sources_beyond_the_bound_are_one() -> None:
    told = Sources(limit=2)
    for number, source in enumerate(("a", "b", "c", "d", "a", "c")):
        send(told, source, T + number)
    assert numbers() == {"a": 2, "b": 1, OTHER: 3}
    assert last() == {"a": T + 4, "b": T + 1, OTHER: T + 5}


def test_who_has_been_silent_for_days_makes_room() -> None:
    told = Sources(limit=2)
    send(told, "a", T)
    send(told, "b", T + 60)
    send(told, "c", T + FORGOTTEN_S - 1)
    assert set(numbers()) == {"a", "b", OTHER}
    send(told, "a", T + FORGOTTEN_S - 1)
    send(told, "c", T + FORGOTTEN_S + 1)
    assert set(last()) == {"a", "b", OTHER}, "a has been heard of, b has not been silent for long enough"
    send(told, "c", T + FORGOTTEN_S + 61)
    assert set(last()) == {"a", "c", OTHER}
    assert set(numbers()) == {"a", "c", OTHER}
