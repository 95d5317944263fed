"""Topics on a real broker: made, grown, mended, again and again with the same end; nothing is ever lost by it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from carbon_stream.bootstrap.topics.apply import apply, ensure_topics, read_plan
from carbon_stream.bootstrap.topics.broker import connected
from carbon_stream.bootstrap.topics.desired import Wanted, wanted_topics
from carbon_stream.bootstrap.topics.found import Found
from carbon_stream.bootstrap.topics.plan import Change, Create, Grow
from carbon_stream.contracts.catalog import Group
from carbon_stream.contracts.names import APP_ID, DEAD_LETTERS
from carbon_stream.errors import OperatorError
from carbon_stream.local import LocalKafka
from carbon_stream.settings import Settings


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    """A broker of this file's own: it is planned as a whole."""
    with LocalKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def settings(broker: LocalKafka) -> Settings:
    return Settings(kafka_bootstrap_servers=broker.bootstrap_servers)


@pytest.fixture
def wanted(request: pytest.FixtureRequest) -> tuple[Wanted, ...]:
    """The topics of one group, its changelog and the dead letters, under names of this test's own."""
    prefix = request.node.originalname.removeprefix("test_")[:60]
    some = (topic for topic in wanted_topics() if topic.group in (Group.SYSTEM, DEAD_LETTERS))
    return tuple(replace(topic, name=f"{prefix}.{topic.name}") for topic in some)


def named(wanted: tuple[Wanted, ...], name: str) -> Wanted:
    (topic,) = (topic for topic in wanted if topic.name.endswith(f".{name}"))
    return topic


async def found(settings: Settings, *topics: Wanted) -> list[Found]:
    async with connected(settings.kafka_client()) as broker:
        cluster = await broker.read([topic.name for topic in topics], APP_ID)
    return [cluster.topics[topic.name] for topic in topics]


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(**settings.kafka_client())
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def make(settings: Settings, topic: Wanted, partitions: int) -> None:
    async with admin(settings) as client:
        await client.create_topics([NewTopic(topic.name, partitions, 1)])
        while topic.name not in await client.list_topics():
            await asyncio.sleep(0.05)


async def at_work(settings: Settings) -> None:
    """Until the brokers count a worker as a member: joining takes a moment after its start."""
    async with connected(settings.kafka_client()) as broker:
        while not await broker.members(APP_ID):
            await asyncio.sleep(0.05)


async def configure(settings: Settings, topic: Wanted, **values: str) -> None:
    configs = {name.replace("_", "."): value for name, value in values.items()}
    async with admin(settings) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, configs)])
    while (await found(settings, topic))[0].overrides != configs:
        await asyncio.sleep(0.05)


async def test_an_empty_broker_gets_everything_and_a_second_time_changes_nothing(
    settings: Settings, wanted: tuple[Wanted, ...]
) -> None:
    said: list[str] = []
    left = await apply(settings, wanted=wanted, say=said.append)
    assert left.clean
    assert len(said) == len(wanted)
    for topic, has in zip(wanted, await found(settings, *wanted), strict=True):
        assert has.partitions == topic.partitions
        assert has.replication == 1
        assert has.settings["min.insync.replicas"] == "1"
        assert {name: has.overrides[name] for name in topic.settings} == topic.settings
    said.clear()
    assert (await apply(settings, wanted=wanted, say=said.append)).clean
    assert said == []


async def test_settings_that_drifted_are_mended_and_those_of_others_kept(
    settings: Settings, wanted: tuple[Wanted, ...]
) -> None:
    topic = named(wanted, "config-changes")
    await apply(settings, wanted=wanted)
    await configure(settings, topic, retention_ms="1000", segment_jitter_ms="77", max_message_bytes="500000")
    plan = await read_plan(settings, wanted)
    changed = {step.setting: (step.before, step.after) for step in plan.steps if isinstance(step, Change)}
    assert changed["retention.ms"] == ("1000", topic.settings["retention.ms"])
    assert changed["max.message.bytes"] == ("500000", topic.settings["max.message.bytes"])
    assert {step.topic for step in plan.steps} == {topic.name}
    assert (await apply(settings, wanted=wanted)).clean
    (has,) = await found(settings, topic)
    assert has.overrides["segment.jitter.ms"] == "77"
    assert {name: has.settings[name] for name in topic.settings} == topic.settings


async def test_growing_keeps_every_record(settings: Settings, wanted: tuple[Wanted, ...]) -> None:
    topic = named(wanted, "system-health")
    await make(settings, topic, 2)
    async with AIOKafkaProducer(**settings.kafka_client()) as producer:
        for number in range(50):
            await producer.send_and_wait(topic.name, b"%d" % number, partition=number % 2)
    plan = await read_plan(settings, wanted)
    assert Grow(topic.name, 2, 6) in plan.steps
    assert (await apply(settings, wanted=wanted)).clean
    consumer = AIOKafkaConsumer(topic.name, **settings.kafka_client(), auto_offset_reset="earliest")
    async with consumer:
        assert len(consumer.assignment()) == 6
        values = {int((await asyncio.wait_for(consumer.getone(), 10)).value) for _ in range(50)}
    assert values == set(range(50))


