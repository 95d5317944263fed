"""OpenLineage's events give the same graph in any order and however often they come, and never an invalid event."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import BY_EVENT_TYPE
from carbon_stream.contracts.codec import Invalid
from carbon_stream.ingest.openlineage.mapping import events_of
from carbon_stream.ingest.openlineage.models import parse_event
from carbon_stream.projections import lineage
from carbon_stream.projections.rows import Entry, MemoryRows

RUNS = ("01931a3e-6a6c-7b11-9f2c-6d1d8f1f0a01", "01931A3E-6A6C-7B11-9F2C-6D1D8F1F0A02")
NOTED = {"_producer": "p", "_schemaURL": "s"}
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
USED = st.fixed_dictionaries(
    {"namespace": st.just("db"), "name": st.sampled_from("abc"), "field": st.sampled_from("xyz")},
    optional={
        "transformations": st.lists(
            st.fixed_dictionaries({"type": st.just("DIRECT")}, optional={"masking": st.booleans(), "subtype": ANYTHING})
        )
    },
)
MADE = st.fixed_dictionaries({"inputFields": st.lists(USED, max_size=3)})
COLUMN_LINEAGE = st.fixed_dictionaries(
    {
        **{name: st.just(value) for name, value in NOTED.items()},
        "fields": st.dictionaries(
            st.sampled_from("xyz"), st.fixed_dictionaries({"inputFields": st.lists(USED, max_size=3)})
        )
        | ANYTHING,
    },
    optional={"dataset": st.lists(USED, max_size=2) | ANYTHING},
)
COUNT = st.integers(0, 2**63 - 1) | st.integers(-5, 5) | ANYTHING
STATISTICS = st.fixed_dictionaries(
    {name: st.just(value) for name, value in NOTED.items()}, optional={"rowCount": COUNT, "size": COUNT}
)
ASSERTIONS = st.fixed_dictionaries(
    {name: st.just(value) for name, value in NOTED.items()},
    optional={
        "assertions": ANYTHING
        | st.lists(
            st.fixed_dictionaries(
                {"assertion": st.sampled_from(["unique", "not_null"]), "success": st.booleans()},
                optional={"column": ANYTHING, "severity": st.sampled_from(["warn", "error"]), "name": ANYTHING},
            ),
            max_size=3,
        )
    },
)
METRICS = st.fixed_dictionaries(
    {name: st.just(value) for name, value in NOTED.items()},
    optional={
        "rowCount": COUNT,
        "columnMetrics": st.dictionaries(st.text(max_size=3), st.fixed_dictionaries({"nullCount": COUNT})) | ANYTHING,
    },
)
DATASET = st.fixed_dictionaries(
    {"namespace": st.sampled_from(["db", "db/"]), "name": st.sampled_from("abc")},
    optional={
        "facets": st.fixed_dictionaries({}, optional={"columnLineage": COLUMN_LINEAGE, "dataQualityMetrics": METRICS}),
        "inputFacets": st.fixed_dictionaries(
            {}, optional={"dataQualityAssertions": ASSERTIONS, "inputStatistics": STATISTICS}
        ),
        "outputFacets": st.fixed_dictionaries({}, optional={"outputStatistics": STATISTICS}),
    },
)
BASE = {
    "eventTime": st.integers(0, 59).map(lambda second: f"2026-11-24T04:30:{second:02}.25+01:00"),
    "producer": st.just("https://example.com"),
    "schemaURL": st.just("s"),
}
JOB = st.fixed_dictionaries(
    {"namespace": st.just("n"), "name": st.sampled_from("jk")},
    optional={"facets": st.just({"sql": {**NOTED, "query": "select 1"}})},
)
TOUCHED = {"inputs": st.lists(DATASET, max_size=3) | st.none(), "outputs": st.lists(DATASET, max_size=3)}
RUN = st.fixed_dictionaries({"runId": st.sampled_from(RUNS)}, optional={"facets": st.just({"x": {**NOTED, "y": [1]}})})
STATES = st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "ABORT", "OTHER", None])
DOCUMENT = (
    st.fixed_dictionaries({**BASE, "run": RUN, "job": JOB}, optional={"eventType": STATES, **TOUCHED})
    | st.fixed_dictionaries({**BASE, "job": JOB}, optional=TOUCHED)
    | st.fixed_dictionaries({**BASE, "dataset": DATASET})
)


BRIEF = settings(deadline=None, max_examples=60)


def mapped(document: dict[str, Any]) -> list[dict[str, Any]]:
    return events_of(document, parse_event(document))


def graph(documents: list[dict[str, Any]]) -> Any:
    """The edges' rows after these, as deduplication leaves them.

    How a column is made is left out: between two events of the very same time the later on the topic decides.
    """
    rows, seen = MemoryRows(), set()
    decode = codec.decoder("data-lineage")
    for offset, event in enumerate(event for document in documents for event in mapped(document)):
        if event["eventType"] == "DataLineageEvent" and event["eventId"] not in seen:
            seen.add(event["eventId"])
            entry = Entry(decode(orjson.dumps(event)), event["timestamp"], "data-lineage", 0, offset, 0)
            lineage.fold(rows, "data-lineage", [entry])
    return {
        key: (
            row["count"],
            row["first"],
            row["last"],
            sorted((source, target, at) for source, target, _, at, _ in row["columns"]),
        )
        for key, row in ((key, rows.get(key)) for key in rows.rows)
        if row is not None
    }


@BRIEF
@given(document=DOCUMENT)
def test_every_event_is_valid_and_has_an_id_of_its_own(document: dict[str, Any]) -> None:
    events = mapped(document)
    for event in events:
        topic = codec.accept(event)
        assert topic is BY_EVENT_TYPE[event["eventType"]]
        codec.decoder(topic.name)(codec.encode(event))
    assert len({event["eventId"] for event in events}) == len(events)
    assert events[0]["openLineage"] == document


@BRIEF
@given(documents=st.lists(DOCUMENT, max_size=5), order=st.randoms(), repeats=st.integers(1, 3))
def test_any_order_and_any_repeats_give_the_same_graph(documents: list[Any], order: Any, repeats: int) -> None:
    expected = graph(documents)
    shuffled = documents * repeats
    order.shuffle(shuffled)
    assert graph(shuffled) == expected


@BRIEF
@given(document=DOCUMENT)
def test_the_same_event_written_otherwise_has_the_same_ids(document: dict[str, Any]) -> None:
    backwards = dict(reversed(document.items()))
    assert [event["eventId"] for event in mapped(backwards)] == [event["eventId"] for event in mapped(document)]


@BRIEF
@given(documents=st.lists(DOCUMENT, min_size=2, max_size=2, unique_by=orjson.dumps))
def test_other_events_have_other_ids(documents: list[dict[str, Any]]) -> None:
    one, other = ({event["eventId"] for event in mapped(document)} for document in documents)
    assert not one & other


ALMOST = st.dictionaries(st.sampled_from([*BASE, "run", "job", "dataset", "inputs"]), ANYTHING)


@BRIEF
@given(document=ALMOST)
def test_anything_else_is_refused_with_pointers(document: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        mapped(document)
    assert all(error.pointer.startswith("/") for error in refused.value.errors)
