"""The latency sketch: merging in any order is adding, and quantiles keep their error bound."""

from __future__ import annotations

from math import ceil

import orjson
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.projections import sketch as s

latency = st.one_of(
    st.floats(min_value=0, max_value=1e9, allow_nan=False),
    st.integers(min_value=0, max_value=10**12),
    st.floats(min_value=0, max_value=1),
)
latencies = st.lists(latency, max_size=200)


@given(latencies, latencies)
def test_merging_is_the_sketch_of_both(one: list[float], other: list[float]) -> None:
    assert s.merge(s.sketch_of(one), s.sketch_of(other)) == s.sketch_of([*one, *other])


@given(latencies, latencies)
def test_merging_is_commutative(one: list[float], other: list[float]) -> None:
    assert s.merge(s.sketch_of(one), s.sketch_of(other)) == s.merge(s.sketch_of(other), s.sketch_of(one))


@given(latencies, latencies, latencies)
def test_merging_is_associative(a: list[float], b: list[float], c: list[float]) -> None:
    x, y, z = map(s.sketch_of, (a, b, c))
    assert s.merge(s.merge(x, y), z) == s.merge(x, s.merge(y, z))


@given(st.lists(latency, min_size=1, max_size=200), st.floats(min_value=0, max_value=1))
def test_quantiles_keep_the_stated_error(values: list[float], q: float) -> None:
    found = s.quantile(s.sketch_of(values), q)
    true = sorted(values)[max(1, ceil(q * len(values))) - 1]
    assert found is not None
    if true <= s.SMALLEST_MS:
        assert found == 0
    else:
        bounded = min(true, s.LARGEST_MS)
        assert abs(found - bounded) <= s.RELATIVE_ERROR_MAX * bounded


@given(latencies)
def test_a_sketch_survives_json_and_stays_bounded(values: list[float]) -> None:
    sketch = s.sketch_of(values)
    assert orjson.loads(orjson.dumps(sketch)) == sketch
    assert s.total(sketch) == len(values)
    assert all(0 <= int(name) <= s.BUCKETS_MAX for name in sketch)


@given(st.lists(latency, min_size=1, max_size=200))
def test_quantiles_ascend(values: list[float]) -> None:
    found = s.quantiles(s.sketch_of(values))
    assert found is not None
    assert found["p50"] <= found["p95"] <= found["p99"]


def test_the_bounds_of_every_bucket_fall_on_the_right_side() -> None:
    for bucket in range(1, s.BUCKETS_MAX):
        middle = s.LATENCIES_MS[bucket]
        assert s.buckets([middle]) == [bucket]


def test_zero_negative_and_huge_latencies_are_counted() -> None:
    sketch = s.sketch_of([0, 0.0, -5, 1e300, 10**30])
    assert s.total(sketch) == 5
    assert sketch == {"0": 3, str(s.BUCKETS_MAX): 2}
    assert s.quantile(sketch, 0.5) == 0


def test_an_empty_sketch_has_no_quantiles() -> None:
    assert s.quantiles({}) is None
    assert s.quantile({}, 0.5) is None
