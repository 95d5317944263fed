"""Plans for topics are pure: every state of the brokers has one right answer."""

import json
from dataclasses import replace

import pytest

from carbon_stream.bootstrap.topics.desired import TABLE_GROUPS, Wanted, wanted_topics
from carbon_stream.bootstrap.topics.found import Cluster, Found
from carbon_stream.bootstrap.topics.plan import Change, Create, Grow, Plan, make_plan
from carbon_stream.bootstrap.topics.show import as_json, as_reassignment, as_text
from carbon_stream.contracts.catalog import TOPICS
from carbon_stream.contracts.names import DEAD_LETTERS

WANTED = wanted_topics()
THREE = (1, 2, 3)


def cluster(brokers: tuple[int, ...] = THREE, **changed: Found | None) -> Cluster:
    """Brokers that have every topic as wanted, but for `changed` (underscores stand for dashes; None: missing)."""
    in_sync = "2" if len(brokers) >= 3 else "1"
    topics = {
        topic.name: Found(
            topic.name,
            tuple(brokers[:3] for _ in range(topic.partitions)),
            {**topic.settings, "min.insync.replicas": in_sync},
        )
        for topic in WANTED
    }
    for name, found in changed.items():
        topics.pop(name.replace("_", "-"))
        if found is not None:
            topics[found.name] = found
    return Cluster(brokers, topics)


def plan(state: Cluster) -> Plan:
    return make_plan(WANTED, state)


def found(name: str, state: Cluster | None = None) -> Found:
    return (state or cluster()).topics[name]


def with_settings(name: str, **settings: str | None) -> Found:
    topic = found(name)
    merged: dict[str, str | None] = {**topic.settings, **{key.replace("_", "."): v for key, v in settings.items()}}
    return replace(topic, settings={key: value for key, value in merged.items() if value is not None})


@pytest.mark.parametrize("brokers", [(1,), (1, 2), THREE, (1, 2, 3, 4, 5)])
def test_topics_as_wanted_need_nothing(brokers: tuple[int, ...]) -> None:
    assert plan(cluster(brokers)).clean


@pytest.mark.parametrize(
    ("brokers", "replication", "in_sync"), [((7,), 1, "1"), ((1, 2), 2, "1"), (THREE, 3, "2"), ((1, 2, 3, 4), 3, "2")]
)
def test_empty_brokers_get_every_topic(brokers: tuple[int, ...], replication: int, in_sync: str) -> None:
    steps = plan(Cluster(brokers, {})).steps
    assert all(isinstance(step, Create) for step in steps)
    created = {step.topic: step for step in steps if isinstance(step, Create)}
    assert created.keys() == {topic.name for topic in WANTED}
    assert {step.replication for step in created.values()} == {replication}
    assert {step.settings["min.insync.replicas"] for step in created.values()} == {in_sync}
    for topic in TOPICS:
        assert created[topic.name].partitions == topic.partitions
        assert created[topic.name].settings["retention.ms"] == str(topic.retention_ms)
        assert created[topic.name].settings["cleanup.policy"] == "delete"


def test_changelogs_are_made_before_the_sources_that_feed_them() -> None:
    order = [step.topic for step in plan(Cluster(THREE, {})).steps]
    assert max(order.index(f"carbon-stream-{table}-changelog") for table in TABLE_GROUPS) < min(
        order.index(topic.name) for topic in TOPICS
    )


def test_the_dead_letter_topic_takes_64_kib_more_than_any_source() -> None:
    created = {
        s.topic: int(s.settings["max.message.bytes"]) for s in plan(Cluster(THREE, {})).steps if isinstance(s, Create)
    }
    assert created[DEAD_LETTERS] == max(created[topic.name] for topic in TOPICS) + 65_536


def test_a_source_with_a_raised_limit_keeps_it_and_the_dead_letters_follow() -> None:
    steps = plan(cluster(data_quality=with_settings("data-quality", max_message_bytes="9000000"))).steps
    assert [(s.topic, s.setting, s.after) for s in steps if isinstance(s, Change)] == [
        (DEAD_LETTERS, "max.message.bytes", str(9_000_000 + 65_536))
    ]
    assert len(steps) == 1


def test_a_limit_that_is_too_small_is_raised() -> None:
    (step,) = plan(cluster(data_quality=with_settings("data-quality", max_message_bytes="1048588"))).steps
    assert isinstance(step, Change)
    assert (step.setting, step.before) == ("max.message.bytes", "1048588")


def test_a_setting_that_drifted_is_mended_with_its_old_value_shown() -> None:
    drifted = with_settings("audit-api-calls", retention_ms="1000", compression_type="producer")
    result = plan(cluster(audit_api_calls=drifted))
    assert {(s.setting, s.before, s.after, s.loses) for s in result.steps if isinstance(s, Change)} == {
        ("retention.ms", "1000", str(30 * 86_400_000), False),
        ("compression.type", "producer", "lz4", False),
    }
    assert "set compression.type from producer to lz4" in as_text(result)


@pytest.mark.parametrize("before", ["-1", str(400 * 86_400_000)])
def test_a_shorter_retention_says_that_older_records_go(before: str) -> None:
    result = plan(cluster(audit_api_calls=with_settings("audit-api-calls", retention_ms=before)))
    assert [step.loses for step in result.steps if isinstance(step, Change)] == [True]
    assert "(older records go)" in as_text(result)


