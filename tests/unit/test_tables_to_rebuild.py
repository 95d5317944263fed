"""Which tables `carbon-stream tables rebuild` takes, and what it shows of them first."""

from __future__ import annotations

from typing import cast

import pytest
from aiokafka import TopicPartition

from carbon_stream.errors import OperatorError
from carbon_stream.projections.rebuilding import REBUILDINGS
from carbon_stream.rebuild.progress import Done, words
from carbon_stream.rebuild.run import TablePlan, chosen, told_plan
from carbon_stream.rebuild.sources import Source
from carbon_stream.streaming.plan import Plan

PLANS = {name: cast(Plan, name) for name in (*REBUILDINGS, "alerts")}


def test_all_tables_but_alerts_unless_some_are_named() -> None:
    assert list(map(str, chosen([], PLANS))) == ["audit", "health", "lineage", "datasets"]
    assert list(map(str, chosen(["lineage", "audit"], PLANS))) == ["audit", "lineage"]


@pytest.mark.parametrize(("name", "says"), [("alerts", "announced"), ("audits", "is no table")])
def test_others_are_refused_with_the_names_of_those_there_are(name: str, says: str) -> None:
    with pytest.raises(OperatorError, match=f"{says}.*audit, health, lineage, datasets"):
        chosen(["audit", name], PLANS)


def test_the_plan_says_what_is_read_and_from_when_on_rows_are_made_again() -> None:
    def source(topic: str, number: int, begin: int, first_at: int | None = None) -> Source:
        return Source(TopicPartition(topic, number), begin, 1_000, first_at)

    health = (
        source("system-health", 0, 400, 1_764_000_000_000),
        source("system-health", 1, 0),
        source("deployment-events", 0, 1_000),
        source("config-changes", 0, 0),
    )
    assert told_plan(TablePlan("health", health, 4_321, 2)) == [
        "health: 2 partitions, 4,321 records on the changelog",
        "  reads 1,600 records of system-health; what is older than 2025-11-24T16:00:00Z is gone",
        "  rows current, health, health-day: made again from 2025-11-24T17:00:00Z on, older ones carried over",
        "  reads 0 records of deployment-events; all of it is gone",
        "  rows deployment: carried over",
        "  reads 1,000 records of config-changes; nothing is gone",
        "  rows config: all made again",
        "  a person who was erased comes back where these topics have the events: erase again afterwards",
    ]


def test_what_was_found_first_counts_when_the_rest_follows() -> None:
    first, rest = Done(100, 50, changed=9, added=1, gone=2), Done(120, 50, changed=3)
    assert first.after(rest) == Done(120, 50, changed=9, added=1, gone=2)
    assert not first.is_nothing
    assert Done(100, 50).is_nothing
    assert words(first.plus(Done(refused=2))).endswith("9 changed, 2 gone, 1 new; 2 records are dead letters now")
