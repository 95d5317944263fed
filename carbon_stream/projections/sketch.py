"""A mergeable sketch of latencies: counts in buckets whose bounds grow by a fixed factor (as in DDSketch, VLDB 2019).

A sketch is a JSON object {bucket: count}, with the bucket's number as a string. Bucket 0 holds everything up to
0.01 ms (reported as 0); bucket i > 0 holds the latencies in (0.01·γ^(i-1), 0.01·γ^i] ms, and any quantile that falls
into it is reported within 2 % of the true one. Bounds are fixed for all sketches and there are never more than
`BUCKETS_MAX` + 1 of them (the last takes everything above 27 hours), so merging is adding: commutative, associative,
and exact whatever the order.

The `ddsketch` package is not used: its sketches are mutable objects of floats whose bounded stores collapse their
lowest buckets depending on the order of merging, and which would have to be rebuilt from a row and taken apart again
for every row of every batch; and it brings protobuf along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, log
from typing import TypedDict

Sketch = dict[str, int]

RELATIVE_ERROR_MAX = 0.02
"""Of a quantile between `SMALLEST_MS` and `LARGEST_MS`, rounding to four digits included."""

_ALPHA = 0.0195
_GAMMA = (1 + _ALPHA) / (1 - _ALPHA)
_SCALE = 1 / log(_GAMMA)
_LIMIT_MS = 1e8

SMALLEST_MS = 0.01
"""What is not longer than this counts as 0 ms."""
BUCKETS_MAX = ceil(log(_LIMIT_MS / SMALLEST_MS) * _SCALE)
LARGEST_MS = SMALLEST_MS * _GAMMA**BUCKETS_MAX
"""What is longer counts as this much: 27 hours and more."""

_TOP_FROM_MS = LARGEST_MS * (1 - 1e-9)  # so that rounding in the logarithm cannot leave the last bucket
_SHIFT = -log(SMALLEST_MS) * _SCALE

BUCKET_NAMES = tuple(map(str, range(BUCKETS_MAX + 1)))
"""The key of each bucket, made once."""


LATENCIES_MS = (
    0.0,
    *(float(f"{SMALLEST_MS * _GAMMA**bucket * 2 / (1 + _GAMMA):.4g}") for bucket in range(1, BUCKETS_MAX + 1)),
)
"""The latency that stands for each bucket: at most the relative error from either of its bounds."""


class Quantiles(TypedDict):
    """Latencies in ms, each within 2 % of the nearest-rank quantile."""

    p50: float
    p95: float
    p99: float


def buckets(latencies_ms: Iterable[float]) -> list[int]:
    """The bucket number of each latency. Latencies are finite; negative ones count as 0."""
    smallest, largest, top, scale, shift = SMALLEST_MS, _TOP_FROM_MS, BUCKETS_MAX, _SCALE, _SHIFT
    return [0 if ms <= smallest else top if ms >= largest else ceil(log(ms) * scale + shift) for ms in latencies_ms]


def sketch_of(latencies_ms: Iterable[float]) -> Sketch:
    """The sketch of these latencies."""
    sketch: Sketch = {}
    for bucket in buckets(latencies_ms):
        add(sketch, bucket, 1)
    return sketch


def add(sketch: Sketch, bucket: int, count: int) -> None:
    """Count `count` more latencies in a bucket, in place."""
    name = BUCKET_NAMES[bucket]
    sketch[name] = sketch.get(name, 0) + count


def merge_into(sketch: Sketch, other: Mapping[str, int]) -> None:
    """Add another sketch to this one, in place."""
    get = sketch.get
    for name, count in other.items():
        sketch[name] = get(name, 0) + count


def merge(one: Mapping[str, int], other: Mapping[str, int]) -> Sketch:
    """The sketch of both, as a new one."""
    merged = dict(one)
    merge_into(merged, other)
    return merged


def total(sketch: Mapping[str, int]) -> int:
    """How many latencies the sketch holds."""
    return sum(sketch.values())


def quantile(sketch: Mapping[str, int], q: float) -> float | None:
    """The nearest-rank quantile in ms: the smallest latency that at least q of all do not exceed. None if empty."""
    return _at_ranks(sketch, (q,))[0]


def quantiles(sketch: Mapping[str, int]) -> Quantiles | None:
    """Median, 95th and 99th percentile in ms; None if the sketch is empty."""
    p50, p95, p99 = _at_ranks(sketch, (0.5, 0.95, 0.99))
    if p50 is None or p95 is None or p99 is None:
        return None
    return {"p50": p50, "p95": p95, "p99": p99}


def _at_ranks(sketch: Mapping[str, int], qs: tuple[float, ...]) -> list[float | None]:
    """Ascending quantiles in one pass over the buckets."""
    ordered = sorted((int(name), count) for name, count in sketch.items())
    everything = total(sketch)
    found: list[float | None] = []
    below = 0
    position = iter(ordered)
    bucket = 0
    for q in qs:
        if not everything:
            found.append(None)
            continue
        rank = max(1, ceil(q * everything))
        while below < rank:
            bucket, count = next(position)
            below += count
        found.append(LATENCIES_MS[bucket])
    return found
