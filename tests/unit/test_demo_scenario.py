"""The demo's day: deterministic, complete, and as valid or as bad as it says."""

from itertools import islice, pairwise
from typing import Any

import orjson
import pytest

from carbon_stream.contracts import codec
from carbon_stream.contracts.catalog import BY_NAME, TOPICS
from carbon_stream.contracts.codec import Invalid
from carbon_stream.demo.cast import DASHBOARD, TRADES
from carbon_stream.demo.library import LibraryWay
from carbon_stream.demo.scenario import Scenario
from carbon_stream.demo.step import Expected, Step, Way

START_MS = 1_770_000_000_000


def play(count: int, seed: int = 7, cycle: int = 1_500, start: int = START_MS) -> list[Step]:
    ticks = iter(range(start, start + 100 * count))
    return list(islice(Scenario(seed, lambda: next(ticks), cycle).steps(), count))


def at_the_door(value: bytes | None) -> object:
    return codec.validate(codec.parse(value or b""))


def parsed(step: Step) -> dict[str, Any]:
    assert step.value is not None
    event: dict[str, Any] = orjson.loads(step.value)
    return event


def test_same_seed_and_clock_give_the_same_steps() -> None:
    assert play(800) == play(800)
    assert play(200) != play(200, seed=8)


def test_a_later_play_with_the_same_seed_is_a_new_day() -> None:
    first = {parsed(step)["eventId"] for step in play(60) if step.expected is Expected.TAKEN}
    later = {parsed(step)["eventId"] for step in play(60, start=START_MS + 1) if step.expected is Expected.TAKEN}
    assert not first & later


def test_the_first_three_hundred_steps_show_every_type_and_the_whole_lineage() -> None:
    steps = [step for step in play(300) if step.expected is Expected.TAKEN]
    assert {step.topic for step in steps} == {topic.name for topic in TOPICS}
    edges = {(e["sourceDataset"], e["targetDataset"]) for e in map(parsed, steps) if "sourceDataset" in e}
    hops, reached = 0, {TRADES}
    while DASHBOARD not in reached:
        reached = {target for source, target in edges if source in reached}
        assert reached
        hops += 1
    assert hops == 4


def test_every_type_goes_as_the_producer_library_sends_it_within_three_hundred_steps() -> None:
    assert {step.topic for step in play(300) if LibraryWay.takes(step)} == {topic.name for topic in TOPICS}
    taken = [step for step in play(4_000) if LibraryWay.takes(step)]
    assert {step.expected for step in taken} == {Expected.TAKEN, Expected.REPEAT}
    assert {step.way for step in taken} == {Way.KAFKA}


def test_what_should_be_taken_is_valid_and_what_should_not_is_not() -> None:
    seen = dict.fromkeys(Expected, 0)
    for step in play(6_000):
        seen[step.expected] += 1
        if step.expected is Expected.REFUSED:
            judge = codec.decoder(step.topic) if step.way is Way.KAFKA else at_the_door
            with pytest.raises(Invalid):
                judge(step.value)
        else:
            topic, _ = codec.validate(codec.parse(step.value or b""))
            assert topic.name == step.topic
            codec.decoder(step.topic)(step.value)
    assert all(count > 50 for count in seen.values()), seen


def test_a_repeat_has_the_bytes_and_the_partition_of_its_first() -> None:
    sent: set[tuple[Way, str, bytes | None, bytes | None]] = set()
    for step in play(4_000):
        identity = (step.way, step.topic, step.key, step.value)
        if step.expected is Expected.REPEAT:
            assert identity in sent
            if step.way is Way.KAFKA:
                assert step.key is not None
                assert step.key.decode() == BY_NAME[step.topic].key(parsed(step))
        sent.add(identity)


def test_producers_on_kafka_use_keys_of_every_kind() -> None:
    kinds = set()
    for step in play(4_000):
        if step.way is Way.KAFKA and step.expected is Expected.TAKEN:
            event = parsed(step)
            entity = BY_NAME[step.topic].key(event)
            kinds.add("none" if step.key is None else "entity" if step.key.decode() == entity else "other")
    assert kinds == {"none", "entity", "other"}


def test_a_deployment_breaks_its_service_and_a_rollback_mends_it() -> None:
    story: list[str] = []
    for step in play(1_500):
        if step.expected is not Expected.TAKEN:
            continue
        event = parsed(step)
        if event.get("serviceName") == "trino-coordinator":
            told = str(event["healthStatus"])
        elif event.get("deploymentName") == "trino-coordinator":
            told = str(event["action"])
        else:
            continue
        if not story or story[-1] != told:
            story.append(told)
    assert story == ["HEALTHY", "DEPLOY", "DEGRADED", "UNHEALTHY", "ROLLBACK", "DEGRADED", "HEALTHY"]


def test_every_service_tells_how_it_is_at_a_steady_pace() -> None:
    at: dict[object, list[int]] = {}
    for number, step in enumerate(play(3_000)):
        if step.topic == "system-health" and step.expected is Expected.TAKEN:
            at.setdefault(parsed(step)["serviceName"], []).append(number)
    assert len(at) == 12
    gaps = [later - earlier for beats in at.values() for earlier, later in pairwise(beats)]
    assert max(gaps) < 1.5 * min(gaps)


def test_the_flow_of_a_pipeline_is_one_chain_of_causes() -> None:
    events = {e["eventId"]: e for e in (parsed(s) for s in play(250) if s.expected is Expected.TAKEN)}
    ends = [e for e in events.values() if e.get("causationId") and e.get("datasetName") == DASHBOARD]
    assert ends
    length, event = 0, ends[0]
    while event.get("causationId"):
        assert events[event["causationId"]]["correlationId"] == event["correlationId"]
        event, length = events[event["causationId"]], length + 1
    assert length == 22
