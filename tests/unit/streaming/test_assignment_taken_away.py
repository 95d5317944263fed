"""The group may take a partition away at any moment: whoever looks at it then is told nothing, and does not fall."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import SubscriptionState
from faust.types import TP

from carbon_stream.streaming.transport import ConsumerThread

KEPT, GONE = TP("t", 0), TP("t", 1)


@pytest.fixture
async def subscriptions() -> SubscriptionState:
    made = SubscriptionState()
    made.subscribe({"t"})
    return made


def thread_of(subscriptions: SubscriptionState) -> ConsumerThread:
    thread = ConsumerThread.__new__(ConsumerThread)
    consumer: Any = SimpleNamespace(_subscription=subscriptions)
    thread._ensure_consumer = lambda: consumer  # type: ignore[method-assign]
    return thread


async def test_without_an_assignment_nothing_is_known(subscriptions: SubscriptionState) -> None:
    thread = thread_of(subscriptions)
    assert thread.highwater(KEPT) is None
    assert thread.read_next() == {}
    subscriptions.unsubscribe()
    assert thread.highwater(KEPT) is None
    assert thread.read_next() == {}


async def test_of_what_is_assigned_the_end_is_told_and_of_the_rest_nothing(subscriptions: SubscriptionState) -> None:
    subscriptions.assign_from_subscribed({TopicPartition(*KEPT)})
    thread = thread_of(subscriptions)
    assert thread.highwater(KEPT) is None, "nothing was fetched yet"
    state = subscriptions.subscription.assignment.state_value(TopicPartition(*KEPT))
    state.highwater = 7
    state.reset_to(5)
    assert (thread.highwater(KEPT), thread.highwater(GONE)) == (7, None)
    assert thread.read_next() == {KEPT: 5}
