"""From observations of one service to its states over time. Pure: times in ms, statuses as codes of the projection.

An observation holds until the next one, but no longer than the service's silence: what follows that is UNKNOWN until
it is heard of again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from carbon_stream.projections.health import CODES, STATUSES

HEALTHY, DEGRADED, UNHEALTHY, UNKNOWN = (CODES[status] for status in STATUSES)
SERVING = (HEALTHY, DEGRADED)
"""What counts as available: a degraded service answers."""

SILENCE_MIN_MS = 30_000
SILENCE_STEP_MS = 5_000
INTERVALS_OF_SILENCE = 3
INTERVAL_ASSUMED_MS = 60_000
"""Of a service that was seen once."""
INTERVALS_CONSIDERED = 100


class Span(NamedTuple):
    """Observations of one status with no silence between them."""

    start: int
    last: int
    until: int
    """How long the last one holds if nothing follows."""
    code: int


class State(NamedTuple):
    """What the service was from `start` to `end`, silence included."""

    start: int
    end: int
    code: int


def silence_ms(times: Sequence[int]) -> int:
    """How long a service may be silent: three of its usual intervals, which is the median of the recent ones.

    `times` ascend. Rounded to SILENCE_STEP_MS, so that jitter does not move it, and never below SILENCE_MIN_MS.
    """
    recent = times[-INTERVALS_CONSIDERED - 1 :]
    gaps = [later - earlier for earlier, later in pairwise(recent)]
    interval = median(gaps) if gaps else INTERVAL_ASSUMED_MS
    steps = round(INTERVALS_OF_SILENCE * interval / SILENCE_STEP_MS)
    return max(SILENCE_MIN_MS, steps * SILENCE_STEP_MS)


def add_spans(spans: list[Span], observations: Iterable[tuple[int, int]], hold_ms: int) -> None:
    """Append observations (time, code), which follow on those in `spans`; each holds for `hold_ms` at most."""
    if spans:
        start, last, until, code = spans.pop()
    else:
        start, last, until, code = 0, -1, -1, -1
    for at, observed in observations:
        if observed != code or at > until:
            if code >= 0:
                spans.append(Span(start, last, until, code))
            start, code = at, observed
        last, until = at, at + hold_ms
    if code >= 0:
        spans.append(Span(start, last, until, code))


def join_spans(spans: list[Span], following: Sequence[Span]) -> None:
    """Append spans that follow on those in `spans`, made for the same silence."""
    if spans and following and spans[-1].code == following[0].code and following[0].start <= spans[-1].until:
        joined = following[0]._replace(start=spans.pop().start)
        spans.append(joined)
        spans.extend(following[1:])
    else:
        spans.extend(following)


def states(spans: Sequence[Span], end: int) -> list[State]:
    """Every state in order of time, the last one reaching to `end`; neighbours differ."""
    found: list[State] = []
    for index, span in enumerate(spans):
        stop = spans[index + 1].start if index + 1 < len(spans) else max(end, span.last)
        _append(found, State(span.start, min(stop, span.until), span.code))
        if stop > span.until:
            _append(found, State(span.until, stop, UNKNOWN))
    return found


def _append(found: list[State], state: State) -> None:
    if found and found[-1].code == state.code:
        state = State(found.pop().start, state.end, state.code)
    found.append(state)


def availability(found: Sequence[State], start: int, end: int) -> float | None:
    """The share of known time between start and end in which the service was serving; None if none is known."""
    serving = known = 0
    for state in reversed(found):
        if state.end <= start:
            break
        weight = min(state.end, end) - max(state.start, start)
        if weight > 0 and state.code != UNKNOWN:
            known += weight
            serving += weight * (state.code in SERVING)
    return round(serving / known, 6) if known else None
