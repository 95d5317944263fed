"""Taking the steps of a plan, safely: again and again with the same end, beside others who do the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from aiokafka.errors import KafkaError

from carbon_stream.bootstrap.topics.broker import Broker, connected
from carbon_stream.bootstrap.topics.desired import Wanted
from carbon_stream.bootstrap.topics.plan import Change, Create, Plan, describe, make_plan
from carbon_stream.bootstrap.topics.ruled import topics_of
from carbon_stream.contracts.names import APP_ID, DEAD_LETTERS
from carbon_stream.errors import OperatorError
from carbon_stream.settings import Settings

__all__ = ["apply", "ensure_topics", "read_plan"]

_ROUNDS = 4
_VISIBLE_S = 30.0
Say = Callable[[str], None]


def _silent(line: str) -> None:
    """Says nothing."""


async def read_plan(settings: Settings, wanted: Sequence[Wanted] | None = None) -> Plan:
    """What would change. Raises OperatorError when the brokers cannot be asked."""
    try:
        async with connected(settings.kafka_client()) as broker:
            return await _plan(broker, settings, wanted or topics_of(settings))
    except (KafkaError, TimeoutError) as error:
        raise _refused(error) from error


async def apply(
    settings: Settings,
    *,
    wanted: Sequence[Wanted] | None = None,
    wait_s: float = 0.0,
    force: bool = False,
    say: Say = _silent,
) -> Plan:
    """Takes all steps and returns the plan that is left, which has no step.

    Growing needs the workers drained: rows and events of a partition go together, and a worker that runs learns of
    new partitions at a moment of its own. With workers at work it waits for `wait_s` seconds, then refuses with
    OperatorError, before anything has been changed; `force` grows beside them.
    """
    topics = wanted or topics_of(settings)
    try:
        async with connected(settings.kafka_client()) as broker:
            plan = await _drained(broker, settings, topics, wait_s, force)
            for _ in range(_ROUNDS):
                if not plan.steps:
                    return plan
                await _take(broker, plan, say)
                await _visible(broker, settings, topics, plan)
                plan = await _drained(broker, settings, topics, wait_s, force)
    except (KafkaError, TimeoutError) as error:
        raise _refused(error) from error
    told = "; ".join(f"{step.topic}: {describe(step)}" for step in plan.steps[:5])
    raise OperatorError(f"after {_ROUNDS} rounds there are steps left, something undoes them: {told}")


async def ensure_topics(settings: Settings, *, wanted: Sequence[Wanted] | None = None, say: Say = _silent) -> Plan:
    """Creates what is missing, for a worker that starts; grows and changes nothing. Returns the plan that is left.

    OperatorError where topics that feed one table differ in partitions: a worker cannot start on those, and growing is
    for an operator to say.
    """
    topics = wanted or topics_of(settings)
    try:
        async with connected(settings.kafka_client()) as broker:
            plan = await _plan(broker, settings, topics)
            missing = tuple(step for step in plan.steps if isinstance(step, Create))
            if missing:
                await _create(broker, missing, say)
                plan = await _visible(broker, settings, topics, replace(plan, steps=missing))
    except (KafkaError, TimeoutError) as error:
        raise _refused(error) from error
    short = [f"{step.topic} has {step.before} of {step.after}" for step in plan.grows if step.topic != DEAD_LETTERS]
    if short:
        raise OperatorError(
            f"topics lack partitions ({'; '.join(short)}):"
            " stop all workers and run carbon-stream bootstrap apply topics"
        )
    return plan


async def _plan(broker: Broker, settings: Settings, topics: Sequence[Wanted]) -> Plan:
    cluster = await broker.read([topic.name for topic in topics], APP_ID)
    servers = settings.kafka_bootstrap_servers
    return make_plan(topics, cluster, servers=servers, replicas=settings.topic_replication)


async def _drained(broker: Broker, settings: Settings, topics: Sequence[Wanted], wait_s: float, force: bool) -> Plan:
    deadline = time.monotonic() + wait_s
    while True:
        plan = await _plan(broker, settings, topics)
        if force or not plan.grows or not plan.workers:
            return plan
        if time.monotonic() >= deadline:
            raise OperatorError(
                f"growing {', '.join(step.topic for step in plan.grows)} needs the workers drained, and"
                f" {len(plan.workers)} are at work ({'; '.join(plan.workers[:5])}): stop them (senders may go on),"
                " or give --wait SECONDS and stop them meanwhile; --force grows beside them"
            )
        await asyncio.sleep(min(1.0, wait_s))


async def _take(broker: Broker, plan: Plan, say: Say) -> None:
    """Creates, then grows, then changes; changelogs come first in each, as in the list of wanted topics, so that a
    source never has a partition whose rows have no place.
    """
    await _create(broker, [step for step in plan.steps if isinstance(step, Create)], say)
    for grow in plan.grows:
        await broker.grow(grow)
        say(f"{grow.topic}: {describe(grow)}")
    changes: dict[str, list[Change]] = {}
    for step in plan.steps:
        if isinstance(step, Change):
            changes.setdefault(step.topic, []).append(step)
    for topic, steps in changes.items():
        await broker.change(topic, {step.setting: step.after for step in steps})
        for step in steps:
            say(f"{topic}: {describe(step)}")


async def _create(broker: Broker, steps: Sequence[Create], say: Say) -> None:
    if steps:
        for step in await broker.create(steps):
            say(f"{step.topic}: {describe(step)}")


async def _visible(broker: Broker, settings: Settings, topics: Sequence[Wanted], taken: Plan) -> Plan:
    """The plan once the brokers show what was created and grown: their answers may lag behind for a moment."""
    deadline = time.monotonic() + _VISIBLE_S
    awaited = {(type(step), step.topic) for step in taken.steps if not isinstance(step, Change)}
    while True:
        plan = await _plan(broker, settings, topics)
        if awaited.isdisjoint((type(step), step.topic) for step in plan.steps) or time.monotonic() >= deadline:
            return plan
        await asyncio.sleep(0.1)


def _refused(error: Exception) -> OperatorError:
    return OperatorError(f"the brokers refused ({type(error).__name__}): {error}")
