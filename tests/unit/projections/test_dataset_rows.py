"""Bounds and expiry of what is kept of a dataset."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import datasets
from carbon_stream.projections.rows import SWEEP_ROWS_MAX, Entry, MemoryRows

NOW = 1_760_000_000_000
HOUR = 3_600_000
INGESTION = {
    "eventType": "DataIngestionEvent",
    "source": "etl",
    "datasetName": "prices",
    "recordCount": 10,
    "sizeBytes": 100,
    "format": "parquet",
    "location": "s3://lake/prices",
    "status": "SUCCESS",
}
QUALITY = {
    "eventType": "DataQualityEvent",
    "source": "dq",
    "datasetName": "prices",
    "checkType": "completeness",
    "checkName": "not-null",
    "result": "PASS",
    "score": 1,
    "failedRecords": 0,
    "totalRecords": 9,
}
RUN = {"eventType": "DataTransformationEvent", "source": "dbt", "job": "nightly"}


def entry(topic: str, event: dict[str, Any], at: int = NOW, offset: int = 0) -> Entry:
    return Entry(decoder(topic)(orjson.dumps(event)), at, topic, 0, offset, NOW)


def sweep_a_day(rows: MemoryRows, now: int) -> None:
    for hour in range(24):
        datasets.sweep(rows, now + hour * HOUR)


def test_what_is_too_old_for_the_window_makes_no_hour() -> None:
    rows = MemoryRows()
    datasets.fold(rows, "data-ingestion", [entry("data-ingestion", INGESTION, NOW - 30 * HOUR)])
    assert list(rows.rows) == [("ingestion", "prices")]
    assert rows.rows["ingestion", "prices"]["last"]["recordCount"] == 10


def test_sums_end_at_64_bits() -> None:
    rows = MemoryRows()
    huge = INGESTION | {"recordCount": 2**63 - 1}
    for offset in range(3):
        datasets.fold(rows, "data-ingestion", [entry("data-ingestion", huge, NOW, offset)])
    row = rows.rows["ingestion-hour", "prices", NOW // HOUR]
    assert orjson.loads(orjson.dumps(row)) == row
    assert row["runs"][0][2:] == [3, 2**63 - 1, 300]


def test_a_run_that_says_little_is_shown_as_it_is() -> None:
    rows = MemoryRows()
    event = RUN | {"inputs": ["raw"], "outputs": ["prices", "raw"]}
    datasets.fold(rows, "data-transformation", [entry("data-transformation", event)])
    assert list(rows.rows) == [("transformation", "raw", "nightly"), ("transformation", "prices", "nightly")]
    row = rows.rows["transformation", "prices", "nightly"]
    assert row["counts"] == {"UNKNOWN": 1}
    assert row["last"]["status"] is None


def test_checks_beyond_the_bound_share_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "CHECKS_MAX", 2)
    rows = MemoryRows()
    many = [entry("data-quality", QUALITY | {"checkName": f"c{n}"}, NOW, n) for n in range(5)]
    datasets.fold(rows, "data-quality", many)
    assert {key[2]: row["counts"]["PASS"] for key, row in rows.rows.items()} == {"c0": 1, "c1": 1, datasets.OTHER: 3}


def test_rows_expire_by_the_brokers_clock() -> None:
    rows = MemoryRows()
    datasets.fold(rows, "data-ingestion", [entry("data-ingestion", INGESTION, NOW)])
    datasets.fold(rows, "data-quality", [entry("data-quality", QUALITY, NOW - 2 * datasets.KEPT_MS)])
    sweep_a_day(rows, NOW + 28 * HOUR)
    assert sorted(key[0] for key in rows.rows) == ["ingestion", "quality"]
    sweep_a_day(rows, NOW + datasets.KEPT_MS + 1)
    assert not rows.rows


def test_a_sweep_removes_a_bounded_number_of_rows() -> None:
    rows = MemoryRows()
    for n in range(SWEEP_ROWS_MAX + 50):
        rows.put(("ingestion-hour", f"d{n}", 1), {"v": 1, "runs": []})
    datasets.sweep(rows, NOW)
    assert len(rows.rows) == 50
