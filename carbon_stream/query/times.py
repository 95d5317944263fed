"""Times in queries: RFC 3339 or milliseconds since the epoch, and the ranges that counts can be asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from carbon_stream.query.parameters import refused

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000

_RESOLUTIONS = (("minute", MINUTE_MS, 2 * DAY_MS), ("hour", HOUR_MS, 31 * DAY_MS), ("day", DAY_MS, 400 * DAY_MS))
"""Name, length, and how far back a range may begin that is rounded to it."""
_SECONDS_BELOW = 100_000_000_000
"""As in events: a smaller number of milliseconds is before 1973-03-03 and surely meant seconds."""
_LATEST_MS = 253_402_300_800_000  # the year 10000
_RFC_3339 = re.compile(
    r"(?P<clock>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>[Zz]|[+ -]\d\d:\d\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Range:
    """A range of event time in ms, start included and end not, both multiples of the resolution."""

    start: int
    end: int
    resolution: str


def time_ms(given: Mapping[str, str], name: str) -> int | None:
    """A time parameter in ms since the epoch, or None if it is absent; 400 with the reason if it is no time."""
    value = given.get(name)
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return _milliseconds(name, value)
    match = _RFC_3339.fullmatch(value)
    if match is None:
        why = "is neither milliseconds since the epoch nor an RFC 3339 time with its zone, such as 2026-01-31T12:00:00Z"
        raise refused(name, why)
    zone = match["zone"].replace(" ", "+").upper()  # a plus that was not percent-encoded arrives as a space
    try:
        seconds = datetime.fromisoformat(match["clock"].upper() + zone).timestamp()
    except (ValueError, OverflowError) as error:
        raise refused(name, f"is no time: {error}") from None
    return int(seconds) * 1000 + int(f"{match['fraction'] or '0':0<3}"[:3])


def _milliseconds(name: str, value: str) -> int:
    ms = int(value[:19])
    if len(value) > 18 or ms >= _LATEST_MS:
        raise refused(name, "is beyond the year 9999")
    if 0 < ms < _SECONDS_BELOW:
        raise refused(name, f"looks like seconds; milliseconds would be {ms}000")
    return ms


def rounded_range(given: Mapping[str, str], now_ms: int) -> Range:
    """The range from parameter `from` (default: 24 hours before `to`) to `to` (default: now), rounded outwards.

    To the minute if it begins within the last two days, to the hour within 31 days, to the day within 400. There is
    nothing from before that: a range that begins earlier begins then instead. One that ends before it begins is empty.
    Whoever answers says which range it was.
    """
    end = time_ms(given, "to")
    if end is None:
        end = now_ms
    start = time_ms(given, "from")
    if start is None:
        start = end - DAY_MS
    start = max(start, now_ms - _RESOLUTIONS[-1][2])
    name, length = next((name, length) for name, length, reach in _RESOLUTIONS if start >= now_ms - reach)
    first = start // length * length
    return Range(first, first if end <= start else -(-end // length) * length, name)
