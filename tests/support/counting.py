"""Workers of a small counting app, the events they get, and what the topics hold by brute force."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

from tests.support.processes import stop_all

APP = Path(__file__).parents[1] / "integration" / "streaming" / "counting_app.py"
PARTITIONS = 6


async def make_topics(bootstrap: str, replication: int = 1, name: str | None = None) -> str:
    """A new group's topics; returns the group's name."""
    name = name or f"once-{uuid.uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        appended = {"message.timestamp.type": "LogAppendTime"}
        compacted = {"cleanup.policy": "compact"}
        await admin.create_topics(
            [NewTopic(f"{name}-{topic}", PARTITIONS, replication, topic_configs=appended) for topic in ("a", "b")]
            + [NewTopic(f"{name}-dead", 3, replication)]
            + [NewTopic(f"{name}-counts-changelog", PARTITIONS, replication, topic_configs=compacted)]
        )
    finally:
        await admin.close()
    return name


class Workers:
    """Worker processes by number; each is stopped by its process id."""

    def __init__(self, group: str, bootstrap: str, folder: Path, app: Path = APP) -> None:
        self.group, self.bootstrap, self.folder, self.app = group, bootstrap, folder, app
        self.partitions = PARTITIONS
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int, **more: str) -> None:
        environment = {
            **os.environ,
            "GROUP": self.group,
            "BOOTSTRAP": self.bootstrap,
            "DATADIR": str(self.folder / f"worker-{number}"),
            "PARTITIONS": str(self.partitions),
            **more,
        }
        with (self.folder / f"worker-{number}.log").open("ab") as log:
            self.processes[number] = subprocess.Popen(
                [sys.executable, str(self.app), "worker", "-l", "info", "--without-web"],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip

    def kill(self, number: int) -> None:
        self.processes[number].kill()
        self.processes[number].wait()

    def drain(self, *numbers: int) -> None:
        """Ask workers to stop; each must end well."""
        asked = [self.processes.pop(number) for number in numbers]
        for process in asked:
            process.terminate()
        for process in asked:
            assert process.wait(60) == 0, self.logs()[-3000:]

    async def pause(self, number: int, seconds: float) -> None:
        self.processes[number].send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.processes[number].send_signal(signal.SIGCONT)

    async def share_partitions(self, seconds: float = 90.0) -> None:
        """Until each worker has its half of the partitions: a pair of which one idles would prove nothing."""
        share = f"count {PARTITIONS // 2}"
        async with asyncio.timeout(seconds):
            while not all(share in self.log(number) for number in self.processes):
                await asyncio.sleep(0.1)

    async def logged(self, number: int, what: str, begins: int = 0, seconds: float = 90.0) -> None:
        """Until a worker has said something, from a character of its log on."""
        async with asyncio.timeout(seconds):
            while what not in self.log(number)[begins:]:
                await asyncio.sleep(0.1)

    def log(self, number: int) -> str:
        path = self.folder / f"worker-{number}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        stop_all(self.processes.values(), 20)

    def exits(self) -> dict[int, int | None]:
        return {number: process.poll() for number, process in self.processes.items()}

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("worker-*.log")))


def events(dice: random.Random, count: int) -> Iterator[tuple[bytes, bytes | None]]:
    """Key and value: mostly events, some repeated within the key's partition, some without an id, some bad."""
    sent: list[tuple[bytes, bytes | None]] = []
    for _ in range(count):
        user = f"u{dice.randrange(300)}"
        key = user.encode()
        kind = dice.random()
        if kind < 0.05 and sent:
            yield dice.choice(sent[-200:])
        elif kind < 0.07:
            yield key, dice.choice([b"{", b"\xff\xfe", None, b"[]"])
        elif kind < 0.10:
            yield key, orjson.dumps({"source": "svc", "user": user})
        else:
            made = (
                key,
                orjson.dumps({"source": "svc", "user": user, "event_id": str(uuid.UUID(int=dice.getrandbits(128)))}),
            )
            sent.append(made)
            yield made


async def send(producer: AIOKafkaProducer, group: str, dice: random.Random, count: int, seconds: float) -> None:
    """`count` records, spread evenly over the time; each topic gets its own."""
    futures = []
    for number, (key, value) in enumerate(events(dice, count)):
        # a repeat goes to the topic of the first, which its key decides as well
        futures.append(await producer.send(f"{group}-{'ab'[sum(key) % 2]}", value, key=key))
        if number % 500 == 499:
            await asyncio.sleep(seconds * 500 / count)
    await asyncio.gather(*futures)


