"""Topics on three brokers: three replicas, two in sync, and the same plan while one broker is away."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from carbon_stream.bootstrap.topics.apply import apply, read_plan
from carbon_stream.bootstrap.topics.broker import connected
from carbon_stream.bootstrap.topics.desired import wanted_topics
from carbon_stream.bootstrap.topics.found import Found
from carbon_stream.bootstrap.topics.show import as_reassignment, as_text
from carbon_stream.contracts.catalog import Group
from carbon_stream.contracts.names import APP_ID
from carbon_stream.local import LocalKafka
from carbon_stream.settings import Settings

WANTED = tuple(topic for topic in wanted_topics() if topic.group == Group.SYSTEM)
LATER = tuple(replace(topic, name=f"later.{topic.name}") for topic in WANTED)


@pytest.fixture
def settings(three_brokers: LocalKafka) -> Settings:
    return Settings(kafka_bootstrap_servers=three_brokers.bootstrap_servers)


@pytest.fixture
def without_one(three_brokers: LocalKafka) -> Iterator[None]:
    three_brokers.stop_node(3)
    try:
        yield
    finally:
        three_brokers.start_node(3)


async def found(settings: Settings, *names: str) -> list[Found]:
    async with connected(settings.kafka_client()) as broker:
        cluster = await broker.read(names, APP_ID)
    return [cluster.topics[name] for name in names]


async def test_topics_get_three_replicas_of_which_two_must_agree(settings: Settings) -> None:
    assert (await apply(settings, wanted=WANTED)).clean
    for has in await found(settings, *(topic.name for topic in WANTED)):
        assert {len(set(each)) for each in has.replicas} == {3}
        assert has.settings["min.insync.replicas"] == "2"
    leaders = {each[0] for has in await found(settings, "system-health") for each in has.replicas}
    assert leaders == {1, 2, 3}


async def test_a_topic_with_one_replica_is_reported_and_stays_writable(settings: Settings) -> None:
    topic = replace(WANTED[-1], name="single", group="single")
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    await admin.start()
    await admin.create_topics([NewTopic(topic.name, topic.partitions, 1)])
    await admin.close()
    left = await apply(settings, wanted=[topic])
    assert not left.steps
    assert [(item.topic, item.text) for item in left.drift] == [("single", "1 of 3 replicas")]
    assert f"--bootstrap-server {settings.kafka_bootstrap_servers}" in as_text(left)
    parts = json.loads(as_reassignment(left))["partitions"]
    (has,) = await found(settings, topic.name)
    assert [part["replicas"][:1] for part in parts] == [list(each) for each in has.replicas]
    assert all(sorted(part["replicas"]) == [1, 2, 3] for part in parts)
    async with AIOKafkaProducer(**settings.kafka_client(), acks="all", enable_idempotence=True) as producer:
        await producer.send_and_wait(topic.name, b"taken")


async def test_a_broker_that_is_away_changes_no_plan(settings: Settings, without_one: None) -> None:
    assert (await read_plan(settings, WANTED)).clean, "two in sync must not become one because a broker rests"
    assert (await apply(settings, wanted=WANTED)).clean


async def test_a_stated_replication_holds_while_a_broker_is_away(settings: Settings, without_one: None) -> None:
    stated = settings.model_copy(update={"topic_replication": 3})
    assert (await apply(stated, wanted=LATER)).clean
    assert {has.replication for has in await found(settings, *(topic.name for topic in LATER))} == {3}