async def test_a_longer_topic_takes_its_group_and_its_changelog_with_it(
    settings: Settings, wanted: tuple[Wanted, ...]
) -> None:
    long = named(wanted, "security-events")
    await apply(settings, wanted=[topic for topic in wanted if topic is not long])
    await make(settings, long, 7)
    assert (await apply(settings, wanted=wanted)).clean
    group = [topic for topic in wanted if topic.group == long.group]
    assert len(group) == 5
    assert {has.partitions for has in await found(settings, *group)} == {7}
    assert (await found(settings, named(wanted, DEAD_LETTERS)))[0].partitions == 12


async def test_growing_waits_for_workers_and_changes_nothing_while_they_work(
    settings: Settings, wanted: tuple[Wanted, ...]
) -> None:
    topic, other = named(wanted, "system-health"), named(wanted, "deployment-events")
    await apply(settings, wanted=[topic for topic in wanted if topic is not other])
    async with connected(settings.kafka_client()) as broker:
        await broker.create([Create(other.name, 3, 1, {})])
    worker = AIOKafkaConsumer(topic.name, **settings.kafka_client(), group_id=APP_ID, client_id="the-worker")
    await worker.start()
    try:
        await at_work(settings)
        with pytest.raises(OperatorError, match=r"drained.*the-worker"):
            await apply(settings, wanted=wanted)
        (has,) = await found(settings, other)
        assert has.partitions == 3
        assert "retention.ms" not in has.overrides
        waiting = asyncio.create_task(apply(settings, wanted=wanted, wait_s=60))
        await asyncio.sleep(1.5)
        assert not waiting.done()
    finally:
        await worker.stop()
    assert (await waiting).clean
    assert (await found(settings, other))[0].partitions == 6


async def test_force_grows_beside_workers(settings: Settings, wanted: tuple[Wanted, ...]) -> None:
    topic = named(wanted, "system-health")
    await make(settings, topic, 1)
    async with AIOKafkaConsumer(topic.name, **settings.kafka_client(), group_id=APP_ID):
        await at_work(settings)
        assert (await apply(settings, wanted=wanted, force=True)).clean


async def test_two_at_once_end_as_one(settings: Settings, wanted: tuple[Wanted, ...]) -> None:
    await make(settings, named(wanted, "system-health"), 1)
    plans = await asyncio.gather(*(apply(settings, wanted=wanted) for _ in range(3)))
    assert all(plan.clean for plan in plans)
    assert (await read_plan(settings, wanted)).clean


async def test_a_worker_that_starts_makes_what_is_missing_and_touches_nothing_else(settings: Settings) -> None:
    real = {topic.name: topic for topic in wanted_topics()}
    await make(settings, real["data-quality"], 3)
    with pytest.raises(OperatorError, match=r"data-quality has 3 of 12.*bootstrap apply topics"):
        await ensure_topics(settings)
    (has,) = await found(settings, real["data-quality"])
    assert (has.partitions, has.overrides) == (3, {})
    assert (await found(settings, real["data-lineage"]))[0].partitions == 12
    assert (await apply(settings)).clean
    await configure(settings, real["data-quality"], retention_ms="1000")
    left = await ensure_topics(settings)
    assert {step.topic for step in left.steps} == {"data-quality"}
    assert (await found(settings, real["data-quality"]))[0].overrides == {"retention.ms": "1000"}


async def test_topics_of_others_are_never_touched(settings: Settings, wanted: tuple[Wanted, ...]) -> None:
    foreign = replace(wanted[-1], name="somebody-elses")
    await make(settings, foreign, 1)
    before = await found(settings, foreign)
    await apply(settings, wanted=wanted)
    assert await found(settings, foreign) == before


def command(*arguments: str, servers: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "carbon_stream.cli", "bootstrap", *arguments],
        env={"PATH": "", "HOME": "/nonexistent", "KAFKA_BOOTSTRAP_SERVERS": servers},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_exit_statuses_tell_clean_changes_and_errors_apart(fresh_kafka: Any, free_port: int) -> None:
    servers = fresh_kafka().bootstrap_servers
    before = command("plan", "topics", "--output", "json", servers=servers)
    assert (before.returncode, before.stderr) == (2, "")
    assert {step["step"] for step in json.loads(before.stdout)["steps"]} == {"create"}
    applied = command("apply", "topics", servers=servers)
    assert (applied.returncode, applied.stderr) == (0, "")
    assert "audit-api-calls: create with 12 partitions, 1 replicas" in applied.stdout
    assert command("plan", "topics", servers=servers).returncode == 0
    away = command("plan", "topics", servers=f"127.0.0.1:{free_port}")
    assert (away.returncode, away.stdout) == (1, "")
    assert "KAFKA_BOOTSTRAP_SERVERS" in away.stderr
    assert "Traceback" not in away.stderr
