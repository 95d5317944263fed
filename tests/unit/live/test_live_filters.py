"""Which events a filter lets through, and what is no filter."""

import pytest

from carbon_stream.contracts.catalog import BY_NAME
from carbon_stream.errors import ProblemError
from carbon_stream.live.filters import filter_of

EVENT = {
    "eventType": "ServiceHealthEvent",
    "source": "probe",
    "serviceName": "trino",
    "errorRate": 0.5,
    "latencyMs": 12,
    "message": None,
    "eventId": "e-1",
    "correlationId": "c-1",
    "context": {"source": {"tier": "1"}},
    "a.b": "dotted",
}


@pytest.mark.parametrize(
    ("given", "fields", "passes"),
    [
        ({}, [], True),
        ({"source": "probe"}, [], True),
        ({"source": "other, probe"}, [], True),
        ({"source": "prob"}, [], False),
        ({"entity": "trino"}, [], True),
        ({"entity": "probe"}, [], False),
        ({"eventId": "e-1", "correlationId": "c-1"}, [], True),
        ({"eventId": "e-1", "correlationId": "c-2"}, [], False),
        ({}, ["errorRate=0.5", "latencyMs=12", "message=null"], True),
        ({}, ["errorRate=0.50"], False),
        ({}, ["context.source.tier=1"], True),
        ({}, ["context.source=1"], False),
        ({}, ["a.b=dotted"], True),
        ({}, ["nothing=null"], False),
        ({}, ["serviceName=tri=no"], False),
    ],
)
def test_all_that_is_given_must_hold(given: dict[str, str], fields: list[str], passes: bool) -> None:
    assert filter_of(given, fields).accepts("system-health", EVENT) is passes


def test_types_and_topics_narrow_the_topics() -> None:
    assert filter_of({}).topics == set(BY_NAME)
    assert filter_of({"eventType": "ServiceHealthEvent,DataLineageEvent"}).topics == {"system-health", "data-lineage"}
    both = {"eventType": "ServiceHealthEvent,DataLineageEvent", "topic": "system-health,data-quality"}
    assert filter_of(both).topics == {"system-health"}


@pytest.mark.parametrize(
    ("given", "fields", "parameter"),
    [
        ({"topic": "no-such-topic"}, [], "topic"),
        ({"eventType": "ServiceHealthEvent,"}, [], "eventType"),
        ({"eventType": "ServiceHealthEvent", "topic": "data-quality"}, [], "eventType"),
        ({"source": ""}, [], "source"),
        ({}, ["status"], "field"),
        ({}, ["=FAILURE"], "field"),
        ({}, ["a=b"] * 11, "field"),
        ({}, ["a=" + "b" * 1_024], "field"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given: dict[str, str], fields: list[str], parameter: str) -> None:
    with pytest.raises(ProblemError) as refused:
        filter_of(given, fields)
    assert (refused.value.status, refused.value.extra["parameter"]) == (400, parameter)


def test_refused_records_are_for_those_who_ask_for_nothing_that_only_events_have() -> None:
    assert filter_of({"topic": "system-health"}).wants_refused
    assert not filter_of({"entity": "trino"}).wants_refused
    assert not filter_of({}, ["a=b"]).wants_refused
