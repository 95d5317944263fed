"""Our histograms hold what the library's would: they only sort amounts in later."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from carbon_stream.observability import instruments

BOUNDS = (0.5, 1.0, 2.5)


def pair(**labels: str) -> tuple[Histogram, Histogram, CollectorRegistry, CollectorRegistry]:
    """Ours and the library's of the same name, each with its registry."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    told = ("sizes", "What is observed.", tuple(labels))
    return (
        instruments._Histogram(*told, registry=ours, buckets=BOUNDS),
        Histogram(*told, registry=theirs, buckets=BOUNDS),
        ours,
        theirs,
    )


@given(st.lists(st.sampled_from((*BOUNDS, 0.0, -1.0)) | st.floats(-10, 1e9), max_size=3_000), st.integers(1, 40))
def test_what_is_read_is_what_the_library_would_say(amounts: list[float], read_every: int) -> None:
    mine, other, ours, theirs = pair()
    for number, amount in enumerate(amounts):
        mine.observe(amount)
        other.observe(amount)
        if number % (100 * read_every) == 0:
            generate_latest(ours)
    (told,), (expected,) = ours.collect(), theirs.collect()
    for sample, wanted in zip(told.samples, expected.samples, strict=True):
        assert (sample.name, sample.labels) == (wanted.name, wanted.labels)
        assert sample.value == pytest.approx(wanted.value)


def test_labelled_ones_are_sorted_in_each_for_itself() -> None:
    mine, other, ours, theirs = pair(route="which")
    for number in range(2_500):
        for each in (mine, other):
            each.labels(f"/{number % 3}").observe(number % 4)
    assert generate_latest(ours) == generate_latest(theirs)


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_threads")
def test_nothing_is_lost_or_counted_twice_by_threads() -> None:
    mine, _, ours, _ = pair()

    def observe() -> None:
        for number in range(20_000):
            mine.observe(1.0)
            if number % 10 == 0:
                generate_latest(ours)

    threads = [Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ours.get_sample_value("sizes_count") == 80_000
    assert ours.get_sample_value("sizes_sum") == 80_000


def test_processes_that_count_together_sort_in_at_once(tmp_path: Path) -> None:
    program = """
import os, sys
from pathlib import Path
from carbon_stream.observability.exposition import exposition, share
share(Path(sys.argv[1]))
from carbon_stream.observability import metrics
if os.fork() == 0:
    metrics.REQUEST_EVENTS.observe(7)
    os._exit(0)  # without a chance to sort anything in
os.wait()
print(exposition().decode())
"""
    done = subprocess.run((sys.executable, "-c", program, str(tmp_path)), capture_output=True, text=True, check=True)
    assert "carbon_stream_request_events_sum 7.0" in done.stdout