def test_a_short_topic_grows_and_nothing_else_happens() -> None:
    short = replace(found("system-health"), replicas=(THREE,) * 2)
    result = plan(cluster(system_health=short))
    assert result.steps == (Grow("system-health", 2, 6),)


def test_a_long_topic_is_taken_as_it_is_and_its_group_and_changelog_grow_with_it() -> None:
    long = replace(found("system-health"), replicas=(THREE,) * 8)
    result = plan(cluster(system_health=long))
    assert {(step.topic, step.before, step.after) for step in result.grows} == {
        ("carbon-stream-health-changelog", 6, 8),
        ("deployment-events", 6, 8),
        ("config-changes", 6, 8),
        ("security-events", 6, 8),
    }
    assert result.grows[0].topic == "carbon-stream-health-changelog"
    assert len(result.steps) == 4
    assert "system-health: 8 partitions, 6 wanted: taken as it is" in as_text(result)


def test_a_missing_topic_of_a_grown_group_is_made_with_the_groups_count() -> None:
    long = replace(found("audit-api-calls"), replicas=(THREE,) * 20)
    result = plan(cluster(audit_api_calls=long, audit_admin_ops=None))
    (created,) = (step for step in result.steps if isinstance(step, Create))
    assert (created.topic, created.partitions) == ("audit-admin-ops", 20)


def test_a_long_changelog_makes_nobody_grow() -> None:
    name = "carbon-stream-health-changelog"
    state = cluster()
    topics = {**state.topics, name: replace(found(name), replicas=(THREE,) * 9)}
    assert plan(Cluster(THREE, topics)).clean


def test_too_few_replicas_are_drift_with_the_command_that_mends_it() -> None:
    single = replace(
        found("data-lineage"),
        replicas=tuple((1 + number % 3,) for number in range(12)),
        settings={**found("data-lineage").settings, "min.insync.replicas": "1"},
    )
    result = plan(cluster(data_lineage=single))
    assert not result.steps, "with one replica, two in sync would refuse every write"
    assert [item.topic for item in result.drift] == ["data-lineage"]
    assert not result.clean
    assert "kafka-reassign-partitions.sh" in as_text(result)
    parts = json.loads(as_reassignment(result))["partitions"]
    assert len(parts) == 12
    for part in parts:
        assert sorted(part["replicas"]) == [1, 2, 3]
        assert part["replicas"][0] == 1 + part["partition"] % 3, "the leader stays"


def test_a_topic_with_one_replica_that_demands_two_is_made_writable() -> None:
    single = replace(found("data-lineage"), replicas=((1,),) * 12)
    result = plan(cluster(data_lineage=single))
    assert [(s.setting, s.before, s.after) for s in result.steps if isinstance(s, Change)] == [
        ("min.insync.replicas", "2", "1")
    ]


def test_more_replicas_than_wanted_are_left() -> None:
    four = replace(found("data-lineage", cluster((1, 2, 3, 4))), replicas=((1, 2, 3, 4),) * 12)
    assert plan(cluster((1, 2, 3, 4), data_lineage=four)).clean


def test_a_stated_replication_holds_even_while_a_broker_is_away() -> None:
    steps = make_plan(WANTED, Cluster((1, 2), {}), replicas=3).steps
    assert {step.replication for step in steps if isinstance(step, Create)} == {3}


def test_a_broker_that_is_away_changes_nothing() -> None:
    assert plan(Cluster((1, 3), cluster().topics)).clean


def test_brokers_may_write_a_number_in_another_way() -> None:
    name = "carbon-stream-audit-changelog"
    state = cluster()
    same = replace(found(name), settings={**found(name).settings, "min.cleanable.dirty.ratio": "0.20"})
    assert plan(Cluster(THREE, {**state.topics, name: same})).clean


def test_json_and_text_say_the_same() -> None:
    result = plan(Cluster((1,), {}, ("worker at /127.0.0.1",)))
    document = json.loads(as_json(result))
    assert document["clean"] is False
    assert {step["step"] for step in document["steps"]} == {"create"}
    assert len(document["steps"]) == len(WANTED) == as_text(result).count("\n")
    assert document["workers"] == ["worker at /127.0.0.1"]
    assert as_text(plan(cluster())) == "The topics are as they should be."


def test_what_is_wrong_with_one_topic_can_be_told() -> None:
    result = plan(cluster(data_quality=None))
    assert result.of("data-quality") == ["create with 12 partitions, 3 replicas"]
    assert result.of("data-lineage") == []


def test_no_plan_ever_names_a_topic_that_is_not_ours() -> None:
    state = cluster()
    foreign = {**state.topics, "orders": Found("orders", ((1,),), {"retention.ms": "1"})}
    assert plan(Cluster(THREE, foreign)).clean


def test_every_wanted_topic_is_in_a_group_of_one_count() -> None:
    counts: dict[str, set[int]] = {}
    topic: Wanted
    for topic in WANTED:
        counts.setdefault(topic.group, set()).add(topic.partitions)
    assert all(len(each) == 1 for each in counts.values())
