"""Rates come from what the topics' ends have moved, over the time between two looks."""

from collections.abc import Iterator, Mapping

import pytest
from aiokafka import TopicPartition

from carbon_stream.streaming.ledger import Tally
from carbon_stream.views.flow import EVERY_S, SAMPLES_MAX, Flow
from carbon_stream.views.freshness import Freshness


class Told(Freshness):
    """What a process would know, as a test has it."""

    def __init__(self) -> None:
        super().__init__({})
        self.known: dict[TopicPartition, int] = {}
        self.counted: dict[TopicPartition, Tally] = {}

    def ends(self) -> Mapping[TopicPartition, int]:
        return self.known

    def tallies(self) -> Iterator[tuple[TopicPartition, Tally]]:
        yield from self.counted.items()

    def lags(self) -> dict[TopicPartition, int]:
        return {source: end - self.counted[source].applied for source, end in self.known.items()}


@pytest.fixture
def told() -> Told:
    return Told()


def test_a_topic_has_its_rate_its_counts_and_its_lag(told: Told) -> None:
    flow = Flow(told)
    for step in range(4):
        for partition in range(2):
            source = TopicPartition("data-quality", partition)
            told.known[source] = 100 + 50 * step
            told.counted[source] = Tally(applied=90, duplicate=2, dead=step)
        flow.sample(1_000.0 + step * 10)
    (quality,) = [topic for topic in flow.topics() if topic["name"] == "data-quality"]
    assert quality["series"] == [10.0, 10.0, 10.0]
    assert quality["perSecond"] == 10.0
    assert (quality["applied"], quality["duplicate"], quality["dead"], quality["deadLately"]) == (180, 4, 6, 6)
    assert quality["lag"] == 2 * (250 - 90)
    assert flow.window_ms() == 30_000


def test_nothing_is_made_up_while_nothing_is_known(told: Told) -> None:
    flow = Flow(told)
    flow.sample(0.0)
    assert flow.window_ms() == 0
    assert {(topic["perSecond"], len(topic["series"])) for topic in flow.topics()} == {(0.0, 0)}


def test_samples_are_bounded_and_a_topic_made_anew_has_no_rate_below_zero(told: Told) -> None:
    flow = Flow(told)
    source = TopicPartition("data-quality", 0)
    told.counted[source] = Tally()
    for step in range(3 * SAMPLES_MAX):
        told.known[source] = 1_000 - step
        flow.sample(step * EVERY_S)
        flow.sample(step * EVERY_S + 1)
    (quality,) = [topic for topic in flow.topics() if topic["name"] == "data-quality"]
    assert quality["series"] == [0.0] * (SAMPLES_MAX - 1)
