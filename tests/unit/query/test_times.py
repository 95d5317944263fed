"""Times in queries: what is accepted, what is refused and why, and how ranges are rounded."""

from __future__ import annotations

import pytest

from carbon_stream.errors import ProblemError
from carbon_stream.query.times import DAY_MS, HOUR_MS, MINUTE_MS, Range, rounded_range, time_ms

NOW = 1_790_000_012_345


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("1790000012345", 1_790_000_012_345),
        ("2026-01-31T12:00:00Z", 1_769_860_800_000),
        ("2026-01-31t12:00:00.5z", 1_769_860_800_500),
        ("2026-01-31T13:00:00.123456+01:00", 1_769_860_800_123),
        ("2026-01-31T13:00:00 01:00", 1_769_860_800_000),
        ("2026-01-31 10:30:00-01:30", 1_769_860_800_000),
        ("1969-12-31T23:59:59.5Z", -500),
    ],
)
def test_times_that_are_understood(text: str, ms: int) -> None:
    assert time_ms({"from": text}, "from") == ms


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("yesterday", "neither"),
        ("2026-01-31", "neither"),
        ("2026-01-31T12:00:00", "its zone"),
        ("2026-02-30T12:00:00Z", "is no time"),
        ("2026-01-31T24:00:01Z", "is no time"),
        ("2026-01-31T12:00:00+25:00", "is no time"),
        ("-5", "neither"),
        ("1.5", "neither"),
        ("١٢٣", "neither"),
        ("", "neither"),
        ("1790000012", "looks like seconds; milliseconds would be 1790000012000"),
        ("9" * 17, "beyond the year 9999"),
        ("9" * 400, "beyond the year 9999"),
    ],
)
def test_times_that_are_refused(text: str, why: str) -> None:
    with pytest.raises(ProblemError) as refused:
        time_ms({"from": text}, "from")
    assert refused.value.status == 400
    assert refused.value.extra == {"parameter": "from"}
    assert why in (refused.value.detail or "")


def test_an_absent_time_is_none() -> None:
    assert time_ms({}, "from") is None


def test_the_default_is_the_last_day_by_the_minute() -> None:
    found = rounded_range({}, NOW)
    assert found.resolution == "minute"
    assert found.end - NOW < MINUTE_MS
    assert found.start <= NOW - DAY_MS < found.start + MINUTE_MS


@pytest.mark.parametrize(
    ("age_ms", "resolution", "length"),
    [
        (2 * DAY_MS, "minute", MINUTE_MS),
        (2 * DAY_MS + 1, "hour", HOUR_MS),
        (31 * DAY_MS, "hour", HOUR_MS),
        (31 * DAY_MS + 1, "day", DAY_MS),
        (400 * DAY_MS, "day", DAY_MS),
    ],
)
def test_ranges_are_rounded_outwards_by_their_age(age_ms: int, resolution: str, length: int) -> None:
    start = NOW - age_ms
    found = rounded_range({"from": str(start), "to": str(start + 1)}, NOW)
    begins = start // length * length
    assert found == Range(begins, begins + length, resolution)


def test_a_range_on_the_boundaries_stays_as_it_is() -> None:
    start = NOW // HOUR_MS * HOUR_MS - 3 * DAY_MS
    assert rounded_range({"from": str(start), "to": str(start + HOUR_MS)}, NOW) == Range(start, start + HOUR_MS, "hour")


def test_a_range_that_begins_before_anything_is_kept_begins_with_what_is_kept() -> None:
    found = rounded_range({"from": "100000000000"}, NOW)
    assert found.resolution == "day"
    assert NOW - 401 * DAY_MS < found.start <= NOW - 400 * DAY_MS


@pytest.mark.parametrize(
    "given",
    [
        {"from": str(NOW), "to": str(NOW)},
        {"from": str(NOW + DAY_MS)},
        {"to": "0"},
        {"from": "0001-01-01T00:00:00+23:59", "to": "0001-01-02T00:00:00Z"},
    ],
)
def test_a_range_that_ends_before_it_begins_is_empty(given: dict[str, str]) -> None:
    found = rounded_range(given, NOW)
    assert found.start == found.end
