"""The calls that count, with labels whose values are bounded; looked up once, since they are made for every request."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter, Histogram

from carbon_stream.observability import metrics
from carbon_stream.observability.instruments import OTHER, Bounded

__all__ = [
    "count_dead_letter",
    "count_duplicates",
    "count_events",
    "count_rejected",
    "count_skipped_rows",
    "observe_acknowledgement",
    "observe_request",
    "observe_view",
    "show_platform_checks",
]

_topic, _type, _reason = Bounded(64), Bounded(64), Bounded(64)


def count_events(path: str, result: str, topic: str | None, event_type: str | None, number: int = 1) -> None:
    """Counts `number` events of one topic and type that came by `path` ("http", a source, "kafka"), by `result`."""
    if number:
        _events(_topic(topic or OTHER), _type(event_type or OTHER), path, result).inc(number)


@cache  # of bounded labels: looking a series up by its labels takes longer than counting
def _events(topic: str, event_type: str, path: str, result: str) -> Counter:
    return metrics.EVENTS.labels(topic, event_type, path, result)


def count_rejected(reason: str, number: int = 1) -> None:
    """Counts events that ingest refused for one reason."""
    if number:
        metrics.REJECTED.labels(_reason(reason)).inc(number)


def count_duplicates(path: str, topic: str, number: int = 1) -> None:
    """Counts events seen before."""
    if number:
        metrics.DUPLICATES.labels(_topic(topic), path).inc(number)


def count_dead_letter(topic: str, reason: str, number: int = 1) -> None:
    """Counts records put into the dead-letter topic."""
    if number:
        metrics.DEAD_LETTERS.labels(_topic(topic), _reason(reason)).inc(number)


def observe_acknowledgement(seconds: float, events: int) -> None:
    """One request with `events` events was acknowledged `seconds` after its receipt."""
    metrics.ACKNOWLEDGEMENT.observe(seconds)
    metrics.REQUEST_EVENTS.observe(events)


_routes, _METHODS = Bounded(100), frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """One HTTP request was answered; `route` is the matched pattern, None if there was none."""
    known = method if method in _METHODS else OTHER
    _request(known, _routes(route) if route else OTHER, status // 100).observe(seconds)


@cache
def _request(method: str, route: str, status_class: int) -> Histogram:
    return metrics.REQUEST.labels(method, route, f"{status_class}xx")


def count_skipped_rows(table: str, number: int = 1) -> None:
    """Counts changelog rows that a view passed over."""
    metrics.SKIPPED.labels(table).inc(number)


def show_platform_checks(values: Mapping[tuple[str, str], float]) -> None:
    """Sets the outcome of each check, by area and name; those of an earlier run that are not made any more are gone."""
    metrics.PLATFORM_CHECK.clear()
    for (area, check), value in values.items():
        metrics.PLATFORM_CHECK.labels(area, check).set(value)


def observe_view(table: str, seconds: float) -> None:
    """An event appended `seconds` ago is now seen by queries."""
    metrics.VIEW_LATENCY.labels(table).observe(max(seconds, 0.0))
