"""A dataset's page says what its events said, in any partitions and batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from carbon_stream.contracts.codec import decoder
from carbon_stream.projections import datasets
from carbon_stream.projections.rows import Entry, MemoryRows
from carbon_stream.views.datasets import DatasetsView

NOW = 1_760_000_000_000
MINUTE = 60_000
DAY = 86_400_000
TOPICS = {
    "DataIngestionEvent": "data-ingestion",
    "DataQualityEvent": "data-quality",
    "DataTransformationEvent": "data-transformation",
}
DECODERS = {topic: decoder(topic) for topic in TOPICS.values()}
COUNTS = st.one_of(st.integers(0, 1_000), st.just(2**63 - 1))

INGESTION = st.fixed_dictionaries(
    {
        "eventType": st.just("DataIngestionEvent"),
        "datasetName": st.just("prices"),
        "recordCount": COUNTS,
        "sizeBytes": COUNTS,
        "format": st.just("parquet"),
        "location": st.just("s3://lake/prices"),
        "status": st.sampled_from(["SUCCESS", "FAILURE", "PARTIAL"]),
    }
)
QUALITY = st.fixed_dictionaries(
    {
        "eventType": st.just("DataQualityEvent"),
        "datasetName": st.just("prices"),
        "checkType": st.just("completeness"),
        "checkName": st.sampled_from(["not-null", "in-range"]),
        "result": st.sampled_from(["PASS", "FAIL", "WARNING"]),
        "score": st.sampled_from([0, 0.5, 1.0]),
        "failedRecords": st.integers(0, 9),
        "totalRecords": st.integers(9, 99),
    }
)
TRANSFORMATION = st.fixed_dictionaries(
    {
        "eventType": st.just("DataTransformationEvent"),
        "job": st.sampled_from(["nightly", "hourly"]),
        "inputs": st.sampled_from([["raw"], ["prices", "raw"], ["prices"]]),
        "outputs": st.sampled_from([["prices"], ["prices", "summary"]]),
        "status": st.sampled_from(["SUCCESS", "FAILURE", None]),
        "durationMs": st.integers(0, 99),
    }
)
EVENTS = st.lists(
    st.tuples(
        st.one_of(INGESTION, QUALITY, TRANSFORMATION),
        st.one_of(st.integers(0, 5), st.integers(0, 2 * 24 * 60)).map(lambda minutes: NOW - minutes * MINUTE),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=30,
)
Event = tuple[Mapping[str, Any], int, int]


def folded(events: Sequence[Event], cuts: Sequence[int]) -> DatasetsView:
    view = DatasetsView()
    for partition in range(3):
        rows = MemoryRows()
        for topic, decode in DECODERS.items():
            mine = [
                Entry(decode(orjson.dumps({**event, "source": "etl"})), at, topic, partition, offset, NOW)
                for offset, (event, at, of_partition) in enumerate(events)
                if of_partition == partition and TOPICS[event["eventType"]] == topic
            ]
            ends = sorted({*(cut % (len(mine) + 1) for cut in cuts), len(mine)})
            for start, end in zip([0, *ends], ends, strict=False):
                if mine[start:end]:
                    datasets.fold(rows, topic, mine[start:end])
        for key, row in rows.rows.items():
            view.apply(partition, tuple(orjson.loads(orjson.dumps(key))), orjson.loads(orjson.dumps(row)))
    return view


def of(events: Sequence[Event], event_type: str) -> list[tuple[Mapping[str, Any], int]]:
    """In order of event time, then partition; of one partition in the order of offsets."""
    chosen = [(event, at, partition) for event, at, partition in events if event["eventType"] == event_type]
    return [(event, at) for event, at, _ in sorted(chosen, key=lambda each: (each[1], each[2]))]


@given(EVENTS, st.lists(st.integers(0, 30), max_size=4))
def test_ingestion_is_the_sum_of_its_runs(events: list[Event], cuts: list[int]) -> None:
    found = folded(events, cuts).ingestion("prices", NOW)
    loads = of(events, "DataIngestionEvent")
    recent = [event for event, at in loads if at // MINUTE >= (NOW - DAY) // MINUTE]
    taken = [event for event in recent if event["status"] != "FAILURE"]
    assert found["runs"] == len(loads)
    assert found["recordCount24h"] == min(2**63 - 1, sum(event["recordCount"] for event in taken))
    assert found["sizeBytes24h"] == min(2**63 - 1, sum(event["sizeBytes"] for event in taken))
    assert found["runs24h"] == {
        status: sum(event["status"] == status for event in recent) for status in ("SUCCESS", "FAILURE", "PARTIAL")
    }
    if loads:
        last, at = loads[-1]
        assert found["last"]["at"] == at
        assert found["last"]["status"] == last["status"]
        assert found["last"]["recordCount"] == last["recordCount"]
    else:
        assert found["last"] is None


@given(EVENTS, st.lists(st.integers(0, 30), max_size=4))
def test_checks_show_their_last_result(events: list[Event], cuts: list[int]) -> None:
    found = folded(events, cuts).checks("prices")
    results = of(events, "DataQualityEvent")
    assert [check["checkName"] for check in found] == sorted({event["checkName"] for event, _ in results})
    for check in found:
        mine = [(event, at) for event, at in results if event["checkName"] == check["checkName"]]
        last, at = mine[-1]
        assert (check["result"], check["score"], check["at"]) == (last["result"], last["score"], at)
        assert check["counts"] == dict(sorted(Counter(event["result"] for event, _ in mine).items()))


@given(EVENTS, st.lists(st.integers(0, 30), max_size=4), st.sampled_from(["prices", "raw", "summary"]))
def test_transformations_touch_inputs_and_outputs(events: list[Event], cuts: list[int], dataset: str) -> None:
    found = folded(events, cuts).transformations(dataset)
    runs = [
        (event, at)
        for event, at in of(events, "DataTransformationEvent")
        if dataset in event["inputs"] or dataset in event["outputs"]
    ]
    assert {run["job"] for run in found} == {event["job"] for event, _ in runs}
    for run in found:
        mine = [(event, at) for event, at in runs if event["job"] == run["job"]]
        last, at = mine[-1]
        assert (run["status"], run["durationMs"], run["at"]) == (last["status"], last["durationMs"], at)
        assert sum(run["counts"].values()) == len(mine)