async def read(bootstrap: str, topic: str, partitions: int) -> list[tuple[int, bytes | None, bytes | None]]:
    """All committed records of a topic: (partition, key, value) in offset order by partition."""
    return [(r.partition, r.key, r.value) for r in await records_of(bootstrap, topic, partitions)]


async def records_of(bootstrap: str, topic: str, partitions: int) -> list[Any]:
    """All committed records of a topic, in offset order by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        tps = [TopicPartition(topic, n) for n in range(partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends, out = await consumer.end_offsets(tps), list[Any]()
        while any([await consumer.position(tp) < ends[tp] for tp in tps]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                out += records
        return out
    finally:
        await consumer.stop()


async def committed(bootstrap: str, group: str) -> int:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return sum(max(o.offset, 0) for o in (await admin.list_consumer_group_offsets(group)).values())
    except GroupCoordinatorNotAvailableError:
        return 0  # the broker is only just making the topic that offsets are kept in
    finally:
        await admin.close()


class Truth:
    """What the topics hold, counted by brute force."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[int, str]] = Counter()
        self.refused: set[tuple[str, int, int]] = set()
        self.records = self.repeats = 0

    @property
    def bad(self) -> int:
        return len(self.refused)

    @classmethod
    async def of(cls, bootstrap: str, group: str, partitions: int = PARTITIONS) -> "Truth":
        truth = cls()
        for topic in ("a", "b"):
            seen: set[tuple[int, str]] = set()
            for record in await records_of(bootstrap, f"{group}-{topic}", partitions):
                truth.records += 1
                partition = record.partition
                try:
                    event = orjson.loads(record.value or b"")
                    user, event_id = event["user"], event.get("event_id")
                except (ValueError, TypeError):
                    truth.refused.add((record.topic, partition, record.offset))
                    continue
                if event_id is not None and (partition, event_id) in seen:
                    truth.repeats += 1
                    continue
                if event_id is not None:
                    seen.add((partition, event_id))
                truth.counts[partition, user] += 1
        return truth


async def caught_up(workers: Workers, records: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (got := await committed(workers.bootstrap, workers.group)) < records:
        assert time.monotonic() < deadline, f"committed {got} of {records}\n{workers.logs()[-6000:]}"
        for number, status in workers.exits().items():
            assert status is None, f"worker {number} ended with {status}\n{workers.logs()[-6000:]}"
        await asyncio.sleep(0.3)


def origin(letter: Any) -> tuple[str, int, int]:
    """Where a dead letter stood: topic, partition, offset."""
    headers = dict(letter.headers)
    place = [headers[f"carbon-stream-origin-{part}"].decode() for part in ("topic", "partition", "offset")]
    return place[0], int(place[1]), int(place[2])


async def check(workers: Workers, seconds: float = 90) -> Truth:
    """The committed changelog and dead letters against the topics."""
    truth = await Truth.of(workers.bootstrap, workers.group, workers.partitions)
    await caught_up(workers, truth.records, seconds)
    await compare(workers, truth)
    return truth


async def compare(workers: Workers, truth: Truth) -> None:
    """Each event in the aggregates once or in the dead letters once, and the ledger says so."""
    bootstrap, group = workers.bootstrap, workers.group
    rows: dict[tuple[int, str], bytes] = {}
    ledger: dict[tuple[int, str], dict[str, int]] = {}
    for partition, key, value in await read(bootstrap, f"{group}-counts-changelog", workers.partitions):
        parts = orjson.loads(key or b"")
        if parts[0] == "user" and value is not None:
            rows[partition, parts[1]] = value
        elif parts[0] == "ledger" and value is not None:
            ledger[partition, parts[1]] = orjson.loads(value)
    assert {entity: orjson.loads(row)["n"] for entity, row in rows.items()} == dict(truth.counts)
    dead = [origin(letter) for letter in await records_of(bootstrap, f"{group}-dead", 3)]
    assert sorted(dead) == sorted(truth.refused), "each refused record once"
    totals = {name: sum(row[name] for row in ledger.values()) for name in ("applied", "duplicate", "dead", "position")}
    assert totals == {
        "applied": sum(truth.counts.values()),
        "duplicate": truth.repeats,
        "dead": truth.bad,
        "position": truth.records,
    }
