"""The broker's time: the newest append time, carried on, and never far ahead of this machine's own clock."""

from __future__ import annotations

import time

from carbon_stream.streaming.clock import AHEAD_MS_MAX, BrokerClock


def test_it_is_unknown_until_a_record_was_seen_and_never_goes_back() -> None:
    clock = BrokerClock()
    assert clock.now() is None
    hour_ago = int(time.time() * 1000) - 3_600_000
    clock.saw(hour_ago)
    now = clock.now()
    assert now is not None
    assert now >= hour_ago
    clock.saw(hour_ago - 5_000)
    later = clock.now()
    assert later is not None
    assert later >= now


def test_times_that_senders_set_cannot_make_rows_age() -> None:
    clock = BrokerClock()
    clock.saw(int(time.time() * 1000) + 500 * 86_400_000)
    now = clock.now()
    assert now is not None
    assert now <= int(time.time() * 1000) + AHEAD_MS_MAX + 1_000
