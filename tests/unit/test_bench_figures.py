"""How the benchmarks turn samples into figures."""

import pytest

from bench.figures import Figure, Sample, Series, percentile, ratio


def series(name: str, *rates: int) -> Series:
    return Series(name, "events", [Sample(rate, 1.0, rate / 1e6) for rate in rates])


def test_a_ratio_compares_turns_with_each_other_and_takes_the_median() -> None:
    # in the second turn the whole machine was slow: the ratio does not care
    found = ratio(series("ours", 100, 10, 120), series("theirs", 50, 5, 50), least=2.1)
    assert found.value == 2.0
    assert found.met is False


@pytest.mark.parametrize(
    ("least", "most", "met"), [(None, None, None), (5, None, True), (None, 4, False), (6, 9, False)]
)
def test_a_figure_says_whether_it_is_as_asked(least: float | None, most: float | None, met: bool | None) -> None:
    assert Figure("size", 5.0, "MB", least=least, most=most).met is met


def test_percentiles_are_of_the_nearest_rank() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert percentile([7.0], 0.99) == 7.0


def test_rates_and_cpu_time_are_medians() -> None:
    found = series("ours", 100, 300, 200)
    assert found.rate() == 200
    assert found.cpu_us() == pytest.approx(1.0)
