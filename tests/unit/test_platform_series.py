"""A gauge's series are those of the last look, and no others."""

import pytest

from carbon_stream.observability.instruments import REGISTRY
from carbon_stream.observability.platform_gauges import FAILED_JOBS, Series


@pytest.fixture(autouse=True)
def nothing_shown_yet() -> None:
    """The gauge is the process's: whatever ran before may have shown something."""
    FAILED_JOBS.clear()


def shown() -> dict[str, float]:
    (family,) = [one for one in REGISTRY.collect() if one.name == "carbon_stream_transformation_failed"]
    return {sample.labels["job"]: sample.value for sample in family.samples}


def test_what_is_gone_is_taken_out() -> None:
    series = Series(FAILED_JOBS)
    series.show({("a",): 1, ("b",): 0})
    assert shown() == {"a": 1, "b": 0}
    series.show({("b",): 1})
    assert shown() == {"b": 1}
    series.show({})
    assert shown() == {}


def test_a_series_that_processes_share_is_no_number_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    series = Series(FAILED_JOBS)
    series.show({("shared",): 1})
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "/tmp")
    series.show({})
    assert shown()["shared"] != shown()["shared"], "NaN is not equal to itself"
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR")
    FAILED_JOBS.clear()
