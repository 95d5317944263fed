"""The whole of a rebuild: what would be done, comparing alone, and doing it, one partition after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from carbon_stream.errors import OperatorError
from carbon_stream.projections.erasure import ERASERS
from carbon_stream.projections.rebuilding import REBUILDINGS, since_of
from carbon_stream.rebuild import sources
from carbon_stream.rebuild.letters import Letters
from carbon_stream.rebuild.partition import Moved, PartitionRebuild
from carbon_stream.rebuild.progress import Done, Say, words
from carbon_stream.rebuild.refold import TooManyRefused, latest, topics_of
from carbon_stream.rebuild.sources import Source
from carbon_stream.streaming import clients
from carbon_stream.streaming.formats import NewerRow
from carbon_stream.streaming.plan import Plan
from carbon_stream.streaming.restore import RestoreStalled
from carbon_stream.streaming.transaction import Fenced
from carbon_stream.views.consumers import partitions_of

MOVED_MAX = 4
"""How often a partition is begun again because retention was faster, or a topic was found to have lost something."""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """One table: what its topics hold, partition by partition, and how large its changelog is."""

    table: str
    sources: tuple[Source, ...]
    changelog_records: int
    partitions: int


def chosen(tables: Sequence[str], plans: Mapping[str, Plan]) -> list[Plan]:
    """The stages of these tables, all that can be made again if none is named. OperatorError for any other name."""
    for table in tables:
        if table not in REBUILDINGS:
            why = (
                "says what was announced already; made again it could only contradict that"
                if table in plans
                else "is no table"
            )
            raise OperatorError(f"{table} {why}. Tables that can be made again: {', '.join(REBUILDINGS)}")
    return [plans[table] for table in REBUILDINGS if table in tables or not tables]


async def plan(plans: Sequence[Plan]) -> list[TablePlan]:
    """What a rebuild would read; nothing is changed. OperatorError when the brokers cannot be asked."""
    async with told():
        return [await _planned(each) for each in plans]


async def _planned(plan: Plan) -> TablePlan:
    numbers = await _partitions(plan)
    topics = topics_of(REBUILDINGS[plan.name])
    async with clients.reading(plan.kafka, "none") as consumer:
        found = await sources.sources(consumer, [TopicPartition(topic, n) for topic in topics for n in numbers])
        begins, ends = await sources.bounds(consumer, [TopicPartition(plan.changelog, n) for n in numbers])
    return TablePlan(plan.name, tuple(found), sum(ends.values()) - sum(begins.values()), len(numbers))


async def apply(plans: Sequence[Plan], *, put: bool, say: Say) -> dict[str, Done]:
    """Make the tables again; by table, what it came to. Without `put`, only what it would come to.

    Safe to repeat, also after it was cut short, and beside workers. OperatorError says what to do.
    """
    totals: dict[str, Done] = {}
    async with told():
        for each in plans:
            numbers = await _partitions(each)
            about = topics_of(REBUILDINGS[each.name])
            letters = Letters(await _all_of(each.kafka, each.dead_letters), about)
            total = Done()
            for number in numbers:
                total = total.plus(await _one(each, number, letters, put=put, say=say))
            totals[each.name] = total
            say(f"{each.name}: {words(total)}")
    return totals


async def _one(plan: Plan, number: int, letters: Letters, *, put: bool, say: Say) -> Done:
    cut: set[str] = set()
    for attempt in range(1, MOVED_MAX + 1):
        async with clients.reading(plan.kafka, "none") as consumer:
            rebuild = PartitionRebuild(plan, number, REBUILDINGS[plan.name], letters, consumer, cut, say)
            try:
                done = await rebuild.compare()
                return done if done.is_nothing or not put else await rebuild.put()
            except Moved as error:
                say(f"{error}: beginning again")
                if attempt == MOVED_MAX:
                    raise OperatorError(
                        f"{error}, {MOVED_MAX} times over; every row is whole: try again later"
                    ) from error
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _all_of(kafka: Mapping[str, Any], topic: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(**kafka)
    try:
        await admin.start()
        return sorted(await partitions_of(admin, [topic]))
    finally:
        await admin.close()


async def _partitions(plan: Plan) -> range:
    """The partitions of a table. OperatorError where its topics do not have as many each."""
    admin = AIOKafkaAdminClient(**plan.kafka)
    try:
        await admin.start()
        found = await partitions_of(admin, [plan.changelog, *plan.topics])
    finally:
        await admin.close()
    counts = {topic: sum(tp.topic == topic for tp in found) for topic in (plan.changelog, *plan.topics)}
    if len(set(counts.values())) > 1 or not all(counts.values()):
        shown = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        raise OperatorError(
            f"the topics of {plan.name} differ in partitions ({shown}): see carbon-stream bootstrap plan topics"
        )
    return range(counts[plan.changelog])


def told_plan(planned: TablePlan) -> list[str]:
    """The plan of one table, for people: what would be read, and from when on rows would be made again."""
    lines = []
    for family in REBUILDINGS[planned.table].families:
        of_family = [source for source in planned.sources if source.partition.topic in family.topics]
        lines += [_told_topic(topic, of_family) for topic in family.topics]
        since = latest(since_of(source.first_at) for source in of_family if source.first_at is not None)
        kinds = ", ".join(sorted(str(kind) for kind in family.kinds))
        if since is not None:
            fate = f"made again from {_time(since)} on, older ones carried over"
        else:
            fate = "carried over" if any(source.begin for source in of_family) else "all made again"
        lines.append(f"  rows {kinds}: {fate}")
    if planned.table in ERASERS:
        lines.append("  a person who was erased comes back where these topics have the events: erase again afterwards")
    head = f"{planned.table}: {planned.partitions} partitions, {planned.changelog_records:,} records on the changelog"
    return [head, *lines]


def _told_topic(topic: str, sources: Sequence[Source]) -> str:
    own = [source for source in sources if source.partition.topic == topic]
    records = sum(source.end - source.begin for source in own)
    firsts = [source.first_at for source in own if source.first_at is not None]
    if firsts:
        gone = f"what is older than {_time(min(firsts))} is gone"
    else:
        gone = "all of it is gone" if any(source.begin for source in own) else "nothing is gone"
    return f"  reads {records:,} records of {topic}; {gone}"


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@asynccontextmanager
async def told() -> AsyncIterator[None]:
    """Failures as the operator is told them."""
    try:
        yield
    except Fenced as error:
        raise OperatorError(
            f"{error}: is another rebuild or an erasure running? No row is half done: run the command again"
        ) from error
    except NewerRow as error:
        raise OperatorError(str(error)) from error
    except TooManyRefused as error:
        raise OperatorError(
            f"this release refuses thousands of records that were counted before; the last one: {error}. Nothing of"
            " that partition was changed"
        ) from error
    except (KafkaError, RestoreStalled, TimeoutError, OSError) as error:
        raise OperatorError(f"Kafka does not answer as it should: {type(error).__name__}: {error}") from error
