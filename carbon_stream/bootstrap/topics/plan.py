"""From what is there to what should be: pure. A plan is steps that can be taken, and drift that can only be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from carbon_stream.bootstrap.topics.desired import Wanted
from carbon_stream.bootstrap.topics.found import Cluster, Found

__all__ = ["Change", "Create", "Drift", "Grow", "Plan", "Step", "make_plan"]

REPLICAS = 3
_REPLICATION_COMMAND = (
    "carbon-stream bootstrap plan topics --output reassignment > reassignment.json &&"
    " kafka-reassign-partitions.sh --bootstrap-server {servers}"
    " --reassignment-json-file reassignment.json --execute"
)


@dataclass(frozen=True, slots=True)
class Create:
    """A topic is missing."""

    topic: str
    partitions: int
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Grow:
    """A topic has too few partitions. Records of a key may go to another partition from then on."""

    topic: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Change:
    """A setting differs. `loses` says that records may be deleted by it."""

    topic: str
    setting: str
    before: str | None
    after: str
    loses: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is not as it should be and that no step here mends; `command` does, where there is one."""

    topic: str
    text: str
    command: str | None = None


Step = Create | Grow | Change


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are taken, drift, notes, and a reassignment in Kafka's own JSON form."""

    steps: tuple[Step, ...]
    drift: tuple[Drift, ...]
    notes: tuple[Drift, ...]
    reassignment: Mapping[str, object] | None
    workers: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether everything is as it should be; a note is no fault."""
        return not self.steps and not self.drift

    @property
    def grows(self) -> tuple[Grow, ...]:
        return tuple(step for step in self.steps if isinstance(step, Grow))

    def of(self, topic: str) -> list[str]:
        """What is wrong with one topic, a line each."""
        return [describe(item) for item in (*self.steps, *self.drift) if item.topic == topic]


def describe(item: Step | Drift) -> str:
    """One line for people, without the topic's name."""
    match item:
        case Create():
            return f"create with {item.partitions} partitions, {item.replication} replicas"
        case Grow():
            return f"grow from {item.before} to {item.after} partitions"
        case Change():
            old = "unset" if item.before is None else item.before
            return f"set {item.setting} from {old} to {item.after}" + (" (older records go)" if item.loses else "")
        case Drift():
            return item.text


def make_plan(
    wanted: Sequence[Wanted], cluster: Cluster, *, servers: str = "localhost:9092", replicas: int | None = None
) -> Plan:
    """The plan for `wanted` on `cluster`. `replicas` overrides the usual count: three, or as many as there are brokers.

    `servers` only goes into the commands that are shown.
    """
    # A broker that is away for the moment still counts: it is known by the replicas it holds.
    brokers = sorted({*cluster.brokers, *(b for t in cluster.topics.values() for each in t.replicas for b in each)})
    replication = replicas or min(REPLICAS, max(len(brokers), 1))
    names = {topic.name for topic in wanted if not topic.is_changelog and not topic.room_bytes}
    sources = [found for name, found in cluster.topics.items() if name in names]
    wanted = [_roomy(topic, sources) for topic in wanted]
    counts = _group_counts(wanted, cluster.topics)
    creations: list[Step] = []
    growths: list[Step] = []
    changes: list[Step] = []
    drift: list[Drift] = []
    notes: list[Drift] = []
    for topic in wanted:
        count, found = counts[topic.group], cluster.topics.get(topic.name)
        if found is None:
            settings = {**topic.settings, "min.insync.replicas": str(_in_sync(replication, replication))}
            creations.append(Create(topic.name, count, replication, settings))
            continue
        if found.partitions < count:
            growths.append(Grow(topic.name, found.partitions, count))
        elif found.partitions > topic.partitions:
            notes.append(Drift(topic.name, f"{found.partitions} partitions, {topic.partitions} wanted: taken as it is"))
        changes.extend(_changes(topic, found, _in_sync(found.replication, replication)))
        if found.replication < replication:
            text = f"{found.replication} of {replication} replicas"
            drift.append(Drift(topic.name, text, _REPLICATION_COMMAND.format(servers=servers)))
    short = [cluster.topics[item.topic] for item in drift]
    reassignment = _reassignment(short, brokers, replication) if short else None
    steps = (*creations, *growths, *changes)
    return Plan(steps, tuple(drift), tuple(notes), reassignment, cluster.workers)


def _group_counts(wanted: Iterable[Wanted], found: Mapping[str, Found]) -> dict[str, int]:
    """One count a group: the largest that is wanted, or that a source topic of the group has already.

    A changelog with more partitions than its sources makes nobody grow: partition n of a source is all it must have.
    """
    counts: dict[str, int] = {}
    for topic in wanted:
        there = found.get(topic.name)
        has = there.partitions if there and not topic.is_changelog else 0
        counts[topic.group] = max(counts.get(topic.group, 0), topic.partitions, has)
    return counts


def _roomy(topic: Wanted, sources: Iterable[Found]) -> Wanted:
    """A topic that must hold what any source holds, and more, follows a source whose limit was raised."""
    if not topic.room_bytes:
        return topic
    limits = [int(each.settings.get("max.message.bytes", 0)) for each in sources]
    needed = max([int(topic.settings["max.message.bytes"]), *(limit + topic.room_bytes for limit in limits)])
    return replace(topic, settings={**topic.settings, "max.message.bytes": str(needed)})


def _in_sync(has: int, wanted: int) -> int:
    """min.insync.replicas: two of three. More than a topic's replicas less one would stop writers at the first failure,
    and more than its replicas at once, so a topic that still lacks replicas keeps 1 until it has them.
    """
    return 2 if min(has, wanted) >= REPLICAS else 1


def _changes(topic: Wanted, found: Found, in_sync: int) -> Iterable[Change]:
    for setting, value in {**topic.settings, "min.insync.replicas": str(in_sync)}.items():
        has = found.settings.get(setting)
        if has == value or (has is not None and _same_number(has, value)):
            continue
        if has is not None and setting in topic.at_least and float(has) > float(value):
            continue
        yield Change(topic.name, setting, has, value, loses=_loses(setting, has, value))


def _same_number(one: str, other: str) -> bool:
    """Brokers write 0.2 and 0.20 alike."""
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def _loses(setting: str, before: str | None, after: str) -> bool:
    if setting == "cleanup.policy":
        return True
    if setting != "retention.ms" or before is None:
        return False
    return int(before) < 0 or int(before) > int(after)


def _reassignment(topics: Iterable[Found], brokers: Sequence[int], replication: int) -> dict[str, object]:
    """Adds replicas to each partition, spread over the brokers; the present ones stay, the leader first."""
    partitions = []
    for topic in topics:
        for number, present in enumerate(topic.replicas):
            spread = [brokers[(number + step) % len(brokers)] for step in range(len(brokers))]
            added = [broker for broker in spread if broker not in present][: max(replication - len(present), 0)]
            partitions.append({"topic": topic.name, "partition": number, "replicas": [*present, *added]})
    return {"version": 1, "partitions": partitions}
